//! The stage of a case: both colours, Prometheus, HAProxy, load and the daemon, all new and all stopped at the end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::haproxy::Haproxy;
use crate::load::Load;
use crate::process::{self, Process};
use crate::prometheus::{Prometheus, Target};

/// Requests a second through HAProxy.
const LOAD_PER_SECOND: u32 = 200;

/// Nothing on this stage takes longer, also on a slow machine with another case beside it.
const PATIENCE: Duration = Duration::from_secs(150);

/// How a colour behaves.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    pub error_rate: f64,
    pub slow_share: f64,
    pub silent: bool,
}

impl Faults {
    pub const fn good() -> Self {
        Self { error_rate: 0.005, slow_share: 0.12, silent: false }
    }
}

/// What differs between the cases' rules.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub steps: &'static str,
    pub hold: &'static str,
    pub warmup: &'static str,
}

impl Default for Plan {
    fn default() -> Self {
        Self { steps: "[10, 50]", hold: "4s", warmup: "2s" }
    }
}

pub struct Stage {
    _colours: [Process; 2],
    _load: Load,
    pub haproxy: Haproxy,
    pub prometheus: Prometheus,
    daemon: Option<Daemon>,
    dir: TempDir,
}

/// A running daemon and what it has said so far.
struct Daemon {
    child: Child,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Daemon {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_assize"))
            .arg("run")
            .arg(dir.join("shop.toml"))
            .env("ASSIZE_STATE_DIR", dir.join("state"))
            .stdout(Stdio::piped())
            .stderr(std::fs::File::options().create(true).append(true).open(dir.join("daemon.log")).unwrap())
            .spawn()
            .expect("assize is built");
        let said = Arc::new(Mutex::new(Vec::new()));
        let (out, heard) = (child.stdout.take().unwrap(), said.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let verdict = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                heard.lock().unwrap().push(verdict);
            }
        });
        Self { child, said }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `assize` to its end.
pub fn assize(state: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_assize"))
        .args(arguments)
        .env("ASSIZE_STATE_DIR", state)
        .stdin(Stdio::null())
        .output()
        .expect("assize is built");
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A release from its start to its end, as `assize release watch --json` told it.
#[derive(Debug)]
pub struct Watched {
    pub exit: i32,
    pub live: String,
    pub candidate: String,
    pub verdicts: Vec<Value>,
}

/// A stretch of a release that begins with a kind of verdict.
pub struct Since<'a>(&'a [Value]);

impl Watched {
    /// The first verdict of an event.
    pub fn find(&self, event: &str) -> &Value {
        (self.verdicts.iter().find(|verdict| verdict["event"] == event))
            .unwrap_or_else(|| panic!("no `{event}` in {:#?}", self.verdicts))
    }

    pub fn from(&self, event: &str) -> Since<'_> {
        let start = self.verdicts.iter().position(|verdict| verdict["event"] == event);
        Since(&self.verdicts[start.unwrap_or_else(|| panic!("no `{event}` in {:#?}", self.verdicts))..])
    }
}

impl Since<'_> {
    /// The time between the first verdict and the first of this event, by the log's own clock.
    pub fn until(&self, event: &str) -> Duration {
        let at = |verdict: &Value| verdict["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let end = self.0.iter().find(|verdict| verdict["event"] == event).expect("it happens");
        Duration::try_from(at(end) - at(&self.0[0])).expect("it happens later")
    }
}

