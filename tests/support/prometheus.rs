//! A real Prometheus on a free loopback port, in a directory of its own, stopped when dropped.
//!
//! It can be stopped and started again on the same port with the same data.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Starting takes half a second; a busy machine may need much longer.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A port that was free a moment ago may be taken by the time the server binds it.
const STARTS_MAX: usize = 5;

/// What is scraped: an address and the labels that its series get.
pub struct Target<'a> {
    pub address: SocketAddr,
    pub labels: &'a [(&'a str, &'a str)],
}

pub struct Prometheus {
    dir: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Prometheus {
    /// Starts a server that scrapes `targets` every `interval` (as Prometheus writes it: `200ms`, `1s`).
    pub async fn scraping(targets: &[Target<'_>], interval: &str) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("prometheus.yml"), config(targets, interval)).unwrap();
        let mut server = Self { dir, port: 0, child: None };
        for _ in 0..STARTS_MAX {
            server.port = free_port();
            if server.try_start().await {
                return server;
            }
        }
        panic!("prometheus does not start: {}", server.log());
    }

    pub fn url(&self) -> url::Url {
        format!("http://127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// Its process.
    #[allow(dead_code, reason = "only the benchmark asks")]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Kills the server. Its data stay.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on the same port with the same data.
    #[allow(dead_code, reason = "not every test binary that includes this file restarts the server")]
    pub async fn start(&mut self) {
        assert!(self.child.is_none(), "already running");
        assert!(self.try_start().await, "prometheus does not start again: {}", self.log());
    }

    /// Whether it became ready; false when it exited.
    async fn try_start(&mut self) -> bool {
        let child = self.child.insert(spawn(self.dir.path(), self.port));
        let client = assize::client::builder().build().unwrap();
        let ready = format!("http://127.0.0.1:{}/-/ready", self.port);
        let until = Instant::now() + READY_WITHIN;
        while Instant::now() < until {
            if child.try_wait().unwrap().is_some() {
                self.child = None;
                return false;
            }
            match client.get(&ready).send().await {
                Ok(answer) if answer.status().is_success() => return true,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("prometheus is not ready within {READY_WITHIN:?}: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(dir: &Path, port: u16) -> Child {
    let log = std::fs::File::create(dir.join("log")).unwrap();
    Command::new("prometheus")
        .arg(format!("--config.file={}", dir.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("`prometheus` is needed for this test: install Debian's package `prometheus`")
}

fn config(targets: &[Target], interval: &str) -> String {
    let mut text = format!(
        "global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n\
         scrape_configs:\n- job_name: test\n  static_configs:\n"
    );
    for Target { address, labels } in targets {
        let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}: {value:?}")).collect();
        let labels = labels.join(", ");
        writeln!(text, "  - {{targets: ['{address}'], labels: {{{labels}}}}}").unwrap();
    }
    text
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
