//! The life of a release, as a pure function of what happened.
//!
//! [`plan`] says how it should go, [`state`] where it is, [`event`] what can happen, [`effect`] what it wants done,
//! and [`step`] is the machine itself. It uses the judge and knows nothing of the shell.

pub mod effect;
pub mod event;
pub mod plan;
pub mod ruling;
pub mod settle;
pub mod state;
pub mod step;
pub mod verdict;
pub mod words;
