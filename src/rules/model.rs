//! A validated rule file: what the rest of the daemon works from.
//!
//! Only [`super::compile`] makes one, so whoever holds a [`Rules`] need not check it again.

use std::path::PathBuf;

use crate::judge::spec::JudgeSpec;
use crate::release::plan::Plan;
use crate::sample::Colour;

/// One service's rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// `[service] name`: 1 to 63 of `a-z A-Z 0-9 _ -`.
    pub service: String,
    /// Exactly two, sorted by name.
    pub colours: [ColourRule; 2],
    /// The colour that the file names first: live in a replay that is not told otherwise.
    pub first_written: Colour,
    /// Where traffic is split.
    pub router: RouterRule,
    /// Named sources, sorted by name.
    pub sources: Vec<SourceRule>,
    /// Steps and times.
    pub plan: Plan,
    /// What the service usually has.
    pub traffic: Option<TrafficRule>,
    /// What the judge is asked: every check and probe, in order (checks first).
    pub judge: JudgeSpec,
    /// How each check (not probe) is measured, in the order of the rules.
    pub checks: Vec<CheckRule>,
    /// How each probe is made.
    pub probes: Vec<ProbeRule>,
    /// The text that this was compiled from: kept with each release, so that it keeps the rules it began with.
    pub text: String,
}

/// One environment.
#[derive(Clone, Debug, PartialEq)]
pub struct ColourRule {
    /// Its name.
    pub colour: Colour,
    /// Where it is reached without the router: `http://host:port` or `https://…`. Needed by probes and the embedded router.
    pub url: Option<url::Url>,
    /// How its series are told apart in a source, sorted by key.
    pub labels: Vec<(String, String)>,
}

/// Where traffic is split.
#[derive(Clone, Debug, PartialEq)]
pub enum RouterRule {
    /// HAProxy's runtime socket.
    Haproxy(HaproxyRule),
    /// The reverse proxy inside the daemon.
    Embedded(EmbeddedRule),
}

/// HAProxy's runtime socket.
#[derive(Clone, Debug, PartialEq)]
pub struct HaproxyRule {
    /// A path (`/run/haproxy/admin.sock`) or `host:port`.
    pub socket: String,
    /// The backend that holds both colours' servers.
    pub backend: String,
    /// Servers of each colour, in the order of `Rules::colours`. None empty.
    pub servers: [Vec<String>; 2],
    /// For one exchange over the socket. Default 2 s.
    pub timeout_ms: u64,
}

/// The reverse proxy inside the daemon.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedRule {
    /// `host:port` to listen on.
    pub listen: String,
    /// Which colour serves before the first release. Default: the first by name.
    pub live: Colour,
    /// For a colour to answer with response headers. Default 30 s.
    pub timeout_ms: u64,
}

/// A named source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceRule {
    /// As in `[sources.NAME]`.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
}

/// The kinds of source.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceKind {
    /// A Prometheus HTTP API.
    Prometheus(PrometheusRule),
    /// What the embedded router saw.
    Embedded,
}

/// A Prometheus HTTP API.
#[derive(Clone, Debug, PartialEq)]
pub struct PrometheusRule {
    /// Base address.
    pub url: url::Url,
    /// For all queries of one tick together. Default 5 s.
    pub timeout_ms: u64,
}

/// What the service usually has: only to know beforehand how long a release takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrafficRule {
    /// Requests per second of both colours together. Above 0, at most 10⁸.
    pub rate: f64,
    /// Share of bad events, for ratio checks and probes. In [0, 1).
    pub error_rate: f64,
    /// Where it stands in the text (byte offset, length), for remarks on it.
    pub span: (usize, usize),
}

/// How a check is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckRule {
    /// The same name as in `JudgeSpec::checks`.
    pub name: String,
    /// Index into `Rules::sources`.
    pub source: usize,
    /// What is asked of the source.
    pub query: Query,
}

/// What is asked of a source. `{{labels}}` stands for the colour's labels as PromQL matchers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Two counter selectors. For the embedded source `bad` is a list of status classes or codes (`5xx`, `429`),
    /// `total` is empty.
    Counters {
        /// Bad events.
        bad: String,
        /// All events.
        total: String,
    },
    /// Buckets of a classic histogram; empty for the embedded source.
    Histogram {
        /// Selector of the `_bucket` counters.
        buckets: String,
    },
    /// An expression with one number per colour.
    Value {
        /// The expression.
        query: String,
    },
}

/// A synthetic check.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeRule {
    /// The same name as in `JudgeSpec::checks`.
    pub name: String,
    /// Path and query, starting with `/`, asked with GET of each colour's `url`.
    pub get: String,
    /// How often, 100 ms or more.
    pub every_ms: u64,
    /// For the whole answer. Not above `every_ms`.
    pub timeout_ms: u64,
    /// What counts as good.
    pub expect: Expect,
}

/// What counts as a good answer to a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Status code. Default 200.
    pub status: u16,
    /// A text that the body (its first MiB) must contain.
    pub body_contains: Option<String>,
    /// The whole answer must be there within this time.
    pub within_ms: Option<u64>,
}

/// A remark on a rule file that is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where in the text (byte offset, length).
    pub span: (usize, usize),
    /// What was noticed.
    pub message: String,
    /// What would be better.
    pub remedy: String,
}

/// A rule file that was read from disk.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says.
    pub rules: Rules,
    /// Remarks.
    pub notes: Vec<Note>,
}
