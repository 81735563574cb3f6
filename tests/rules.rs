//! Rule files as people write them: what compiles, to what, and what is said of the rest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::too_many_lines, clippy::format_collect, reason = "tables of cases")]

#[path = "rules/common.rs"]
mod common;
#[path = "rules/cross.rs"]
mod cross;
#[path = "rules/fuzz.rs"]
mod fuzz;
#[path = "rules/keys.rs"]
mod keys;
#[path = "rules/kinds.rs"]
mod kinds;
#[path = "rules/valid.rs"]
mod valid;
#[path = "rules/whole.rs"]
mod whole;
