//! Parts around the daemon fail; the release must not go wrong with them.

use std::time::Duration;

use crate::stage::{Faults, Plan, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_prometheus_the_release_holds_and_goes_on_when_it_is_back() {
    let mut stage = Stage::start(Plan::default(), Faults::good(), Faults::good());
    stage.start_release();
    stage.verdict("weight");
    assert_eq!(stage.haproxy_weights(), [90, 10]);
    stage.prometheus.stop();
    let blind = stage.verdict("blind");
    assert_eq!(blind["decision"], "hold");
    let reason = blind["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("not reached"), "{reason}");
    // Held: no step is taken for as long as nothing is seen, though the hold has long been over.
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(stage.haproxy_weights(), [90, 10]);
    }
    stage.prometheus.start().await;
    let end = stage.watch();
    assert_eq!(end.exit, 0, "{end:?}");
    stage.all_traffic_goes_to("green").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_haproxy_gets_its_weight_back_within_two_ticks() {
    let mut stage = Stage::start(Plan { hold: "12s", ..Plan::default() }, Faults::good(), Faults::good());
    stage.start_release();
    stage.verdict("weight");
    let before = stage.haproxy_weights();
    assert_eq!(before, [90, 10]);
    stage.haproxy.restart();
    let since = tokio::time::Instant::now();
    let drift = stage.verdict("drift");
    assert!(drift["reason"].as_str().is_some_and(|reason| reason.contains("restarted")), "{drift}");
    stage.weights_become(before);
    // Two ticks of a second, and what it takes to read and set on a machine that runs other tests beside this one.
    let took = since.elapsed();
    assert!(took <= Duration::from_millis(2_500), "{took:?}");
    assert_eq!(stage.watch().exit, 0);
    stage.all_traffic_goes_to("green").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_router_and_journal_at_odds_nothing_moves_until_a_person_says() {
    let mut stage = Stage::start(Plan::default(), Faults::good(), Faults::good());
    stage.stop_daemon();
    stage.haproxy.command("set server shop/blue1 weight 0; set server shop/green1 weight 100");
    stage.start_daemon();
    let refused = stage.assize_until(&["release", "start", "shop"], "assize release live shop");
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(stage.haproxy_weights(), [0, 100], "untouched");
    let said = stage.assize(&["release", "live", "shop", "blue"]);
    assert_eq!(said.code, 0, "{said:?}");
    stage.all_traffic_goes_to("blue").await;
    let started = stage.assize(&["release", "start", "shop"]);
    assert_eq!(started.code, 0, "{started:?}");
}

#[test]
fn five_mistakes_give_five_errors_and_nothing_starts() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("shop.toml");
    let text = crate::stage::rules_with_five_mistakes();
    std::fs::write(&rules, text).unwrap();
    let state = dir.path().join("state");
    let output = crate::stage::assize(&state, &["run", rules.to_str().unwrap()]);
    assert_eq!(output.code, 2, "{output:?}");
    for place in ["shop.toml:6:", "shop.toml:10:", "shop.toml:12:", "shop.toml:16:", "shop.toml:21:"] {
        assert!(output.stderr.contains(place), "{place} in:\n{}", output.stderr);
    }
    assert_eq!(output.stderr.matches(": error: ").count(), 5, "{}", output.stderr);
    assert!(!state.exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_router_that_serves_nobody_is_put_right_with_and_without_a_release() {
    let stage = Stage::start(Plan { hold: "8s", ..Plan::default() }, Faults::good(), Faults::good());
    let nobody = "set server shop/blue1 weight 0; set server shop/green1 weight 0";
    stage.haproxy.command(nobody);
    stage.weights_become([100, 0]);
    stage.start_release();
    stage.verdict("weight");
    stage.haproxy.command(nobody);
    stage.verdict("drift");
    stage.weights_become([90, 10]);
    assert_eq!(stage.assize(&["release", "revert", "shop"]).code, 0);
    stage.all_traffic_goes_to("blue").await;
}
