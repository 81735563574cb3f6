//! One request on its way: a colour is chosen, the request passed on, the answer passed back, the outcome recorded.
//!
//! Nothing is tried twice. A colour that does not answer is what the judge has to see, and a second try at the other
//! colour would hide it; it could also do a thing twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::body::{Answer, Progress, Upload};
use super::dial::Dial;
use super::headers;
use super::recorder::{End, Recorder, Ticket};
use super::serve::Closing;
use crate::sample::Colour;

/// To a colour on the same network a connection takes milliseconds; longer means that its packets go nowhere.
const CONNECT_MS_MAX: u64 = 5_000;

/// Idle connections to a colour are closed before the shortest common keep-alive of servers (5 s in Node.js) ends:
/// a request sent just as the server closes would fail and count against the colour.
const IDLE_MS_MAX: u64 = 4_000;

/// Idle connections kept per colour. Above some hundred requests under way each, new ones are opened and closed.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// A peer that vanished without a word is noticed after this (and the system's retries).
const TCP_KEEPALIVE_S: u64 = 60;

/// A colour's streamed answer, or a short text of the router's own.
pub(super) type Reply = Either<Answer, Full<Bytes>>;

/// Passes requests on.
pub(super) struct Proxy {
    client: Client<HttpConnector, Upload>,
    colours: [(Colour, Authority); 2],
    dial: Arc<Dial>,
    recorder: Recorder,
    timeout: Duration,
}

/// Where a request came from, and what a connection that outlives it needs.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) peer: SocketAddr,
    /// The place among the connections that it takes.
    #[expect(dead_code, reason = "held, not read: the place is free again when the last holder is gone")]
    pub(super) permit: Arc<OwnedSemaphorePermit>,
    pub(super) closing: Closing,
}

/// Why a colour gave no response headers.
enum Failure {
    NoConnection(Error),
    BrokeOff(Error),
    TimedOut,
    ClientLeft,
    ClientStalled,
}

impl Proxy {
    pub(super) fn new(
        colours: [(Colour, Authority); 2],
        dial: Arc<Dial>,
        recorder: Recorder,
        timeout_ms: u64,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_millis(timeout_ms.min(CONNECT_MS_MAX))));
        connector.set_keepalive(Some(Duration::from_secs(TCP_KEEPALIVE_S)));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(IDLE_MS_MAX))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Self { client, colours, dial, recorder, timeout: Duration::from_millis(timeout_ms) }
    }

    /// Answers one request, in the colour's words or, when it has none, in its own.
    pub(super) async fn answer(&self, request: Request<Incoming>, origin: Origin) -> Response<Reply> {
        if request.method() == Method::CONNECT {
            return own_words(StatusCode::METHOD_NOT_ALLOWED, "this is not a forward proxy");
        }
        let chosen = self.dial.next();
        let (colour, authority) = &self.colours[chosen];
        let mut ticket = self.recorder.send(chosen);
        let (request, upgrade, progress) = prepare(request, authority, &origin);
        match self.exchange(request, &progress).await {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                switch(response, upgrade, ticket, origin, colour)
            }
            Ok(response) => pass_back(response, ticket),
            Err(failure) => failure.answer(colour, &mut ticket, self.timeout),
        }
    }

    /// Waits for response headers: at most the time limit after the colour last took a part of the request, so that a
    /// long upload does not look like a late answer.
    async fn exchange(
        &self,
        request: Request<Upload>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, Failure> {
        let mut response = self.client.request(request);
        loop {
            match timeout_at(progress.last() + self.timeout, &mut response).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(_)) if progress.broken() => return Err(Failure::ClientLeft),
                Ok(Err(error)) if error.is_connect() => return Err(Failure::NoConnection(error)),
                Ok(Err(error)) => return Err(Failure::BrokeOff(error)),
                Err(_) if progress.last() + self.timeout > Instant::now() => {}
                Err(_) if progress.waits_for_client() => return Err(Failure::ClientStalled),
                Err(_) => return Err(Failure::TimedOut),
            }
        }
    }
}

