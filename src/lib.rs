//! Assize judges blue/green releases.
pub mod client;
pub mod journal;
pub mod judge;
pub mod release;
pub mod router;
pub mod rules;
pub mod sample;
pub mod source;
