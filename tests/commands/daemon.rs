//! `assize run`: its start, its end, and what happens when it dies, is asked twice, or finds its state damaged.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::program::{Output, Running};
use crate::stage::{Stage, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_it_cleanly_and_requests_under_way_are_answered() {
    let mut stage = Stage::start("").await;
    assert!(stage.socket().exists());
    let mut request = TcpStream::connect(stage.front).unwrap();
    request.write_all(b"GET /slow HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").unwrap();
    let (daemon, _) = (stage.daemon.take().unwrap(), stage.release("start").exits(0));
    // The request has been sent on when the ones after it have been.
    stage.answers().await;
    daemon.signal("TERM");
    let mut answer = String::new();
    request.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("at last"), "cut off: {answer:?}");
    let output = daemon.wait().exits(0);
    assert!(!stage.socket().exists(), "{output:#?}");
    output.complains("taken up at the next start");
    // The release is still there for the next.
    stage.start_daemon(&[]);
    stage.release("watch").exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_is_written_before_the_end() {
    let mut stage = Stage::start("hold = \"40s\"").await;
    stage.release("start").exits(0);
    stage.release("revert").exits(0);
    stage.until_release("it is over", |release| release["outcome"] == "reverted");
    let daemon = stage.daemon.take().unwrap();
    daemon.signal("INT");
    assert_eq!(daemon.wait().exits(0).json_lines().last().unwrap()["event"], "ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_does_not_start_and_does_not_disturb_the_first() {
    let stage = Stage::start("").await;
    stage.run(&[]).wait().exits(1).complains(text(&stage.state())).complains("another");
    // Nor with a state directory of its own at the first one's socket.
    let other = stage.path("other");
    let beside = stage.run(&["--state-dir", text(&other), "--socket", text(&stage.socket())]);
    beside.wait().exits(1).complains("in use").complains(text(&stage.socket()));
    // Nor with a socket of its own at the first one's port.
    let beside = stage.run(&["--state-dir", text(&other)]);
    beside.wait().exits(1).complains(&stage.front.to_string()).complains("shop");
    assert_eq!(stage.status()["live"], "blue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_at_the_sockets_place_is_not_removed() {
    let mut stage = Stage::without_daemon("").await;
    let precious = stage.path("precious.txt");
    std::fs::write(&precious, "precious").unwrap();
    stage.run(&["--socket", text(&precious)]).wait().exits(1).complains("--socket");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    // A dead daemon's socket is.
    stage.start_daemon(&[]);
    stage.daemon.take().unwrap().kill();
    assert!(stage.socket().exists());
    stage.start_daemon(&[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_with_wrong_rules_keeps_the_old_ones() {
    let stage = Stage::start("").await;
    let daemon = stage.daemon();
    stage.write_rules("stepz = [7]");
    daemon.signal("HUP");
    stage.until("the fault is told", |_| daemon.stderr().contains("the old rules stay"));
    assert!(daemon.stderr().contains("shop.toml:20:1: error: "), "{}", daemon.stderr());
    stage.release("start").exits(0);
    assert_eq!(stage.status()["release"]["steps"], 1);
    stage.release("cancel").exits(0);
    stage.until_release("it is over", |release| release["outcome"] == "cancelled");

    let rules = std::fs::read_to_string(stage.rules()).unwrap();
    let two_steps = rules.replace("stepz = [7]", "").replace("[50]", "[10, 50]");
    std::fs::write(stage.rules(), two_steps).unwrap();
    daemon.signal("HUP");
    stage.until("the new rules are told", |_| daemon.stderr().contains("new rules from now on"));
    stage.release("start").exits(0);
    assert_eq!(stage.status()["release"]["steps"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_rules_are_shown_and_nothing_is_made() {
    let stage = Stage::without_daemon("stepz = [7]").await;
    let output = stage.run(&[]).wait().exits(2).complains("shop.toml:20:1: error: ").complains("`steps`");
    assert_eq!(output.stdout, "");
    assert!(!stage.state().exists(), "{output:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_journal_is_not_touched() {
    let mut stage = Stage::start("").await;
    let daemon = stage.daemon.take().unwrap();
    daemon.signal("TERM");
    daemon.wait().exits(0);
    let database = stage.state().join("assize.db");
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[..4096].fill(0x5a);
    std::fs::write(&database, &bytes).unwrap();
    let output = stage.run(&[]).wait().exits(1).complains(text(&database)).complains("left as it is");
    assert_eq!(output.stdout, "");
    assert!(TcpStream::connect(stage.front).is_err() && !stage.socket().exists(), "nothing runs");
    assert!(std::fs::read(&database).unwrap() == bytes, "the file is as it was");
    stage.assize(&["explain"]).exits(1).complains(text(&database));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_goes_on_behind_kill_9() {
    let mut stage = Stage::start("hold = \"1500ms\"").await;
    stage.release("start").exits(0);
    stage.until_step();
    let watching = stage.command(&["release", "watch", "shop"]);
    stage.until("the watcher watches", |_| !watching.stdout().is_empty());
    stage.daemon.take().unwrap().kill();
    stage.release("status").exits(1).complains("no daemon answers");
    let told = stage.assize(&["explain", "shop-1"]).exits(0);
    assert!(told.stdout.contains("under way"), "also without a daemon: {told:#?}");
    stage.start_daemon(&[]);
    watching.wait().exits(0).complains("the daemon has gone");
    let story = stage.assize(&["explain", "shop-1", "--json"]).exits(0).json();
    let events: Vec<&Value> =
        story["verdicts"].as_array().unwrap().iter().map(|said| &said["event"]).collect();
    assert!(events.contains(&&json!("resumed")), "{events:?}");
    assert_eq!(story["outcome"], "promoted");
    stage.all_answers_come_from("green").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_whose_release_ended_behind_its_back_is_told_how() {
    let mut stage = Stage::start("hold = \"40s\"").await;
    stage.release("start").exits(0);
    stage.until_step();
    let watching = stage.command(&["release", "watch", "shop"]);
    stage.until("the watcher watches", |_| !watching.stdout().is_empty());
    watching.signal("STOP");
    stage.release("revert").exits(0);
    stage.until_release("it is over", |release| release["outcome"] == "reverted");
    stage.daemon.take().unwrap().kill();
    stage.start_daemon(&[]);
    watching.signal("CONT");
    watching.wait().exits(10);
    // And so is one that comes later still.
    assert!(stage.release("watch").exits(10).stdout.contains("shop-1 has ended, not promoted"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_under_way_is_taken_up_although_no_file_names_its_service() {
    let mut stage = Stage::start("hold = \"40s\"").await;
    stage.release("start").exits(0);
    stage.until_step();
    stage.daemon.take().unwrap().kill();
    let rules = std::fs::read_to_string(stage.path("shop.toml")).unwrap();
    let front = stage.front.to_string();
    // Renamed, and on another port: the first one's router serves its release.
    let renamed = rules.replace("name = \"shop\"", "name = \"store\"").replace(&front, "127.0.0.1:0");
    std::fs::write(stage.path("shop.toml"), renamed).unwrap();
    stage.start_daemon(&[]);
    assert!(stage.daemon().stderr().contains("no rule file names this service"));
    stage.release("revert").exits(0);
    stage.release("watch").exits(10);
}

/// A release with `--record`, and its samples replayed with the rules of the stage.
async fn recorded(fails: bool) -> (Output, Output) {
    let mut stage = Stage::without_daemon("").await;
    stage.green_fails.store(fails, std::sync::atomic::Ordering::Relaxed);
    let dir = stage.path("samples");
    stage.start_daemon(&["--record", text(&dir)]);
    let watched = stage.assize(&["release", "start", "shop", "--watch", "--json"]);
    let samples = dir.join("shop-1.jsonl");
    let replayed = stage.assize(&["replay", text(&stage.rules()), "--samples", text(&samples)]);
    (watched, replayed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_promotion_is_judged_the_same_again() {
    let (watched, replayed) = recorded(false).await;
    watched.exits(0);
    let last = replayed.exits(0).json_lines().pop().unwrap();
    assert_eq!((&last["decision"], &last["check"]), (&json!("promote"), &json!("errors")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_revert_is_judged_the_same_again_to_the_word() {
    let (watched, replayed) = recorded(true).await;
    let verdicts = watched.exits(10).json_lines();
    let harm = verdicts.iter().find(|verdict| verdict["event"] == "harm").unwrap();
    let last = replayed.exits(10).json_lines().pop().unwrap();
    for key in ["decision", "reason", "weight", "checks"] {
        assert_eq!(last[key], harm[key], "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_knows_that_the_roles_were_swapped() {
    let mut stage = Stage::without_daemon("").await;
    let dir = stage.path("samples");
    stage.start_daemon(&["--record", text(&dir)]);
    stage.assize(&["release", "start", "shop", "--watch"]).exits(0);
    // Green is live now and fails: blue is no worse.
    stage.green_fails.store(true, std::sync::atomic::Ordering::Relaxed);
    stage.assize(&["release", "start", "shop", "--watch"]).exits(0);
    let samples = dir.join("shop-2.jsonl");
    let first = std::fs::read_to_string(&samples).unwrap().lines().next().unwrap().to_owned();
    assert!(first.contains(r#""live":"green""#), "{first}");
    let replay = |more: &[&str]| {
        let rules = stage.rules();
        let all = [&["replay", text(&rules), "--samples", text(&samples)], more].concat();
        stage.assize(&all)
    };
    replay(&[]).exits(0);
    replay(&["--live", "blue"]).exits(10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_can_be_read_by_people() {
    let mut stage = Stage::without_daemon("").await;
    stage.start_daemon(&["--log", "pretty"]);
    stage.assize(&["release", "start", "shop", "--watch"]).exits(0);
    let said = |daemon: &Running| daemon.stdout();
    stage.until("the end is told", |stage| said(stage.daemon()).contains("promoted: green is live"));
    let text = said(stage.daemon());
    for line in text.lines() {
        assert!(!line.starts_with('{') && line.contains(" shop-1 "), "{line}");
        let clock: Vec<&str> = line.split(' ').next().unwrap().split(':').collect();
        assert!(clock.len() == 3 && clock.iter().all(|part| part.len() == 2), "{line}");
    }
    assert!(text.contains("errors healthy"), "{text}");
    assert!(!stage.daemon().stderr().contains('{'), "{}", stage.daemon().stderr());
}
