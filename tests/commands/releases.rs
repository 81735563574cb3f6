//! `assize release` and `assize explain` against a daemon: releases started, watched, steered and told.

use serde_json::{Value, json};

use crate::stage::Stage;

/// A plan under which nothing is decided while a case looks.
const LONG: &str = "hold = \"40s\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_is_promoted_told_and_followed_by_one_the_other_way() {
    let stage = Stage::start("").await;
    assert_eq!(stage.answers().await, ["blue"], "blue is live before the first release");
    assert_eq!(stage.release("status").exits(0).stdout, "shop: blue is live\n");

    let started = stage.release("start").exits(0);
    assert_eq!(started.stdout, "release shop-1 started: green is the candidate, blue is live\n");
    let watched = stage.release("watch").exits(0);
    assert!(watched.stdout.contains("promoted: green is live"), "{watched:#?}");
    assert_eq!(stage.answers().await, ["green"]);
    let status = stage.status();
    assert_eq!((&status["service"], &status["live"]), (&json!("shop"), &json!("green")), "{status:#}");
    let release = &status["release"];
    assert_eq!((&release["release"], &release["outcome"]), (&json!("shop-1"), &json!("promoted")));
    let again = stage.release("watch").exits(0);
    assert!(again.stdout.contains("shop-1 has ended"), "{again:?}");

    let watched = stage.assize(&["release", "start", "shop", "--watch", "--json"]).exits(0);
    let lines = watched.json_lines();
    assert_eq!(lines[0]["release"], "shop-2");
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["decision"]), (&json!("ended"), &json!("promote")));
    assert_eq!((&last["live"], &last["candidate"]), (&json!("green"), &json!("blue")));
    assert_eq!(stage.answers().await, ["blue"]);
    story(&stage);
}

