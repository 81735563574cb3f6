//! What the embedded router records, and what it says itself when a colour or a client fails.

use assize::router::embedded::EmbeddedRouter;
use assize::rules::model::Query;
use assize::sample::Reading;
use assize::source::Source;
use assize::source::embedded::EmbeddedSource;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::peers::{self, dead_address, raw_exchange, raw_server, read_head, until};
use crate::{client, colour, count, green, to_green, url};

#[tokio::test]
async fn an_upgrade_that_nobody_asked_for_is_not_granted() {
    let peer = raw_server(|mut stream, _| async move {
        let granted = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        stream.write_all(granted.as_bytes()).await.unwrap();
    })
    .await;
    let router = to_green(peer, 5_000).await;
    let answer = client().get(url(&router, "/")).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(count(&green(&router), 502), 1);
}

#[tokio::test]
async fn a_colour_that_fails_is_named_in_the_answer_and_in_the_books() {
    let hangs = raw_server(|stream, _| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let closes = raw_server(|stream, _| async move { drop(stream) }).await;
    for (at, timeout_ms, code, says) in [
        (dead_address().await, 5_000, 502, "assize: no connection to green\n"),
        (closes, 5_000, 502, "assize: green broke off without an answer\n"),
        (hangs, 100, 504, "assize: green did not answer within 100 ms\n"),
    ] {
        let router = to_green(at, timeout_ms).await;
        let answer = client().get(url(&router, "/")).send().await.unwrap();
        assert_eq!(answer.status(), code);
        assert_eq!(answer.text().await.unwrap(), says);
        assert_eq!(count(&green(&router), code), 1);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_bad_although_its_status_was_good() {
    let peer = raw_server(|mut stream, _| async move {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await.unwrap();
    })
    .await;
    let router = to_green(peer, 5_000).await;
    let answer = client().get(url(&router, "/")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    until("recorded", || green(&router).ended == 1).await;
    let seen = green(&router);
    assert_eq!((count(&seen, 200), count(&seen, 502), seen.aborted), (0, 1, 0));
}

#[tokio::test]
async fn a_client_that_stalls_or_leaves_is_not_the_colours_fault() {
    let reads = axum::Router::new().route("/", post(|body: String| async move { body }));
    let router = to_green(peers::serve(reads).await, 1_000).await;
    let part = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
    let mut stalls = TcpStream::connect(router.local_addr()).await.unwrap();
    stalls.write_all(part.as_bytes()).await.unwrap();
    let head = read_head(&mut stalls).await;
    assert!(head.starts_with("HTTP/1.1 408"), "{head}");
    assert_eq!(green(&router).answered(|code| code >= 500), 0);

    let bad_chunk = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n";
    raw_exchange(router.local_addr(), bad_chunk).await;
    until("ended", || green(&router).ended == 2).await;
    assert_eq!(green(&router).answered(|code| code >= 500), 0);

    let patient = to_green(peers::serve(axum::Router::new()).await, 20_000).await;
    let mut leaves = TcpStream::connect(patient.local_addr()).await.unwrap();
    leaves.write_all(part.as_bytes()).await.unwrap();
    until("sent", || green(&patient).sent == 1).await;
    drop(leaves);
    until("ended", || green(&patient).ended == 1).await;
    assert_eq!(green(&patient).answered(|code| code >= 500), 0);
}

#[tokio::test]
async fn a_slow_upload_is_no_late_answer() {
    let reads = axum::Router::new().route("/", post(|body: String| async move { body }));
    let router = to_green(peers::serve(reads).await, 1_500).await;
    let mut stream = TcpStream::connect(router.local_addr()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").await.unwrap();
    // Longer than the limit in all, but never silent for as long as the limit.
    for _ in 0..10 {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        stream.write_all(b"x").await.unwrap();
    }
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

fn checks() -> Vec<(String, Query)> {
    let errors = Query::Counters { bad: "5xx,429".into(), total: String::new() };
    let latency = Query::Histogram { buckets: String::new() };
    vec![("errors".into(), errors), ("latency".into(), latency)]
}

async fn source(router: &EmbeddedRouter) -> EmbeddedSource {
    let both = ["blue", "green"].map(colour);
    let mut source = EmbeddedSource::new(router.recorder(), checks(), both).unwrap();
    source.sample().await;
    source
}

#[tokio::test]
async fn the_source_gives_what_happened_since_the_last_tick() {
    let app = axum::Router::new()
        .route("/ok", get(|| async { "ok" }))
        .route("/busy", get(|| async { StatusCode::TOO_MANY_REQUESTS }))
        .route("/bad", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    let router = to_green(peers::serve(app).await, 20_000).await;
    let mut source = source(&router).await;
    for tick in 1..=2 {
        for path in ["/ok", "/ok", "/busy", "/bad"] {
            let answer = client().get(url(&router, path)).send().await.unwrap();
            answer.bytes().await.unwrap();
        }
        until("four more ended", || green(&router).ended == 4 * tick).await;
        let samples = source.sample().await;
        assert_eq!(samples[0].reading, Reading::Counts { bad: 0, total: 0 }, "blue had none");
        assert_eq!(samples[1].reading, Reading::Counts { bad: 2, total: 4 });
        assert_eq!(samples[2].reading.events(), 0);
        assert_eq!(samples[3].reading.events(), 4);
        assert_eq!(green(&router).aborted, 0);
    }
}

#[tokio::test]
async fn a_colour_that_hangs_is_counted_as_silent_and_not_as_good() {
    let app = axum::Router::new().fallback(std::future::pending::<()>);
    let router = to_green(peers::serve(app).await, 20_000).await;
    let mut source = source(&router).await;
    let nothing = Reading::Counts { bad: 0, total: 0 };

    let hanging = tokio::spawn(client().get(url(&router, "/")).send());
    until("sent", || green(&router).sent == 1).await;
    assert_eq!(source.sample().await[1].reading, nothing);

    hanging.abort();
    until("given up", || green(&router).ended == 1).await;
    let samples = source.sample().await;
    assert_eq!(samples[1].reading, nothing, "no answer is no good answer");
    assert_eq!(samples[3].reading.events(), 1, "but it took that long");
}
