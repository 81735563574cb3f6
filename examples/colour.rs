//! A service to try Assize on: one colour, with metrics, and faults on demand.
//!
//! ```sh
//! cargo run --example colour -- --listen 127.0.0.1:8081 --name blue
//! cargo run --example colour -- --listen 127.0.0.1:8082 --name green --error-rate 0.05
//! curl -X POST 'http://127.0.0.1:8082/admin/faults?error_rate=0&slow_share=0.3'
//! ```
//!
//! `/` answers, or fails, or dawdles; `/metrics` tells Prometheus; `/admin/faults` changes the faults at run time.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use clap::Parser;
use serde::Deserialize;

/// Upper bounds of the latency histogram in seconds, as most client libraries have them.
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug, Parser)]
struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// The colour's name, part of every answer
    #[arg(long, default_value = "blue")]
    name: String,
    /// The version, part of every answer
    #[arg(long, default_value = "v1")]
    version: String,
    #[command(flatten)]
    faults: Faults,
    /// Makes the same faults fall on the same requests
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Faults {
    /// Share of requests that fail with 500
    #[arg(long, default_value_t = 0.0)]
    error_rate: f64,
    /// Share of requests that take the slow latency
    #[arg(long, default_value_t = 0.0)]
    slow_share: f64,
    /// Milliseconds that a request takes
    #[arg(long, default_value_t = 2)]
    base_latency_ms: u64,
    /// Milliseconds that a slow request takes
    #[arg(long, default_value_t = 80)]
    slow_latency_ms: u64,
    /// Serve, but record nothing
    #[arg(long)]
    silent: bool,
}

/// The same by `POST /admin/faults`; what is not given stays.
#[derive(Debug, Deserialize)]
struct NewFaults {
    error_rate: Option<f64>,
    slow_share: Option<f64>,
    silent: Option<bool>,
}

struct Colour {
    greeting: String,
    faults: Mutex<Faults>,
    seed: u64,
    requests: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    /// One more than bounds; not cumulative.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_us: AtomicU64,
}

impl Colour {
    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, failed: bool, took: Duration) {
        let counter = if failed { &self.failed } else { &self.ok };
        counter.fetch_add(1, Ordering::Relaxed);
        let bucket = BOUNDS.iter().position(|bound| took.as_secs_f64() <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn metrics(&self) -> String {
        let mut text = String::from("# TYPE http_requests_total counter\n");
        for (code, counter) in [(200, &self.ok), (500, &self.failed)] {
            let _ =
                writeln!(text, "http_requests_total{{code=\"{code}\"}} {}", counter.load(Ordering::Relaxed));
        }
        text += "# TYPE http_request_duration_seconds histogram\n";
        let mut total = 0;
        let bounds = BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, bucket) in bounds.zip(&self.buckets) {
            total += bucket.load(Ordering::Relaxed);
            let _ = writeln!(text, "http_request_duration_seconds_bucket{{le=\"{bound}\"}} {total}");
        }
        let sum_us = self.sum_us.load(Ordering::Relaxed);
        let _ = writeln!(
            text,
            "http_request_duration_seconds_sum {}.{:06}",
            sum_us / 1_000_000,
            sum_us % 1_000_000
        );
        let _ = writeln!(text, "http_request_duration_seconds_count {total}");
        text
    }
}

async fn serve(State(colour): State<Arc<Colour>>) -> (StatusCode, String) {
    let number = colour.requests.fetch_add(1, Ordering::Relaxed);
    let faults = *colour.faults();
    let failed = chance(colour.seed, number) < faults.error_rate;
    let slow = chance(!colour.seed, number) < faults.slow_share;
    let ms = if slow { faults.slow_latency_ms } else { faults.base_latency_ms };
    let start = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_millis(ms)).await;
    if !faults.silent {
        colour.record(failed, start.elapsed());
    }
    if failed {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("failed {}\n", colour.greeting))
    } else {
        (StatusCode::OK, format!("ok {}\n", colour.greeting))
    }
}

async fn metrics(State(colour): State<Arc<Colour>>) -> String {
    if colour.faults().silent { String::new() } else { colour.metrics() }
}

async fn change(State(colour): State<Arc<Colour>>, Query(new): Query<NewFaults>) -> String {
    let mut faults = colour.faults();
    faults.error_rate = new.error_rate.unwrap_or(faults.error_rate);
    faults.slow_share = new.slow_share.unwrap_or(faults.slow_share);
    faults.silent = new.silent.unwrap_or(faults.silent);
    format!("{:?}\n", *faults)
}

/// A number in [0, 1) for each request: `SplitMix64` (Steele, Lea, Flood 2014).
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
fn chance(seed: u64, number: u64) -> f64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let colour = Arc::new(Colour {
        greeting: format!("{} {}", args.name, args.version),
        faults: Mutex::new(args.faults),
        seed: args.seed,
        requests: AtomicU64::new(0),
        ok: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        buckets: Default::default(),
        sum_us: AtomicU64::new(0),
    });
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/admin/faults", post(change))
        .fallback(serve)
        .with_state(colour);
    let listener = tokio::net::TcpListener::bind(&args.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes).await
}
