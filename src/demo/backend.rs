//! A small server that stands for one colour, good or faulty.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::task::JoinHandle;

use super::Fault;
use crate::cli::exit::Failed;

/// Both colours fail this share of their requests: real services do, and the judge must see through it.
const ERRORS: f64 = 0.001;

/// Both colours are slow in this share of their requests.
const SLOW: f64 = 0.05;

/// A faulty candidate dies so long after its start.
const DIES_AFTER: Duration = Duration::from_secs(14);

/// A running server; dropping it stops it.
pub struct Backend {
    address: SocketAddr,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Nature {
    name: &'static str,
    errors: f64,
    slow: f64,
    silent: bool,
    served: Arc<AtomicU64>,
    seed: u64,
}

impl Backend {
    /// Listens on a free port of the loopback.
    pub async fn start(name: &'static str, fault: Fault) -> Result<Self, Failed> {
        let failed = |error: std::io::Error| Failed::other(format!("the demo's {name} server: {error}"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let nature = Nature {
            name,
            errors: if fault == Fault::Errors { 0.08 } else { ERRORS },
            slow: if fault == Fault::Latency { 0.25 } else { SLOW },
            silent: fault == Fault::Silent,
            served: Arc::new(AtomicU64::new(0)),
            seed: u64::from(address.port()),
        };
        let routes =
            Router::new().route("/health", get(|| async { "ok" })).fallback(serve).with_state(nature);
        let task = tokio::spawn(async move {
            let server = axum::serve(listener, routes).into_future();
            if fault == Fault::Crash {
                let _ = tokio::time::timeout(DIES_AFTER, server).await;
            } else {
                let _ = server.await;
            }
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(nature): State<Nature>) -> (StatusCode, String) {
    let number = nature.served.fetch_add(1, Ordering::Relaxed);
    if nature.silent {
        std::future::pending::<()>().await;
    }
    let (failing, slow) = (chance(nature.seed, number), chance(!nature.seed, number));
    let delay = if slow < nature.slow { 60 } else { 4 };
    tokio::time::sleep(Duration::from_millis(delay)).await;
    if failing < nature.errors {
        return (StatusCode::INTERNAL_SERVER_ERROR, "failed\n".to_owned());
    }
    (StatusCode::OK, format!("hello from {}\n", nature.name))
}

/// A number in [0, 1) for each request: `SplitMix64` (Steele, Lea, Flood 2014).
fn chance(seed: u64, number: u64) -> f64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let share = ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
    share
}
