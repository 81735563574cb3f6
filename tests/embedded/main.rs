//! The embedded router between real sockets. Here: its split, its start and its end; `passing` looks at what it passes
//! on, `books` at what it records and what it says itself when a colour or a client fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod books;
mod passing;
#[path = "../support/peers.rs"]
mod peers;

use std::net::SocketAddr;
use std::sync::Arc;

use assize::router::embedded::{EmbeddedRouter, Seen};
use assize::router::{Router, RouterError, Split};
use assize::rules::model::EmbeddedRule;
use assize::sample::{Colour, Weight};
use axum::routing::get;
use futures::StreamExt;
use peers::{colour_server, dead_address, until};
use url::Url;

fn colour(name: &str) -> Colour {
    Colour::new(name).unwrap()
}

fn colours(blue: SocketAddr, green: SocketAddr) -> [(Colour, Url); 2] {
    [("blue", blue), ("green", green)]
        .map(|(name, at)| (colour(name), Url::parse(&format!("http://{at}")).unwrap()))
}

fn rule(timeout_ms: u64) -> EmbeddedRule {
    EmbeddedRule { listen: "127.0.0.1:0".into(), live: colour("blue"), timeout_ms }
}

/// A router whose green gets everything: the tests look at what happens on the way to one colour.
async fn to_green(green: SocketAddr, timeout_ms: u64) -> Arc<EmbeddedRouter> {
    let colours = colours(dead_address().await, green);
    let router = EmbeddedRouter::start(&rule(timeout_ms), colours).await.unwrap();
    router.set(&Split { colour: colour("green"), weight: Weight::ALL }).await.unwrap();
    router
}

fn green(router: &EmbeddedRouter) -> Seen {
    router.recorder().seen(&colour("green")).unwrap()
}

fn count(seen: &Seen, code: u16) -> u64 {
    seen.answered(|c| c == code)
}

fn client() -> reqwest::Client {
    assize::client::builder().build().unwrap()
}

fn url(router: &EmbeddedRouter, path: &str) -> String {
    format!("http://{}{path}", router.local_addr())
}

#[tokio::test]
async fn live_serves_until_a_split_is_set_and_then_it_is_exact() {
    let colours = colours(colour_server("blue").await, colour_server("green").await);
    let router = EmbeddedRouter::start(&rule(5_000), colours).await.unwrap();
    let client = client();
    assert_eq!(router.read().await.unwrap().first, None);
    for _ in 0..20 {
        let answer = client.get(url(&router, "/")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "blue");
    }
    for percent in [0_u8, 1, 25, 50, 100] {
        let split = Split { colour: colour("green"), weight: Weight::from_percent(percent.into()).unwrap() };
        router.set(&split).await.unwrap();
        assert_eq!(router.read().await.unwrap().first, Some(split.weight.rest()));
        assert_eq!(router.achievable(&split), split.weight);
        // Places in the order of turns are exact by the hundred; four clients share them.
        let before = green(&router);
        let many = futures::stream::iter(0..200).map(|_| client.get(url(&router, "/")).send());
        let answers: Vec<_> = many.buffer_unordered(4).collect().await;
        assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 200));
        assert_eq!(green(&router).since(&before).sent, 2 * u64::from(percent), "{percent}%");
    }
}

#[tokio::test]
async fn shutdown_lets_requests_end_and_takes_no_more() {
    let (say, heard) = tokio::sync::watch::channel(false);
    let app = axum::Router::new().route(
        "/slow",
        get(move || {
            let mut heard = heard.clone();
            async move {
                heard.wait_for(|said| *said).await.unwrap();
                "done"
            }
        }),
    );
    let router = to_green(peers::serve(app).await, 20_000).await;
    let request = tokio::spawn(client().get(url(&router, "/slow")).send());
    until("sent", || green(&router).sent == 1).await;
    let closing = tokio::spawn({
        let router = Arc::clone(&router);
        async move { router.shutdown().await }
    });
    until("no more connections", || std::net::TcpStream::connect(router.local_addr()).is_err()).await;
    assert!(!closing.is_finished(), "one request is under way");
    say.send_replace(true);
    assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "done");
    closing.await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let (blue, green) = (dead_address().await, dead_address().await);
    let first = EmbeddedRouter::start(&rule(1), colours(blue, green)).await.unwrap();
    let mut taken = rule(1);
    taken.listen = first.local_addr().to_string();
    let Err(RouterError::Refused { at, why }) = EmbeddedRouter::start(&taken, colours(blue, green)).await
    else {
        panic!("bound twice");
    };
    assert!(at == taken.listen && why.contains("another `listen`"), "{at}: {why}");

    let mut tls = colours(blue, green);
    tls[1].1 = Url::parse("https://10.0.0.1").unwrap();
    let error = EmbeddedRouter::start(&rule(1), tls).await.err().unwrap();
    assert!(error.to_string().contains("http://host:port"), "{error}");

    let split = Split { colour: colour("red"), weight: Weight::ALL };
    assert!(first.set(&split).await.unwrap_err().to_string().contains("blue and green"));
}
