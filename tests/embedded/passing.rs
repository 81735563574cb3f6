//! What the embedded router passes on, both ways.

use axum::body::Body;
use axum::extract::Request;
use axum::routing::{get, post};
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::peers::{self, colour_server, raw_exchange, raw_server, read_head, until};
use crate::{client, count, green, to_green, url};

#[tokio::test]
async fn requests_and_answers_pass_without_the_headers_of_one_hop() {
    let peer = raw_server(|mut stream, head| async move {
        let body = head.to_lowercase();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nConnection: x-private\r\nX-Private: 1\r\nKeep-Alive: timeout=1\r\n\
             X-End: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let router = to_green(peer, 5_000).await;
    let answer = raw_exchange(
        router.local_addr(),
        "GET /a/b?c=d%20e HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n\
         Proxy-Authorization: secret\r\nX-Forwarded-For: 9.9.9.9\r\nCookie: keep\r\n\r\n",
    )
    .await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(
        head.contains("x-end: 1") && head.contains("set-cookie: a=1") && head.contains("set-cookie: b=2")
    );
    assert!(!head.contains("x-private") && !head.contains("keep-alive"), "{head}");

    assert!(body.starts_with("get /a/b?c=d%20e http/1.1\r\n"), "{body}");
    for kept in [
        "host: shop.example\r\n",
        "cookie: keep\r\n",
        "x-forwarded-for: 9.9.9.9, 127.0.0.1\r\n",
        "x-forwarded-proto: http\r\n",
        "x-forwarded-host: shop.example\r\n",
    ] {
        assert!(body.contains(kept), "{kept} in {body}");
    }
    for gone in ["x-hop", "te: ", "proxy-authorization", "close"] {
        assert!(!body.contains(gone), "{gone} in {body}");
    }
}

#[tokio::test]
async fn an_ambiguous_length_is_not_passed_on() {
    let peer = raw_server(|mut stream, head| async move {
        let clean = !head.to_lowercase().contains("content-length");
        let status = if clean { "204 No Content" } else { "500 Smuggled" };
        stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.unwrap();
    })
    .await;
    let router = to_green(peer, 5_000).await;
    let smuggled = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\
                    Connection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let answer = raw_exchange(router.local_addr(), smuggled).await;
    assert!(answer.starts_with("HTTP/1.1 204") || answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn old_clients_and_open_connections_are_served() {
    let router = to_green(colour_server("green").await, 5_000).await;
    let old = raw_exchange(router.local_addr(), "GET / HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200") && old.ends_with("green"), "{old}");
    let two = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = raw_exchange(router.local_addr(), two).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    assert_eq!(answers.matches("content-length: 5").count(), 2, "HEAD keeps the length: {answers}");
    let connect =
        raw_exchange(router.local_addr(), "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
    assert!(connect.starts_with("HTTP/1.1 405"), "{connect}");
    until("three recorded", || count(&green(&router), 200) == 3).await;
}

#[tokio::test]
async fn large_bodies_stream_both_ways() {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 512;
    let echo = axum::Router::new().route("/echo", post(|request: Request| async { request.into_body() }));
    let router = to_green(peers::serve(echo).await, 20_000).await;
    let pieces = futures::stream::iter(0..PIECES).map(|i| {
        let fill = u8::try_from(i % 251).unwrap_or(0);
        Ok::<_, std::io::Error>(vec![fill; PIECE])
    });
    let request = client().post(url(&router, "/echo")).body(reqwest::Body::wrap_stream(pieces));
    let mut answer = request.send().await.unwrap();
    let mut at = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        for byte in chunk {
            assert_eq!(usize::from(byte), at / PIECE % 251);
            at += 1;
        }
    }
    assert_eq!(at, PIECE * PIECES);
    until("recorded", || count(&green(&router), 200) == 1).await;
}

#[tokio::test]
async fn a_client_that_waits_for_leave_to_send_gets_it() {
    let reads = axum::Router::new().route("/", post(|body: String| async move { body }));
    let router = to_green(peers::serve(reads).await, 5_000).await;
    let mut stream = TcpStream::connect(router.local_addr()).await.unwrap();
    let asks = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    stream.write_all(asks.as_bytes()).await.unwrap();
    assert_eq!(read_head(&mut stream).await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hi").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hi"), "{answer}");
}

#[tokio::test]
async fn a_stream_passes_before_it_ends() {
    let app = axum::Router::new().route(
        "/events",
        get(|| async {
            let first = futures::stream::iter([Ok::<_, std::io::Error>("data: 1\n\n")]);
            Body::from_stream(first.chain(futures::stream::pending()))
        }),
    );
    let router = to_green(peers::serve(app).await, 5_000).await;
    let mut answer = client().get(url(&router, "/events")).send().await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: 1\n\n");
    let seen = green(&router);
    assert_eq!((seen.sent, seen.ended), (1, 0), "it has not ended yet");
    drop(answer);
    until("the client's leaving is recorded", || green(&router).aborted == 1).await;
    assert_eq!(count(&green(&router), 200), 1, "given up, but not bad");
}

#[tokio::test]
async fn protocols_can_be_upgraded() {
    let peer = raw_server(|mut stream, head| async move {
        let head = head.to_lowercase();
        assert!(head.contains("upgrade: echo\r\n") && head.contains("connection: upgrade\r\n"), "{head}");
        let granted = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello";
        stream.write_all(granted.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    })
    .await;
    let router = to_green(peer, 5_000).await;
    let mut stream = TcpStream::connect(router.local_addr()).await.unwrap();
    let ask = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await.to_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: echo"), "{head}");
    stream.write_all(b" world").await.unwrap();
    let mut said = [0; 11];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hello world");
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut said).await.unwrap(), 0, "the end passes too");
    assert_eq!(count(&green(&router), 101), 1);
}
