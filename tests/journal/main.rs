//! The journal from outside: what it promises, on disk and in memory, through crashes, damage and full disks.
//!
//! `contract`: what every journal does. `crash`: killed writers and the lock. `damage`: files that are not whole.
//! `space`: full and read-only file systems. `round_trip`: whatever goes in comes out equal.
//! `material` makes events and verdicts. What needs a look inside is in `src/journal/sqlite/tests.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy knows only functions marked as tests, not what they call"
)]

mod contract;
mod crash;
mod damage;
mod material;
mod round_trip;
mod space;
