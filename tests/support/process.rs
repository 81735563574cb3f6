//! Programs that a test starts: their output line by line, and stopped when dropped.
//!
//! Include with `#[path = "support/process.rs"] mod process;`.

#![allow(dead_code, reason = "each test file that includes this uses a part of it")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tokio::time::Instant;

/// A program that has not said what it should within this time never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running program. Dropping it kills it.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// Starts a program; what it prints to standard error goes to the test's own.
    pub fn spawn(program: &Path, arguments: &[String]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run ./test, which builds it", program.display()));
        let (sender, lines) = channel();
        let out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line that contains a text, which other lines do not delay beyond the patience.
    pub fn wait_for_line(&self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let line = self.lines.recv_timeout(PATIENCE.saturating_sub(start.elapsed()));
            let line = line.unwrap_or_else(|_| panic!("no line with `{text}`"));
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal by name.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "kill -s {name} {pid}");
}

/// Where an example of this package was built, beside the test that runs.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test runs from a file");
    let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps");
    profile.join("examples").join(name)
}
