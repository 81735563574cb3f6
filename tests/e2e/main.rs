//! Whole releases on real parts: Prometheus and HAProxy from Debian, two colours as processes of their own, real load
//! through HAProxy, and the daemon as a user runs it. Each case starts from a clean state.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/haproxy.rs"]
mod haproxy;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/prometheus.rs"]
mod prometheus;

mod crashes;
mod judging;
mod outages;
mod schema;
mod stage;
