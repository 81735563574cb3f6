//! The commands as a user or a script runs them: the real program, its output, its exit codes.
//!
//! `program` runs it. `replay`, `replay_faults` and `replay_picture` judge sample files that `samples` writes; `check` validates rules,
//! `plan` simulates them; `usage` is help, completions and mistyped commands; `demo` is the demo. `releases` and
//! `daemon` steer a real daemon with the embedded router between two small servers, which `stage` sets up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/load.rs"]
mod load;
#[path = "../support/peers.rs"]
mod peers;
#[path = "../support/process.rs"]
mod process;

mod check;
mod daemon;
mod demo;
mod plan;
mod program;
mod releases;
mod replay;
mod replay_faults;
mod replay_picture;
mod samples;
mod stage;
mod usage;
