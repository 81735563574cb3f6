//! The tests of the measuring itself, `benches/power`: a harness that measures wrongly proves nothing.
//!
//! A bench without the standard harness has no tests of its own, so its modules are taken in here.

#[path = "../benches/power/main.rs"]
#[allow(dead_code, reason = "what the program uses, its tests need not")]
mod power;
