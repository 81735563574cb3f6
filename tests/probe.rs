//! Probes against real sockets: every way in which one can fail is counted, and both colours are asked alike.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/peers.rs"]
mod peers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use assize::probe::Prober;
use assize::rules::model::{Expect, ProbeRule};
use assize::sample::{Colour, Reading, Sample};
use axum::routing::get;
use peers::{colour_server, dead_address, raw_server, until};
use tokio::io::AsyncWriteExt;
use tokio::sync::Barrier;
use url::Url;

fn colour(name: &str) -> Colour {
    Colour::new(name).unwrap()
}

fn probe(name: &str) -> ProbeRule {
    ProbeRule {
        name: name.into(),
        get: "/".into(),
        every_ms: 100,
        timeout_ms: 5_000,
        expect: Expect { status: 200, body_contains: None, within_ms: None },
    }
}

fn prober(probes: &[ProbeRule], blue: SocketAddr, green: SocketAddr) -> Prober {
    let colours = [("blue", blue), ("green", green)]
        .map(|(name, at)| (colour(name), Url::parse(&format!("http://{at}")).unwrap()));
    Prober::new(probes, colours, assize::probe::client().unwrap())
}

fn counts(sample: &Sample) -> (&str, &str, u64, u64) {
    match sample.reading {
        Reading::Counts { bad, total } => (&sample.check, sample.colour.as_str(), bad, total),
        _ => panic!("{sample:?}"),
    }
}

/// Waits for counts of one probe.
async fn taken(prober: &Prober) -> Vec<Sample> {
    let mut samples = Vec::new();
    until("a probe has run", || {
        samples = prober.take();
        !samples.is_empty()
    })
    .await;
    samples
}

/// The reason with which a probe fails on green, while blue is fine.
async fn failure(probe: ProbeRule, green: SocketAddr) -> String {
    let prober = prober(std::slice::from_ref(&probe), colour_server("ok").await, green);
    let samples = taken(&prober).await;
    let (_, _, good_bad, good_total) = counts(&samples[0]);
    let (name, who, bad, total) = counts(&samples[1]);
    assert_eq!((name, who), (probe.name.as_str(), "green"));
    assert!(total >= 1 && bad == total && good_bad == 0 && good_total == total, "{samples:?}");
    assert_eq!(prober.last_failure(&probe.name, &colour("blue")), None);
    prober.last_failure(&probe.name, &colour("green")).unwrap()
}

#[tokio::test]
async fn every_kind_of_failure_is_a_bad_event_with_its_reason() {
    let refused = failure(probe("p"), dead_address().await).await;
    assert!(refused.starts_with("no connection: ") && refused.contains("refused"), "{refused}");

    let hangs_up = raw_server(|stream, _| async move { drop(stream) }).await;
    let closed = failure(probe("p"), hangs_up).await;
    assert!(closed.starts_with("no answer: "), "{closed}");

    let teapot = axum::Router::new().fallback(|| async { axum::http::StatusCode::IM_A_TEAPOT });
    let status = failure(probe("p"), peers::serve(teapot).await).await;
    assert_eq!(status, "status 418, expected 200");

    let moved = axum::Router::new()
        .route("/", get(|| async { axum::response::Redirect::temporary("/there") }))
        .route("/there", get(|| async { "ok" }));
    let redirect = failure(probe("p"), peers::serve(moved).await).await;
    assert_eq!(redirect, "status 307, expected 200");

    let mut wants = probe("p");
    wants.expect.body_contains = Some("ok".into());
    let text = failure(wants, colour_server("nope").await).await;
    assert_eq!(text, "no `ok` in the body of 4 bytes");

    let half = raw_server(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let broke = failure(probe("p"), half).await;
    assert!(broke.starts_with("body broke off after 4 bytes: "), "{broke}");
}

#[tokio::test]
async fn slowness_is_a_failure_too() {
    let hangs = raw_server(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    // Blue is asked under the same limit, so it must be one that even a busy machine keeps.
    let mut impatient = probe("p");
    impatient.timeout_ms = 1_000;
    assert_eq!(failure(impatient, hangs).await, "timed out after 1000 ms");

    let slow = raw_server(|mut stream, _| async move {
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    })
    .await;
    let mut strict = probe("p");
    strict.expect.within_ms = Some(1_000);
    let late = failure(strict, slow).await;
    assert!(late.starts_with("took 1") && late.ends_with("expected at most 1000 ms"), "{late}");
}

#[tokio::test]
async fn only_the_first_mib_of_a_body_is_read() {
    let endless = axum::Router::new().fallback(|| async {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 64 * 1024]));
        axum::body::Body::from_stream(chunks)
    });
    let endless = peers::serve(endless).await;
    let prober1 = prober(&[probe("reads")], endless, endless);
    assert_eq!(
        counts(&taken(&prober1).await[0]).2,
        0,
        "an endless body is good if nothing is expected of it"
    );
    let mut wants = probe("wants");
    wants.expect.body_contains = Some("ok".into());
    let why = failure(wants, endless).await;
    assert_eq!(why, "no `ok` in the body of 1048576 bytes");
}

