//! The embedded router: a small reverse proxy inside the daemon, for who has none that takes weights.
//!
//! It splits by request, exactly and not by chance (`dial`), passes HTTP/1.1 both ways without gathering bodies
//! (`proxy`, `headers`, `body`), lets protocols be upgraded (WebSocket), and keeps books on every request
//! (`recorder`), so that a release can be judged without any metrics server: [`crate::source::embedded`] reads them.
//! `serve` holds the connections. It speaks plain HTTP on both sides; TLS ends in front of it.

mod body;
mod dial;
mod headers;
mod proxy;
mod recorder;
mod serve;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::uri::Authority;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use url::Url;

use self::dial::Dial;
use self::proxy::Proxy;
pub use self::recorder::{LATENCY_BOUNDS_S, Recorder, Seen};
use self::serve::{Closing, Phase};
use super::{Observed, Router, RouterError, Split};
use crate::rules::model::EmbeddedRule;
use crate::sample::{Colour, Weight};

/// For requests under way when the daemon stops. Below the 90 s after which systemd kills it.
const DRAIN_MS_MAX: u64 = 10_000;

/// Connections that wait to be accepted, while all places are taken or the daemon is busy.
const BACKLOG: u32 = 1_024;

/// A reverse proxy inside the daemon. Dropped, it cuts all its connections; [`EmbeddedRouter::shutdown`] lets them end.
pub struct EmbeddedRouter {
    colours: [Colour; 2],
    dial: Arc<Dial>,
    recorder: Recorder,
    address: SocketAddr,
    places: Arc<Semaphore>,
    phase: watch::Sender<Phase>,
}

impl EmbeddedRouter {
    /// Binds the address and serves from now on: everything goes to `rule.live` until a split is set.
    ///
    /// # Errors
    /// When the address cannot be bound, a colour's URL is not plain `http://host:port`, or `rule.live` is not one of
    /// the colours.
    pub async fn start(
        rule: &EmbeddedRule,
        mut colours: [(Colour, Url); 2],
    ) -> Result<Arc<Self>, RouterError> {
        colours.sort();
        let names = colours.clone().map(|(colour, _)| colour);
        let live = names.iter().position(|colour| *colour == rule.live).ok_or_else(|| {
            let [a, b] = &names;
            RouterError::Answer(format!(
                "`live = \"{}\"` in [router] is not a colour: use {a} or {b}",
                rule.live
            ))
        })?;
        let [a, b] = colours;
        let upstreams = [(a.0, authority(&a.1)?), (b.0, authority(&b.1)?)];
        let (listener, address) = listen(&rule.listen).await.map_err(|error| RouterError::Refused {
            at: rule.listen.clone(),
            why: format!("{error}: stop what uses this address, or choose another `listen` in [router]"),
        })?;

        let (phase, closing) = watch::channel(Phase::Open);
        let router = Self {
            recorder: Recorder::new(names.clone()),
            colours: names,
            dial: Arc::new(Dial::new(live)),
            address,
            places: serve::places(),
            phase,
        };
        let (dial, recorder) = (Arc::clone(&router.dial), router.recorder());
        let proxy = Arc::new(Proxy::new(upstreams, dial, recorder, rule.timeout_ms));
        tokio::spawn(serve::accept(listener, proxy, Arc::clone(&router.places), Closing(closing)));
        Ok(Arc::new(router))
    }

    /// Where it listens; of use when the rule says port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Its books.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Takes no more requests and waits until those under way have ended, at most 10 s; then cuts the rest.
    pub async fn shutdown(&self) {
        self.drain(DRAIN_MS_MAX).await;
    }

    async fn drain(&self, limit_ms: u64) {
        self.phase.send_replace(Phase::Draining);
        let drained = serve::all_closed(&self.places);
        if tokio::time::timeout(Duration::from_millis(limit_ms), drained).await.is_err() {
            let open = serve::CONNECTIONS_MAX as usize - self.places.available_permits();
            tracing::warn!(open, "embedded router cuts connections that did not end within {limit_ms} ms");
            self.phase.send_replace(Phase::Cut);
        }
    }
}

#[async_trait]
impl Router for EmbeddedRouter {
    /// `first` is `None` until the first `set`, which also tells that the daemon was restarted.
    async fn read(&self) -> Result<Observed, RouterError> {
        Ok(Observed { first: self.dial.first(), incarnation: None })
    }

    async fn set(&self, split: &Split) -> Result<(), RouterError> {
        let [a, b] = &self.colours;
        let first = match &split.colour {
            colour if colour == a => split.weight,
            colour if colour == b => split.weight.rest(),
            other => {
                return Err(RouterError::Answer(format!(
                    "no colour `{other}` here: this router has {a} and {b}"
                )));
            }
        };
        self.dial.set(first);
        Ok(())
    }

    fn achievable(&self, split: &Split) -> Weight {
        split.weight
    }

    async fn shutdown(&self) {
        Self::shutdown(self).await;
    }
}

/// Host and port of a colour's URL.
fn authority(url: &Url) -> Result<Authority, RouterError> {
    let bare =
        url.scheme() == "http" && url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let authority = match url.host() {
        Some(host) if bare => format!("{host}:{}", url.port().unwrap_or(80)).parse().ok(),
        _ => None,
    };
    authority.ok_or_else(|| {
        RouterError::Answer(format!(
            "the embedded router cannot send requests to {url}: give the colour's `url` as http://host:port"
        ))
    })
}

async fn listen(at: &str) -> std::io::Result<(TcpListener, SocketAddr)> {
    let address = tokio::net::lookup_host(at).await?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // So that a restarted daemon need not wait for the old connections to be forgotten.
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it: a client that vanished does not keep its place for ever.
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn what_does_not_end_is_cut() {
        let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", hangs.local_addr().unwrap())).unwrap();
        let [blue, green] = ["blue", "green"].map(|name| Colour::new(name).unwrap());
        let rule = EmbeddedRule { listen: "127.0.0.1:0".into(), live: blue.clone(), timeout_ms: 3_600_000 };
        let colours = [(green, url.clone()), (blue.clone(), url)];
        let router = EmbeddedRouter::start(&rule, colours).await.unwrap();
        let mut client = TcpStream::connect(router.local_addr()).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let _under_way = hangs.accept().await.unwrap();

        router.drain(50).await;
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "the connection was closed without an answer");
        serve::all_closed(&router.places).await;
        let seen = router.recorder().seen(&blue).unwrap();
        assert_eq!((seen.sent, seen.ended, seen.answered(|_| true)), (1, 1, 0));
    }
}
