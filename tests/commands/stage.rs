//! A daemon with the embedded router between two small servers, and requests through it.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use axum::Router;
use axum::http::StatusCode;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::load::Load;
use crate::peers;
use crate::program::{Output, PATIENCE, Running, command};

/// Requests a second: half of them prove in about a second that a candidate is harmless.
const LOAD_PER_SECOND: u32 = 300;

/// Rules for the embedded router on `port` between two `host:port`, with more lines in `[plan]`.
pub fn rules(port: u16, blue: &str, green: &str, plan: &str) -> String {
    let hold = if plan.contains("hold") { "" } else { "hold = \"500ms\"" };
    format!(
        r#"[service]
name = "shop"
[colours.blue]
url = "http://{blue}"
[colours.green]
url = "http://{green}"
[router]
kind = "embedded"
listen = "127.0.0.1:{port}"
[sources.edge]
kind = "embedded"
[plan]
tick = "100ms"
steps = [50]
{hold}
deadline = "50s"
blind_after = "20s"
silent_after = "20s"
soak = "500ms"
{plan}
[[checks]]
name = "errors"
kind = "ratio"
tolerance = 2
floor = 0.1
"#
    )
}

/// A port that no connection is given by chance: below those that the kernel hands out.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 15_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A server that answers with its name, or fails every second request while told to.
async fn colour(name: &'static str, fails: Arc<AtomicBool>) -> SocketAddr {
    let turn = Arc::new(AtomicBool::new(false));
    let slow = || async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        "at last"
    };
    let app = Router::new().route("/slow", axum::routing::get(slow)).fallback(move || {
        let fails = fails.load(Ordering::Relaxed) && turn.fetch_xor(true, Ordering::Relaxed);
        async move { (if fails { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }, name) }
    });
    peers::serve(app).await
}

/// Everything that a case needs; stopped and removed when dropped.
pub struct Stage {
    pub daemon: Option<Running>,
    pub front: SocketAddr,
    /// Green fails every second request while this is set.
    pub green_fails: Arc<AtomicBool>,
    addresses: [SocketAddr; 2],
    _load: Load,
    dir: TempDir,
}

impl Stage {
    /// Servers, load and a daemon that is ready for a release.
    pub async fn start(plan: &str) -> Self {
        let mut stage = Self::without_daemon(plan).await;
        stage.start_daemon(&[]);
        stage
    }

    pub async fn without_daemon(plan: &str) -> Self {
        let green_fails = Arc::new(AtomicBool::new(false));
        let addresses = [
            colour("blue", Arc::new(AtomicBool::new(false))).await,
            colour("green", green_fails.clone()).await,
        ];
        let front = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let dir = tempfile::tempdir().unwrap();
        let stage = Self {
            daemon: None,
            front,
            green_fails,
            addresses,
            _load: Load::start(front, LOAD_PER_SECOND),
            dir,
        };
        stage.write_rules(plan);
        stage
    }

    /// Writes the rule file anew.
    pub fn write_rules(&self, plan: &str) {
        let [blue, green] = self.addresses.map(|address| address.to_string());
        std::fs::write(self.rules(), rules(self.front.port(), &blue, &green, plan)).unwrap();
    }

    pub fn rules(&self) -> PathBuf {
        self.dir.path().join("shop.toml")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn socket(&self) -> PathBuf {
        self.state().join("assize.sock")
    }

    /// A directory of this stage for the case's own use.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `assize run` on this stage, which may fail.
    pub fn run(&self, more: &[&str]) -> Running {
        self.command(&[&["run", text(&self.rules())], more].concat())
    }

    /// Starts the daemon and waits until it knows which colour is live.
    pub fn start_daemon(&mut self, more: &[&str]) {
        self.daemon = Some(self.run(more));
        self.until("the daemon is ready", |stage| {
            let output = stage.assize(&["release", "status", "shop", "--json"]);
            output.code == 0 && !output.json()["live"].is_null()
        });
    }

    /// The daemon that runs.
    pub fn daemon(&self) -> &Running {
        self.daemon.as_ref().expect("a daemon runs")
    }

    /// Starts a command on this stage's state directory.
    pub fn command(&self, arguments: &[&str]) -> Running {
        let mut command = command(arguments);
        command.env("ASSIZE_STATE_DIR", self.state());
        Running::start(command)
    }

    /// Runs a command on this stage's state directory to its end.
    pub fn assize(&self, arguments: &[&str]) -> Output {
        self.command(arguments).wait()
    }

    /// `assize release ACTION shop`.
    pub fn release(&self, action: &str) -> Output {
        self.assize(&["release", action, "shop"])
    }

    /// The service as `assize release status --json` tells it.
    pub fn status(&self) -> Value {
        self.assize(&["release", "status", "shop", "--json"]).exits(0).json()
    }

    /// Waits until the release is as wanted; gives it.
    pub fn until_release(&self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        let mut found = Value::Null;
        self.until(what, |stage| {
            found = stage.status()["release"].clone();
            so(&found)
        });
        found
    }

    /// Waits until the candidate has its traffic.
    pub fn until_step(&self) {
        self.until_release("half of the traffic on the candidate", |release| release["weight"] == 50);
    }

    /// Asks again until it is so.
    pub fn until(&self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !so(self) {
            if start.elapsed() > PATIENCE {
                let said = self.daemon.as_ref().map(|daemon| (daemon.stdout(), daemon.stderr()));
                panic!("waited in vain for: {what}\n{said:#?}");
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Waits until one colour alone answers.
    pub async fn all_answers_come_from(&self, colour: &str) {
        let start = Instant::now();
        while self.answers().await != [colour] {
            assert!(start.elapsed() < PATIENCE, "{colour} does not get all traffic");
        }
    }

    /// Who answers twenty requests in a row.
    pub async fn answers(&self) -> Vec<String> {
        let client = assize::client::builder().build().unwrap();
        let mut names = Vec::new();
        for _ in 0..20 {
            let answer = client.get(format!("http://{}/", self.front)).send().await.unwrap();
            names.push(answer.text().await.unwrap());
        }
        names.sort();
        names.dedup();
        names
    }
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
