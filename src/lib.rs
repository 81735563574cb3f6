//! pure
pub mod client;
pub mod evidence;
pub mod journal;
pub mod judge;
pub mod probe;
pub mod release;
pub mod rules;
pub mod sample;
