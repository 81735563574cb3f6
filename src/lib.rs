//! Assize judges blue/green releases.
pub mod client;
pub mod judge;
pub mod probe;
pub mod release;
pub mod router;
pub mod rules;
pub mod sample;
pub mod source;
