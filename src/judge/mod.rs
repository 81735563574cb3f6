//! From tests to standings, from standings to a finding.
pub mod report;
pub mod spec;