#[allow(dead_code, reason = "shared with the benchmark")]
impl Stage {
    /// Builds the stage and waits until everything on it works.
    pub fn start(plan: Plan, blue: Faults, green: Faults) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let colours = [colour("blue", blue), colour("green", green)];
        let addresses = [0, 1].map(|index: usize| colours[index].1.clone());
        let labels = [[("colour", "blue")], [("colour", "green")]];
        let targets = [0, 1].map(|index: usize| Target {
            address: addresses[index].parse().expect("host:port"),
            labels: &labels[index],
        });
        let prometheus = block_on(Prometheus::scraping(&targets, "1s"));
        let haproxy = Haproxy::start(&format!(
            "backend shop\n balance roundrobin\n server blue1 {} weight 100\n server green1 {} weight 0\n",
            addresses[0], addresses[1]
        ));
        let load = Load::start(haproxy.front, LOAD_PER_SECOND);
        std::fs::write(dir.path().join("shop.toml"), rules(plan, &prometheus, &haproxy)).unwrap();
        let mut stage = Self {
            _colours: colours.map(|(process, _)| process),
            _load: load,
            haproxy,
            prometheus,
            daemon: None,
            dir,
        };
        stage.start_daemon();
        stage
    }

    /// Starts the daemon and waits until it knows which colour is live, or asks.
    pub fn start_daemon(&mut self) {
        self.spawn_daemon();
        let settled = |output: &Output| {
            output.code == 0 && {
                let status = output.json();
                !status["live"].is_null()
                    && (status["release"].is_null() || status["release"]["outcome"].is_null())
                    || !status["trouble"].is_null()
            }
        };
        self.poll("the daemon answers", || {
            let output = self.assize(&["release", "status", "shop", "--json"]);
            settled(&output).then_some(())
        });
    }

    /// Starts the daemon without waiting for anything.
    pub fn spawn_daemon(&mut self) {
        self.daemon = Some(Daemon::start(self.dir.path()));
    }

    /// The running daemon's process.
    pub fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().map_or(0, |daemon| daemon.child.id())
    }

    /// Puts another Prometheus into the rules and starts the daemon anew with them.
    pub fn point_rules_at(&mut self, url: &str) {
        let path = self.dir.path().join("shop.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let line = text.lines().find(|line| line.starts_with("url = ")).expect("a source's url").to_owned();
        std::fs::write(&path, text.replace(&line, &format!("url = \"{url}\""))).unwrap();
        self.kill_daemon();
        self.start_daemon();
    }

    /// Runs a command until it succeeds.
    pub fn assize_until_ok(&self, arguments: &[&str]) -> Output {
        self.poll(&arguments.join(" "), || {
            let output = self.assize(arguments);
            (output.code == 0).then_some(output)
        })
    }

    /// As `kill -9` does.
    pub fn kill_daemon(&mut self) {
        self.daemon = None;
    }

    /// As systemd does.
    pub fn stop_daemon(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            process::signal(daemon.child.id(), "TERM");
            let status = daemon.child.wait().unwrap();
            assert!(status.success(), "{status}");
        }
    }

    /// Runs a command against this stage's daemon.
    pub fn assize(&self, arguments: &[&str]) -> Output {
        assize(&self.dir.path().join("state"), arguments)
    }

    /// Runs a command until its standard error contains a text.
    pub fn assize_until(&self, arguments: &[&str], text: &str) -> Output {
        self.poll(text, || {
            let output = self.assize(arguments);
            output.stderr.contains(text).then_some(output)
        })
    }

    pub fn start_release(&self) {
        self.poll("the release starts", || {
            (self.assize(&["release", "start", "shop"]).code == 0).then_some(())
        });
    }

    /// Watches the release under way to its end.
    pub fn watch(&self) -> Watched {
        let output = self.assize(&["release", "watch", "shop", "--json"]);
        self.watched(&output)
    }

    /// Starts a release and watches it to its end.
    pub fn release(&self) -> Watched {
        self.start_release();
        self.watch()
    }

    fn watched(&self, output: &Output) -> Watched {
        let status = self.assize(&["release", "status", "shop", "--json"]).json();
        let release = &status["release"];
        let name = release["release"].as_str().unwrap_or_else(|| panic!("{status}"));
        let story = self.assize(&["explain", name, "--json"]).json();
        Watched {
            exit: output.code,
            live: release["live"].as_str().unwrap().to_owned(),
            candidate: release["candidate"].as_str().unwrap().to_owned(),
            verdicts: story["verdicts"].as_array().unwrap().clone(),
        }
    }

    /// Waits for the running daemon to say an event, or `decision:…`.
    pub fn verdict(&self, wanted: &str) -> Value {
        let fits = |verdict: &Value| match wanted.split_once("decision:") {
            Some((_, decision)) => verdict["decision"] == decision,
            None => verdict["event"] == wanted,
        };
        let said = self.daemon.as_ref().expect("a daemon runs").said.clone();
        self.poll(wanted, || said.lock().unwrap().iter().find(|verdict| fits(verdict)).cloned())
    }

    /// Blue's and green's weight, as HAProxy says.
    pub fn haproxy_weights(&self) -> [u32; 2] {
        let weight = |server: &str| {
            let answer = self.haproxy.command(&format!("get weight shop/{server}"));
            answer
                .split_whitespace()
                .next()
                .and_then(|word| word.parse().ok())
                .unwrap_or_else(|| panic!("{answer}"))
        };
        [weight("blue1"), weight("green1")]
    }

    pub fn weights_become(&self, wanted: [u32; 2]) {
        self.poll("weights", || (self.haproxy_weights() == wanted).then_some(()));
    }

    /// By HAProxy's word, and by who really answers.
    pub async fn all_traffic_goes_to(&self, colour: &str) {
        let none = usize::from(colour == "blue");
        self.poll("all traffic on one colour", || {
            let weights = self.haproxy_weights();
            (weights[none] == 0 && weights[1 - none] > 0).then_some(())
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for _ in 0..20 {
            let url = format!("http://{}/", self.haproxy.front);
            let body = client.get(url).send().await.unwrap().text().await.unwrap();
            assert!(body.contains(colour), "{body}");
        }
    }

    fn poll<T>(&self, what: &str, mut so: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(found) = so() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.dir.path().join("daemon.log")).unwrap_or_default();
        let said = self.daemon.as_ref().map(|daemon| daemon.said.lock().unwrap().clone());
        panic!("waited in vain for: {what}\ndaemon's log:\n{log}\nverdicts:\n{said:#?}");
    }
}

