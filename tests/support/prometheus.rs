//! Starts a real Prometheus on a free port of the loopback, scraping given targets, and stops it when dropped.
//!
//! Include with `#[path = "support/prometheus.rs"] mod prometheus;`.

#![allow(dead_code, reason = "each test file that includes this uses a part of it")]

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How long Prometheus may take to answer.
const WAIT_MS: u64 = 30_000;

/// A running (or stopped) Prometheus that scrapes every second.
pub struct Prometheus {
    dir: TempDir,
    child: Option<Child>,
    address: SocketAddr,
}

impl Prometheus {
    /// Scrapes each `(colour, host:port)` with the label `colour`.
    pub fn start(targets: &[(&str, &String)]) -> Self {
        let dir = TempDir::new().unwrap();
        let mut config = String::from(
            "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\nscrape_configs:\n- job_name: shop\n  static_configs:\n",
        );
        for (colour, target) in targets {
            let _ = writeln!(config, "  - targets: ['{target}']\n    labels: {{ colour: '{colour}' }}");
        }
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut prometheus = Self { dir, child: None, address };
        prometheus.start_again();
        prometheus
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Starts it on the same port and data.
    pub fn start_again(&mut self) {
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", self.dir.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", self.dir.path().join("data").display()))
            .arg(format!("--web.listen-address={}", self.address))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed (./test does it)");
        self.child = Some(child);
        let ready = (0..WAIT_MS / 50).any(|_| {
            TcpStream::connect(self.address).is_ok() || {
                std::thread::sleep(Duration::from_millis(50));
                false
            }
        });
        assert!(ready, "prometheus did not come up");
    }

    /// Stops it as its service manager would.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
