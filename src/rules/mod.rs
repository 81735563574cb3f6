//! Rules: one TOML file per service, compiled into typed, validated rules.
pub mod model;
