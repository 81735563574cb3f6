//! The daemon is killed at the worst moments; the release goes on and ends as it would have.

use crate::stage::{Faults, Plan, Stage};

/// Kills the daemon when `event` with `phase` is said, starts it again, and wants the release promoted.
async fn killed_at(event: &str) {
    let mut stage = Stage::start(Plan::default(), Faults::good(), Faults::good());
    stage.start_release();
    stage.verdict(event);
    stage.kill_daemon();
    stage.start_daemon();
    stage.verdict("resumed");
    let end = stage.watch();
    assert_eq!(end.exit, 0, "{end:?}");
    stage.all_traffic_goes_to("green").await;
    let story = stage.assize(&["explain", "shop-1", "--json"]).json();
    assert_eq!(story["outcome"], "promoted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_shifting() {
    killed_at("started").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_holding() {
    killed_at("weight").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_promoting() {
    killed_at("decision:promote").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_soaking() {
    killed_at("cut_over").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_holding_a_bad_candidate_still_reverts() {
    let bad = Faults { error_rate: 0.05, ..Faults::good() };
    let mut stage = Stage::start(Plan { warmup: "6s", ..Plan::default() }, Faults::good(), bad);
    stage.start_release();
    stage.verdict("weight");
    stage.kill_daemon();
    stage.start_daemon();
    let end = stage.watch();
    assert_eq!(end.exit, 10, "{end:?}");
    stage.all_traffic_goes_to("blue").await;
}