/// Runs a future to its end from a test's own thread.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

/// A colour's process and its `host:port`.
fn colour(name: &str, faults: Faults) -> (Process, String) {
    let mut arguments = vec![
        "--listen".to_owned(),
        "127.0.0.1:0".to_owned(),
        "--name".to_owned(),
        name.to_owned(),
        format!("--error-rate={}", faults.error_rate),
        format!("--slow-share={}", faults.slow_share),
    ];
    if faults.silent {
        arguments.push("--silent".to_owned());
    }
    let process = Process::spawn(&process::example("colour"), &arguments);
    let line = process.wait_for_line("listening on http://");
    let address = line.split("http://").nth(1).unwrap().trim().to_owned();
    (process, address)
}

fn rules(plan: Plan, prometheus: &Prometheus, haproxy: &Haproxy) -> String {
    let Plan { steps, hold, warmup } = plan;
    let (url, socket) = (prometheus.url(), haproxy.socket_rule());
    format!(
        r#"
[service]
name = "shop"

[colours.blue]
labels = {{ colour = "blue" }}
[colours.green]
labels = {{ colour = "green" }}

[router]
kind = "haproxy"
socket = "{socket}"
backend = "shop"
servers = {{ blue = ["blue1"], green = ["green1"] }}

[sources.metrics]
kind = "prometheus"
url = "{url}"

[plan]
tick = "1s"
steps = {steps}
hold = "{hold}"
warmup = "{warmup}"
deadline = "2m"
blind_after = "4s"
silent_after = "6s"
soak = "5s"

[[checks]]
name = "errors"
kind = "ratio"
bad = 'http_requests_total{{{{{{labels}}}}, code=~"5.."}}'
total = 'http_requests_total{{{{{{labels}}}}}}'
tolerance = 1.5
floor = 0.02
limit = 0.2

[[checks]]
name = "latency"
kind = "latency"
histogram = 'http_request_duration_seconds_bucket{{{{{{labels}}}}}}'
quantiles = {{ p90 = 1.6 }}
"#
    )
}

/// Lines 6, 10, 12, 16 and 21 each hold one mistake.
pub const fn rules_with_five_mistakes() -> &'static str {
    r#"[service]
name = "shop"
[colours.blue]
labels = { colour = "blue" }
[colours.green]
lables = { colour = "green" }
[router]
kind = "haproxy"
socket = "/run/haproxy/admin.sock"
backend = 7
servers = { blue = ["b1"], green = ["g1"] }
[plam]
[sources.metrics]
kind = "prometheus"
url = "http://127.0.0.1:9090"
timeout = "5 parsecs"
[[checks]]
name = "errors"
kind = "ratio"
source = "metrics"
tolerance = 0.5
bad = 'errors_total{ {{labels}} }'
total = 'requests_total{ {{labels}} }'
"#
}