#[tokio::test]
async fn both_colours_are_asked_at_the_same_moment() {
    // Each answers only when the other has been asked too.
    let barrier = Arc::new(Barrier::new(2));
    let meets = |barrier: Arc<Barrier>| {
        axum::Router::new().fallback(move || {
            let barrier = Arc::clone(&barrier);
            async move {
                barrier.wait().await;
                "ok"
            }
        })
    };
    let blue = peers::serve(meets(Arc::clone(&barrier))).await;
    let green = peers::serve(meets(barrier)).await;
    let prober = prober(&[probe("p")], blue, green);
    for _ in 0..3 {
        for sample in taken(&prober).await {
            let (.., bad, total) = counts(&sample);
            assert!(bad == 0 && total >= 1, "{sample:?}");
        }
    }
}

#[tokio::test]
async fn each_run_is_counted_once() {
    let asked = Arc::new(AtomicU64::new(0));
    let counting = {
        let asked = Arc::clone(&asked);
        axum::Router::new().fallback(move || {
            asked.fetch_add(1, Ordering::SeqCst);
            async { "ok" }
        })
    };
    let green = peers::serve(counting).await;
    let mut rare = probe("rare");
    rare.every_ms = 3_600_000;
    let prober = prober(&[probe("often"), rare], colour_server("ok").await, green);
    let mut runs = [0, 0];
    until("the frequent one has run five times", || {
        for sample in prober.take() {
            let (name, who, _, total) = counts(&sample);
            if who == "green" {
                runs[usize::from(name == "rare")] += total;
            }
        }
        runs[0] >= 5 && runs[1] >= 1
    })
    .await;
    let others = prober.take().iter().filter(|sample| sample.check == "rare").count();
    assert_eq!((runs[1], others), (1, 0), "a probe that did not run again is not listed");
    // A run is counted when both colours have answered: one may be under way.
    let asked = asked.load(Ordering::SeqCst);
    assert!((runs[0] + 1..=runs[0] + 3).contains(&asked), "{runs:?} counted, {asked} asked");
}

#[tokio::test]
async fn a_dropped_prober_gives_up_what_is_under_way() {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    static LEFT: AtomicU64 = AtomicU64::new(0);
    let hangs = raw_server(|mut stream, _| async move {
        ASKED.fetch_add(1, Ordering::SeqCst);
        peers::read_head(&mut stream).await;
        LEFT.fetch_add(1, Ordering::SeqCst);
    })
    .await;
    let mut patient = probe("p");
    patient.timeout_ms = 3_600_000;
    let prober = prober(&[patient], hangs, hangs);
    until("both are asked", || ASKED.load(Ordering::SeqCst) == 2).await;
    assert_eq!(LEFT.load(Ordering::SeqCst), 0);
    drop(prober);
    until("both are given up", || LEFT.load(Ordering::SeqCst) == 2).await;
}

#[tokio::test]
async fn a_listener_that_is_gone_is_seen_at_once() {
    // The connection stays open and would go on to answer, but nobody can open a new one.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let green = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        loop {
            if peers::read_head(&mut stream).await.is_empty() {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let prober = prober(&[probe("p")], colour_server("ok").await, green);
    until("refused", || prober.last_failure("p", &colour("green")).is_some()).await;
    let why = prober.last_failure("p", &colour("green")).unwrap();
    assert!(why.starts_with("no connection: "), "{why}");
}
