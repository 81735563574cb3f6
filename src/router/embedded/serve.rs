//! Connections of clients: accepted up to a bound, served until they close, drained at the end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::proxy::{Origin, Proxy};

/// Clients connected at once, upgraded ones included; more wait in the system's queue. Each takes up to two file
/// descriptors (client and colour), so the daemon needs a limit of 8,192 and some: `LimitNOFILE=16384`.
pub(super) const CONNECTIONS_MAX: u32 = 4_096;

/// For a client to send its request headers, and for an idle connection to send the next request.
const HEADERS_S_MAX: u64 = 60;

/// For the request line and all headers: four times what browsers and common servers let through.
const HEADERS_BYTES_MAX: usize = 64 * 1024;

/// After a failed accept, which is most often for want of file descriptors: some may be free again by then.
const ACCEPT_PAUSE_MS: u64 = 100;

/// How far the router is in closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Serves.
    Open,
    /// Takes no more connections and no more requests, and finishes those under way.
    Draining,
    /// Cuts what is left.
    Cut,
}

/// What tells every connection to close. Once its sender is gone, everything counts as cut.
#[derive(Clone)]
pub(super) struct Closing(pub(super) watch::Receiver<Phase>);

impl Closing {
    /// Returns when the router has come to `phase`, or is gone.
    async fn reached(&mut self, phase: Phase) {
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }
}

/// Accepts until the router closes.
pub(super) async fn accept(
    listener: TcpListener,
    proxy: Arc<Proxy>,
    places: Arc<Semaphore>,
    mut closing: Closing,
) {
    let watched = closing.clone();
    let clients = async {
        // A semaphore that nobody closes always gives a permit in the end.
        while let Ok(permit) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let origin = Origin { peer, permit: Arc::new(permit), closing: watched.clone() };
                    tokio::spawn(serve(stream, Arc::clone(&proxy), origin));
                }
                Err(error) => {
                    tracing::warn!(%error, "embedded router cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                }
            }
        }
    };
    tokio::select! {
        () = clients => {}
        () = closing.reached(Phase::Draining) => {}
    }
}

async fn serve(stream: TcpStream, proxy: Arc<Proxy>, origin: Origin) {
    // Small answers must not wait for the client's acknowledgement of earlier ones.
    let _ = stream.set_nodelay(true);
    let mut closing = origin.closing.clone();
    let service = service_fn(move |request| {
        let (proxy, origin) = (Arc::clone(&proxy), origin.clone());
        async move { Ok::<_, Infallible>(proxy.answer(request, origin).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(HEADERS_S_MAX))
            .max_buf_size(HEADERS_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    // How a client's connection ends is recorded per request; there is nothing to add here.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = closing.reached(Phase::Draining) => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = closing.reached(Phase::Cut) => {}
    }
}

/// Carries bytes both ways between a client and a colour that have agreed on another protocol, until both have ended.
///
/// Idle connections of that kind are normal, so there is no time limit; they keep their place among the connections.
pub(super) async fn tunnel(client: OnUpgrade, colour: OnUpgrade, mut origin: Origin) {
    let joined = async {
        let (client, colour) = tokio::try_join!(client, colour)?;
        let (mut client, mut colour) = (TokioIo::new(client), TokioIo::new(colour));
        // How it ends is between the two.
        let _ = copy_bidirectional(&mut client, &mut colour).await;
        Ok::<_, hyper::Error>(())
    };
    tokio::select! {
        outcome = joined => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "upgrade failed");
            }
        }
        () = origin.closing.reached(Phase::Cut) => {}
    }
}

/// All places are free again: every connection has closed.
pub(super) async fn all_closed(places: &Semaphore) {
    let _ = places.acquire_many(CONNECTIONS_MAX).await;
}

/// As many places as there may be connections.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CONNECTIONS_MAX as usize))
}
