//! Starts a real HAProxy on free ports of the loopback, with its runtime socket, and stops it when dropped.
//!
//! Include with `#[path = "support/haproxy.rs"] mod haproxy;`.

#![allow(dead_code, reason = "each test file that includes this uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How long HAProxy may take to come up or to go: it needs a fraction of a second when the machine is idle.
const WAIT_MS: u64 = 20_000;

/// A port that was free a moment ago can be taken, more so while other tests run.
const START_ATTEMPTS: usize = 5;

/// After this long without effect a signal is sent again.
const SIGNAL_MS: u64 = 2_000;

/// A running HAProxy: master and one worker.
pub struct Haproxy {
    dir: TempDir,
    child: Child,
    /// Where clients connect.
    pub front: SocketAddr,
    /// The same runtime socket over TCP.
    pub admin: SocketAddr,
}

impl Haproxy {
    /// Starts with one frontend whose default backend is the first in `backends`, a piece of configuration:
    /// `"backend shop\n balance roundrobin\n server blue1 127.0.0.1:80 weight 100\n"`.
    pub fn start(backends: &str) -> Self {
        let mut attempts = (0..START_ATTEMPTS).map(|_| Self::attempt(backends));
        let up = attempts.find_map(|mut haproxy| haproxy.comes_up().then_some(haproxy));
        up.expect("haproxy comes up")
    }

    fn attempt(backends: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let [front, admin] = free_addresses();
        let mut words = backends.split_whitespace();
        let default = words.nth(1).expect("a backend with a name");
        let config = format!(
            "global\n stats socket {socket} level admin\n stats socket ipv4@{admin} level admin\n\
             defaults\n mode http\n timeout connect 2s\n timeout client 30s\n timeout server 30s\n\
             frontend front\n bind {front}\n default_backend {default}\n{backends}\n",
            socket = dir.path().join("admin.sock").display(),
        );
        std::fs::write(dir.path().join("haproxy.cfg"), config).unwrap();
        let child = spawn(&dir);
        Self { dir, child, front, admin }
    }

    /// The path of the runtime socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    /// The socket's path as it stands in rules.
    pub fn socket_rule(&self) -> String {
        self.socket().display().to_string()
    }

    /// Stops it: the socket stays as a dead file.
    pub fn stop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return; // Its process id may be another's by now.
        }
        let child = &mut self.child;
        if !signal_until(child, "TERM", |child| matches!(child.try_wait(), Ok(Some(_)))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Stops it and starts it again with the same configuration, so that it forgets all weights.
    pub fn restart(&mut self) {
        self.stop();
        let up = (0..START_ATTEMPTS).any(|_| {
            self.child = spawn(&self.dir);
            self.comes_up()
        });
        assert!(up, "haproxy did not come up again");
    }

    /// Reloads the configuration into a new worker and waits until that one answers.
    pub fn reload(&mut self) {
        let before = self.worker();
        let socket = self.socket();
        let reloaded = signal_until(&mut self.child, "USR2", |_| {
            let now = worker(&socket);
            now.is_some() && now != before
        });
        assert!(reloaded, "haproxy did not reload");
    }

    /// Sends a command to the runtime socket.
    pub fn command(&self, command: &str) -> String {
        ask(&self.socket(), command).expect("the runtime socket answers")
    }

    fn worker(&self) -> Option<String> {
        worker(&self.socket())
    }

    /// `false` when it gave up, which it does at once when somebody else has got hold of one of its ports.
    fn comes_up(&mut self) -> bool {
        let mut gone = false;
        let settled = poll(WAIT_MS, || {
            gone = matches!(self.child.try_wait(), Ok(Some(_)));
            gone || self.worker().is_some() && TcpStream::connect(self.front).is_ok()
        });
        settled && !gone
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(dir: &TempDir) -> Child {
    Command::new("haproxy")
        .args(["-W", "-db", "-f"])
        .arg(dir.path().join("haproxy.cfg"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("haproxy is installed")
}

/// Sends a signal until it has had its effect: a master that is just starting takes no notice of one.
fn signal_until(child: &mut Child, name: &str, mut done: impl FnMut(&mut Child) -> bool) -> bool {
    (0..WAIT_MS / SIGNAL_MS).any(|_| {
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.is_ok(), "kill runs");
        poll(SIGNAL_MS, || done(child))
    })
}

/// The worker's process id, as the one behind the socket tells it.
fn worker(socket: &Path) -> Option<String> {
    let info = ask(socket, "show info")?;
    let mut lines = info.lines();
    lines.find_map(|line| line.strip_prefix("Pid: ").map(str::to_owned))
}

fn ask(socket: &Path, command: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(WAIT_MS))).ok()?;
    stream.write_all(format!("{command}\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn free_addresses() -> [SocketAddr; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// Asks again every 20 ms until it is so; `false` when it is not within `limit_ms`.
fn poll(limit_ms: u64, mut so: impl FnMut() -> bool) -> bool {
    (0..limit_ms / 20).any(|_| {
        so() || {
            std::thread::sleep(Duration::from_millis(20));
            false
        }
    })
}
