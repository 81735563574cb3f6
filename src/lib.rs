//! Assize judges blue/green releases: it compares the candidate with the live colour by sequential tests and tells the
//! router to shift, promote or revert.
//!
//! The pure half decides: [`rules`], [`sample`], [`evidence`], [`judge`], [`release`]. The shell does: [`source`],
//! [`probe`], [`router`], [`journal`], [`daemon`], [`api`], [`cli`]. `ARCHITECTURE.md` has the map.

pub mod api;
pub mod cli;
pub mod client;
pub mod daemon;
pub mod demo;
pub mod evidence;
pub mod journal;
pub mod judge;
pub mod plot;
pub mod probe;
pub mod release;
pub mod replay;
pub mod router;
pub mod rules;
pub mod sample;
pub mod simulate;
pub mod source;
