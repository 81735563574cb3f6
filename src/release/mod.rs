//! The life of a release, as a pure function of what happened.
pub mod plan;
