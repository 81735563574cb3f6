//! Rules and sample files for replays.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Output, assize};

/// Seconds between two ticks of a sample file.
pub const TICK_S: u32 = 5;

/// The check that most samples are of.
pub const ERRORS: &str = r#"
[[checks]]
name = "errors"
kind = "ratio"
source = "metrics"
bad   = 'http_requests_total{service="checkout", {{labels}}, code=~"5.."}'
total = 'http_requests_total{service="checkout", {{labels}}}'
tolerance = 1.5
floor = 0.001
limit = 0.05
"#;

/// Rules with lines of `[plan]` and checks.
pub fn rules(plan: &str, checks: &str) -> String {
    let (blue, green) = (colour("blue"), colour("green"));
    rules_of(&format!("{blue}{green}"), plan, checks)
}

/// A colour's table.
pub fn colour(name: &str) -> String {
    format!("[colours.{name}]\nurl = \"http://{name}.example:8080\"\nlabels = {{ colour = \"{name}\" }}\n")
}

/// Rules with these tables of colours.
pub fn rules_of(colours: &str, plan: &str, checks: &str) -> String {
    format!(
        r#"[service]
name = "checkout"
{colours}
[router]
kind = "haproxy"
socket = "/run/haproxy/admin.sock"
backend = "checkout"
servers = {{ blue = ["blue1"], green = ["green1"] }}
[sources.metrics]
kind = "prometheus"
url = "http://127.0.0.1:9090"
[plan]
tick = "{TICK_S}s"
{plan}
{checks}"#
    )
}

/// A sample file as it grows.
#[derive(Clone, Debug, Default)]
pub struct Samples(pub String);

impl Samples {
    /// From an even split.
    pub fn new() -> Self {
        Self::default().line(&json!({"at": 0, "weight": 50}))
    }

    pub fn line(mut self, line: &Value) -> Self {
        self.0 += &line.to_string();
        self.0.push('\n');
        self
    }

    /// One line for a colour: the fields of `reading` beside `at`, `check` and `colour`.
    pub fn sample(self, at: &Value, check: &str, colour: &str, reading: &Value) -> Self {
        let mut line = json!({"at": at, "check": check, "colour": colour});
        let fields = reading.as_object().unwrap().clone();
        line.as_object_mut().unwrap().extend(fields);
        self.line(&line)
    }

    /// Ticks `from..=to` of a check with the same readings of both colours.
    pub fn ticks(self, from: u32, to: u32, check: &str, blue: &Value, green: &Value) -> Self {
        (from..=to).fold(self, |samples, tick| {
            let at = json!(tick * TICK_S);
            samples.sample(&at, check, "blue", blue).sample(&at, check, "green", green)
        })
    }

    /// Ticks of `errors`, where a colour has so many bad requests of a thousand.
    pub fn errors(self, from: u32, to: u32, blue: u64, green: u64) -> Self {
        let of_thousand = |bad: u64| json!({"bad": bad, "total": 1000});
        self.ticks(from, to, "errors", &of_thousand(blue), &of_thousand(green))
    }
}

/// A directory with rules and samples.
pub struct Case {
    dir: TempDir,
}

impl Case {
    pub fn new(rules: &str, samples: &Samples) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("checkout.toml"), rules).unwrap();
        std::fs::write(dir.path().join("samples.jsonl"), &samples.0).unwrap();
        Self { dir }
    }

    pub fn path(&self, name: &str) -> String {
        let path: PathBuf = self.dir.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    /// Replays the samples.
    pub fn replay(&self, more: &[&str]) -> Output {
        let (rules, samples) = (self.path("checkout.toml"), self.path("samples.jsonl"));
        let mut arguments = vec!["replay", &rules, "--samples", &samples];
        arguments.extend(more);
        assize(&arguments)
    }
}

/// Replays samples of the `errors` check alone.
pub fn replay(plan: &str, samples: &Samples) -> Output {
    Case::new(&rules(plan, ERRORS), samples).replay(&[])
}
