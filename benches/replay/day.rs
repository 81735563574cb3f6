//! A day of samples from a seeded generator.

use std::io::{BufWriter, Result, Write};

use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution, StandardNormal};
use rand_pcg::Pcg64;

/// A tick a second.
pub const TICKS: u32 = 86_400;

/// Requests of a colour in a tick.
const REQUESTS: u64 = 200;

const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Response times are log-normal about this median.
const MEDIAN_S: f64 = 0.08;

/// Ratio, latency and value checks, a probe, and one whose bad events never happen: nothing ever proves it healthy.
pub const RULES: &str = r#"
[service]
name = "checkout"
[colours.blue]
url = "http://blue.example:8080"
labels = { colour = "blue" }
[colours.green]
url = "http://green.example:8080"
labels = { colour = "green" }
[router]
kind = "haproxy"
socket = "/run/haproxy/admin.sock"
backend = "checkout"
servers = { blue = ["blue1"], green = ["green1"] }
[sources.metrics]
kind = "prometheus"
url = "http://127.0.0.1:9090"
[plan]
tick = "1s"
deadline = "24h"
[[checks]]
name = "errors"
kind = "ratio"
source = "metrics"
bad   = 'http_requests_total{{{labels}}, code=~"5.."}'
total = 'http_requests_total{{{labels}}}'
tolerance = 1.5
floor = 0.001
limit = 0.05
[[checks]]
name = "latency"
kind = "latency"
source = "metrics"
histogram = 'http_request_duration_seconds_bucket{{{labels}}}'
quantiles = { p50 = 1.2, p99 = 1.5 }
limit = { over = "2s", share = 0.02 }
[[checks]]
name = "cpu"
kind = "value"
source = "metrics"
query = 'avg(rate(process_cpu_seconds_total{{{labels}}}[1m]))'
tolerance = 1.3
limit = { above = 0.95, for = "1m" }
critical = false
[[checks]]
name = "double_charges"
kind = "ratio"
source = "metrics"
bad   = 'double_charges_total{{{labels}}}'
total = 'charges_total{{{labels}}}'
tolerance = 2
[[probes]]
name = "home"
get = "/"
every = "1s"
timeout = "1s"
expect = { status = 200 }
limit = 0.2
"#;

/// Writes so many ticks of both colours.
pub fn write(file: impl Write, ticks: u32) -> Result<()> {
    let mut file = BufWriter::new(file);
    let mut rng = Pcg64::seed_from_u64(1);
    let failures = Binomial::new(REQUESTS, 0.005).unwrap();
    writeln!(file, r#"{{"at":0,"weight":50,"live":"blue"}}"#)?;
    for at in 1..=ticks {
        for colour in ["blue", "green"] {
            let sample = |check: &str| format!(r#"{{"at":{at},"check":"{check}","colour":"{colour}""#);
            let bad: u64 = failures.sample(&mut rng);
            writeln!(file, r#"{},"bad":{bad},"total":{REQUESTS}}}"#, sample("errors"))?;
            let counts = histogram(&mut rng);
            writeln!(file, r#"{},"bounds":{BOUNDS:?},"counts":{counts:?}}}"#, sample("latency"))?;
            let noise: f64 = StandardNormal.sample(&mut rng);
            writeln!(file, r#"{},"value":{}}}"#, sample("cpu"), 0.4 * (0.05 * noise).exp())?;
            writeln!(file, r#"{},"bad":0,"total":20}}"#, sample("double_charges"))?;
            let failed = u8::from(rng.random_bool(0.001));
            writeln!(file, r#"{},"bad":{failed},"total":1}}"#, sample("home"))?;
        }
    }
    file.flush()
}

fn histogram(rng: &mut Pcg64) -> Vec<u64> {
    let mut counts = vec![0; BOUNDS.len() + 1];
    for _ in 0..REQUESTS {
        let noise: f64 = StandardNormal.sample(rng);
        let took = MEDIAN_S * (0.6 * noise).exp();
        counts[BOUNDS.partition_point(|bound| *bound < took)] += 1;
    }
    counts
}