/// What the journal tells of two releases, with and without the daemon.
fn story(stage: &Stage) {
    let told = stage.assize(&["explain", "shop-1"]).exits(0);
    for part in
        ["shop-1 of shop: blue (live) to green (candidate), started by tester", "promoted, took", "errors"]
    {
        assert!(told.stdout.contains(part), "{part} in {told:#?}");
    }
    let story = stage.assize(&["explain", "shop-1", "--json"]).exits(0).json();
    assert_eq!((&story["release"], &story["outcome"]), (&json!("shop-1"), &json!("promoted")));
    assert!(story["samples"].as_u64() > Some(0) && story["rules"].as_str().unwrap().contains("[plan]"));
    let events: Vec<&Value> =
        story["verdicts"].as_array().unwrap().iter().map(|said| &said["event"]).collect();
    assert_eq!((events[0], *events.last().unwrap()), (&json!("started"), &json!("ended")), "{events:?}");
    for event in ["weight", "cut_over"] {
        assert!(events.contains(&&json!(event)), "{event} in {events:?}");
    }
    let said = stage.daemon().stdout();
    let said: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_first: Vec<Value> = said.into_iter().filter(|verdict| verdict["release"] == "shop-1").collect();
    assert_eq!(story["verdicts"], json!(of_first), "the verdict log and the journal say the same");

    let listed = stage.assize(&["explain", "shop"]).exits(0);
    assert!(listed.stdout.contains("shop-1") && listed.stdout.contains("shop-2"), "{listed:#?}");
    assert_eq!(stage.assize(&["explain"]).exits(0).stdout, listed.stdout, "there is no other service");
    let listed = stage.assize(&["explain", "shop", "--json"]).exits(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed:#}");
    stage.assize(&["explain", "shop-3"]).exits(1).complains("no release or service `shop-3`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn harm_reverts_and_the_watcher_exits_10() {
    let stage = Stage::start("").await;
    stage.green_fails.store(true, std::sync::atomic::Ordering::Relaxed);
    let watched = stage.assize(&["release", "start", "shop", "--watch"]).exits(10);
    assert!(watched.stdout.contains("errors: candidate "), "{watched:#?}");
    assert_eq!(stage.answers().await, ["blue"]);
    assert_eq!(stage.status()["release"]["outcome"], "reverted");
    let text = stage.release("status").exits(0).stdout;
    assert!(text.contains("shop-1: ended, reverted") && text.contains("harmful"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_release_stays_on_its_step_until_it_is_resumed() {
    let stage = Stage::start("").await;
    stage.release("start").exits(0);
    stage.release("pause").exits(0);
    let held = stage.until_release("health is proved", |release| {
        release["weight"] == 50 && release["checks"][0]["standing"] == "healthy"
    });
    assert_eq!((&held["paused_by"], &held["outcome"]), (&json!("tester"), &Value::Null), "{held:#}");
    // Its hold is over when as much time has passed again.
    let seen = held["checks"][0]["candidate"]["n"].as_u64().unwrap();
    let later = stage.until_release("many more ticks", |release| {
        release["checks"][0]["candidate"]["n"].as_u64() > Some(2 * seen + 100)
    });
    assert_eq!((&later["step"], &later["weight"]), (&json!(1), &json!(50)), "{later:#}");
    let resumed = stage.release("resume").exits(0);
    assert!(resumed.stdout.contains("tester"), "{resumed:?}");
    stage.release("watch").exits(0);
}

/// Starts a long release, gives an order while somebody watches, and wants the watcher to end like that.
async fn ordered(order: &str, exit: i32, outcome: &str, serves: &str) {
    let stage = Stage::start(LONG).await;
    stage.release("start").exits(0);
    stage.until_step();
    let watching = stage.command(&["release", "watch", "shop"]);
    stage.until("the watcher watches", |_| !watching.stdout().is_empty());
    let ordered = stage.release(order).exits(0);
    assert!(ordered.stdout.contains("tester"), "who did it is told: {ordered:?}");
    let watched = watching.wait().exits(exit);
    assert!(watched.stdout.contains(outcome), "{watched:#?}");
    assert_eq!(stage.status()["release"]["outcome"], outcome);
    assert_eq!(stage.answers().await, [serves]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revert_by_hand() {
    ordered("revert", 10, "reverted", "blue").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_by_hand() {
    ordered("cancel", 12, "cancelled", "blue").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promote_by_hand() {
    ordered("promote", 0, "promoted", "green").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_refused_and_says_what_can() {
    let stage = Stage::start(LONG).await;
    for order in ["pause", "resume", "promote", "revert", "cancel"] {
        let refused = stage.release(order).exits(1).complains("assize release start shop");
        assert_eq!(refused.stdout, "");
    }
    let live = |colour: &str| stage.assize(&["release", "live", "shop", colour]);
    live("red").exits(1).complains("it has `blue` and `green`");

    stage.release("start").exits(0);
    stage.release("start").exits(1).complains("shop-1 is under way").complains("assize release revert shop");
    live("green").exits(1).complains("shop-1 is under way");
    assert_eq!(stage.assize(&["explain", "shop", "--json"]).json().as_array().map(Vec::len), Some(1));

    let unknown = "no service `shp` here; this daemon watches: shop";
    for action in ["start", "status", "watch", "revert"] {
        stage.assize(&["release", action, "shp"]).exits(1).complains(unknown);
    }
    stage.assize(&["release", "live", "shp", "blue"]).exits(1).complains(unknown);
    stage.assize(&["release", "status", "shop/releases"]).exits(1).complains("no service");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_can_say_which_colour_is_live() {
    let stage = Stage::start("").await;
    let said = stage.assize(&["release", "live", "shop", "green"]).exits(0);
    assert!(said.stdout.contains("green is live"), "{said:?}");
    assert_eq!(stage.status()["live"], "green");
    stage.all_answers_come_from("green").await;
    let started = stage.assize(&["release", "start", "shop", "--json"]).exits(0).json();
    assert!(started["message"].as_str().unwrap().contains("blue is the candidate"), "{started}");
    let all = stage.assize(&["release", "status", "--json"]).exits(0).json();
    assert_eq!(all[0]["release"]["candidate"], "blue", "{all:#}");
}

#[test]
fn without_a_daemon_every_command_says_so_at_once() {
    let state = tempfile::tempdir().unwrap();
    let dir = state.path().to_str().unwrap();
    for action in ["start", "status", "watch", "pause", "resume", "promote", "revert", "cancel"] {
        let output = crate::program::assize(&["release", action, "shop", "--state-dir", dir]);
        let output = output.exits(1).complains("no daemon answers at").complains("assize run");
        assert!(output.stderr.contains(&format!("{dir}/assize.sock")), "{output:?}");
    }
    let output = crate::program::assize(&["explain", "--state-dir", dir]).exits(1);
    output.complains("assize.db").complains("state directory");
}
