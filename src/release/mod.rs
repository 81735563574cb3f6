//! The life of a release, as a pure function of what happened.
pub mod effect;
pub mod event;
pub mod plan;
pub mod verdict;
