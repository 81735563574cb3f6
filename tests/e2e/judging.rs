//! What the judge sees, it acts on.

use std::time::Duration;

use crate::stage::{Faults, Plan, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_as_good_as_live_is_promoted_and_the_next_release_goes_the_other_way() {
    let stage = Stage::start(Plan::default(), Faults::good(), Faults::good());
    let first = stage.release();
    assert_eq!((first.exit, first.live.as_str(), first.candidate.as_str()), (0, "blue", "green"));
    stage.all_traffic_goes_to("green").await;
    let second = stage.release();
    assert_eq!((second.exit, second.live.as_str(), second.candidate.as_str()), (0, "green", "blue"));
    stage.all_traffic_goes_to("blue").await;
    let listed = stage.assize(&["explain", "shop", "--json"]);
    assert_eq!(listed.json().as_array().map(Vec::len), Some(2), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_fails_ten_times_as_often_is_reverted_within_thirty_seconds() {
    let plan = Plan { steps: "[50]", ..Plan::default() };
    let stage = Stage::start(plan, Faults::good(), Faults { error_rate: 0.05, ..Faults::good() });
    let release = stage.release();
    assert_eq!(release.exit, 10, "{release:?}");
    let took = release.from("weight").until("ended");
    assert!(took <= Duration::from_secs(30), "first traffic at 50% to all traffic on live: {took:?}");
    let harm = release.find("harm");
    assert_eq!(harm["decision"], "revert");
    assert!(harm["reason"].as_str().is_some_and(|reason| reason.contains("errors")), "{harm}");
    stage.all_traffic_goes_to("blue").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_whose_slow_share_doubled_is_reverted() {
    let slow = |slow_share| Faults { slow_share, ..Faults::good() };
    let stage = Stage::start(Plan::default(), slow(0.12), slow(0.24));
    let release = stage.release();
    assert_eq!(release.exit, 10, "{release:?}");
    assert!(release.find("harm")["reason"].as_str().is_some_and(|reason| reason.contains("latency")));
    stage.all_traffic_goes_to("blue").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_candidate_is_reverted_and_the_log_says_silent() {
    let stage = Stage::start(Plan::default(), Faults::good(), Faults { silent: true, ..Faults::good() });
    let release = stage.release();
    assert_eq!(release.exit, 10, "{release:?}");
    let silent = release.find("silent");
    assert_eq!(silent["decision"], "revert");
    assert!(silent["reason"].as_str().is_some_and(|reason| reason.contains("silent")), "{silent}");
    stage.all_traffic_goes_to("blue").await;
}
