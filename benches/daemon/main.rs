//! Speed and size of the whole daemon on real parts, each beside a peer measured in the same run.
//!
//! `cargo bench --bench daemon` prints a table. It starts Prometheus, HAProxy, two colours and the daemon on loopback,
//! as the end-to-end tests do, and takes about two minutes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot go on has failed"
)]
#![allow(missing_docs, reason = "a program")]

#[path = "../../tests/support/haproxy.rs"]
mod haproxy;
#[path = "../../tests/support/load.rs"]
mod load;
#[path = "../../tests/support/process.rs"]
mod process;
#[path = "../../tests/support/prometheus.rs"]
mod prometheus;
#[path = "../../tests/e2e/stage.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod stage;

use std::time::Duration;

use stage::{Faults, Plan, Stage};
use tokio::time::Instant;

/// Releases whose reversion is timed.
const RELEASES: usize = 15;

/// Starts of the daemon that are timed.
const STARTS: usize = 9;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _inside = runtime.enter();
    measure();
}

fn measure() {
    // `cargo test --benches` and `cargo bench -- --list` only want to know that it builds.
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let bad = Faults { error_rate: 0.5, ..Faults::good() };
    let plan = Plan { steps: "[50]", hold: "2s", warmup: "0s" };
    let mut stage = Stage::start(plan, Faults::good(), bad);
    println!("{:<46} {:>12} {:>12} {:>8}", "", "assize", "peer", "ratio");
    let orders = reversions(&stage);
    let peer = socket_exchanges(&stage);
    row(
        "sample in to router's word, median, ms",
        median(&orders),
        "haproxy socket, 4 exchanges",
        median(&peer),
    );
    memory(&stage);
    starts(&mut stage);
}

fn row(what: &str, ours: f64, peer_name: &str, peer: f64) {
    println!("{what:<46} {ours:>12.2} {peer:>12.2} {:>8.2}   ({peer_name})", ours / peer);
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// From the moment that a convicting sample is taken in to the moment that the router has confirmed the revert, by the
/// log's own clock: judging, journal on disk, HAProxy set and read back.
fn reversions(stage: &Stage) -> Vec<f64> {
    (0..RELEASES)
        .map(|_| {
            let release = stage.release();
            assert_eq!(release.exit, 10, "{release:?}");
            release.from("harm").until("ended").as_secs_f64() * 1_000.0
        })
        .collect()
}

/// What a revert needs of HAProxy at the least: read, set two weights, read back.
fn socket_exchanges(stage: &Stage) -> Vec<f64> {
    (0..RELEASES)
        .map(|_| {
            let start = Instant::now();
            for command in [
                "show servers state shop",
                "set server shop/green1 weight 0",
                "set server shop/blue1 weight 100",
                "show servers state shop",
            ] {
                stage.haproxy.command(command);
            }
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect()
}

/// Resident memory while a release is judged.
fn memory(stage: &Stage) {
    stage.start_release();
    stage.verdict("weight");
    let ours = resident_mib(stage.daemon_pid());
    row(
        "resident memory with one release, MiB",
        ours,
        "prometheus that it asks",
        resident_mib(stage.prometheus.pid()),
    );
    stage.watch();
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes fit a double exactly")]
fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib as f64 / 1024.0
}

/// From the start of the process to its first question to Prometheus, with a release to take up again.
fn starts(stage: &mut Stage) {
    let ours: Vec<f64> = (0..STARTS).map(|_| first_question(stage)).collect();
    let peer: Vec<f64> = (0..3)
        .map(|_| {
            stage.prometheus.stop();
            let start = Instant::now();
            tokio::runtime::Handle::current().block_on(stage.prometheus.start());
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    row("start to first sample, median, ms", median(&ours), "prometheus: start to listening", median(&peer));
}

fn first_question(stage: &mut Stage) -> f64 {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    stage.point_rules_at(&format!("http://{}", server.local_addr().unwrap()));
    stage.start_release();
    stage.kill_daemon();
    // What the daemon asked before it was killed is not what is timed.
    server.set_nonblocking(true).unwrap();
    while server.accept().is_ok() {}
    server.set_nonblocking(false).unwrap();
    let start = Instant::now();
    stage.spawn_daemon();
    let _asked = server.accept().unwrap();
    let took = start.elapsed();
    stage.assize_until_ok(&["release", "cancel", "shop"]);
    stage.watch();
    std::thread::sleep(Duration::from_millis(100));
    took.as_secs_f64() * 1_000.0
}