impl Failure {
    fn answer(self, colour: &Colour, ticket: &mut Ticket, limit: Duration) -> Response<Reply> {
        let (status, text) = match self {
            Self::NoConnection(error) => {
                tracing::debug!(%colour, error = &error as &dyn std::error::Error, "no connection");
                (StatusCode::BAD_GATEWAY, format!("no connection to {colour}"))
            }
            Self::BrokeOff(error) => {
                tracing::debug!(%colour, error = &error as &dyn std::error::Error, "broke off");
                (StatusCode::BAD_GATEWAY, format!("{colour} broke off without an answer"))
            }
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                format!("{colour} did not answer within {} ms", limit.as_millis()),
            ),
            Self::ClientStalled => (
                StatusCode::REQUEST_TIMEOUT,
                format!("the request for {colour} stayed incomplete for {} ms", limit.as_millis()),
            ),
            Self::ClientLeft => {
                ticket.close(End::Aborted);
                (StatusCode::BAD_REQUEST, format!("the request for {colour} broke off"))
            }
        };
        ticket.answered(status.as_u16());
        ticket.close(End::Complete);
        own_words(status, &text)
    }
}

/// Turns a client's request into one for a colour, and keeps what an upgrade needs.
fn prepare(
    mut request: Request<Incoming>,
    authority: &Authority,
    origin: &Origin,
) -> (Request<Upload>, Option<OnUpgrade>, Arc<Progress>) {
    let protocol = headers::upgrade(request.headers());
    let upgrade = protocol.is_some().then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let (upload, progress) = Upload::new(body);
    // A request that names the host in its first line means that one (RFC 9112, section 3.2.2).
    let named = parts.uri.authority().and_then(|name| HeaderValue::try_from(name.as_str()).ok());
    if let Some(host) = named {
        parts.headers.insert(HOST, host);
    }
    headers::strip_hop_by_hop(&mut parts.headers);
    headers::set_forwarded(&mut parts.headers, origin.peer.ip());
    if let Some(protocol) = protocol {
        headers::set_upgrade(&mut parts.headers, protocol);
    }
    let mut request = Request::new(upload);
    *request.method_mut() = parts.method;
    *request.uri_mut() = target(parts.uri, authority);
    *request.headers_mut() = parts.headers;
    (request, upgrade, progress)
}

/// The same path and query at the colour's address.
fn target(asked: Uri, colour: &Authority) -> Uri {
    let mut parts = asked.into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(colour.clone());
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    // With all three parts present there is nothing left to refuse.
    Uri::from_parts(parts).unwrap_or_default()
}

fn pass_back(response: Response<Incoming>, mut ticket: Ticket) -> Response<Reply> {
    let (mut parts, body) = response.into_parts();
    ticket.answered(parts.status.as_u16());
    headers::strip_hop_by_hop(&mut parts.headers);
    let mut reply = Response::new(Either::Left(Answer::new(body, ticket)));
    *reply.status_mut() = parts.status;
    *reply.headers_mut() = parts.headers;
    *reply.version_mut() = Version::HTTP_11;
    reply
}

/// Grants an upgrade and joins the two connections. How long such a connection lives says nothing of the colour's
/// speed, so the request ends here for the books.
fn switch(
    mut response: Response<Incoming>,
    client: Option<OnUpgrade>,
    mut ticket: Ticket,
    origin: Origin,
    colour: &Colour,
) -> Response<Reply> {
    let protocol = headers::upgrade(response.headers());
    let (Some(client), Some(protocol)) = (client, protocol) else {
        ticket.close(End::Broken);
        let text = format!("{colour} switched to a protocol that nobody asked for");
        return own_words(StatusCode::BAD_GATEWAY, &text);
    };
    ticket.answered(response.status().as_u16());
    ticket.close(End::Complete);
    let upstream = hyper::upgrade::on(&mut response);
    tokio::spawn(super::serve::tunnel(client, upstream, origin));
    headers::strip_hop_by_hop(response.headers_mut());
    headers::set_upgrade(response.headers_mut(), protocol);
    response.map(|_| Either::Right(Full::default()))
}

/// A short answer that names the daemon.
fn own_words(status: StatusCode, text: &str) -> Response<Reply> {
    let body = Full::new(Bytes::from(format!("assize: {text}\n")));
    let mut response = Response::new(Either::Right(body));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
