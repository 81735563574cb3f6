//! Runs the program under test to its end or in the background, always with a bound on its time.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::process;

/// Nothing that these tests start or wait for takes longer, also on a slow machine with other tests beside it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Output {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// All of standard output as one JSON value.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard output as one JSON object per line.
    pub fn json_lines(&self) -> Vec<Value> {
        let line = |line: &str| -> Value {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in `{line}`: {self:?}"));
            assert!(value.is_object(), "{line}");
            value
        };
        self.stdout.lines().map(line).collect()
    }

    /// Fails the test unless the command ended with this code.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Fails the test unless standard error contains this.
    pub fn complains(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` in {self:#?}");
        self
    }
}

/// The program with arguments, in an environment that says nothing of this machine's own daemon.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assize"));
    command.args(arguments).env("USER", "tester").stdin(Stdio::null());
    for variable in ["ASSIZE_STATE_DIR", "ASSIZE_SOCKET", "ASSIZE_LOG", "STATE_DIRECTORY", "SUDO_USER"] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program to its end.
pub fn assize(arguments: &[&str]) -> Output {
    Running::start(command(arguments)).wait()
}

/// Runs the program to its end with this on its standard input.
pub fn assize_fed(arguments: &[&str], input: &str) -> Output {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let mut command = command(arguments);
    command.stdin(file);
    Running::start(command).wait()
}

/// A program in the background. Dropping it kills it.
pub struct Running {
    child: Child,
    /// Its output goes to files here: a pipe that nobody reads would hold it up.
    dir: TempDir,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        Self::start_with(&mut command)
    }

    fn start_with(command: &mut Command) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(dir.path().join(name)).unwrap();
        let child = command.stdout(file("stdout")).stderr(file("stderr")).spawn().expect("assize is built");
        Self { child, dir }
    }

    /// Starts it with a pipe as its standard input.
    pub fn start_piped(mut command: Command) -> (Self, ChildStdin) {
        let mut running = Self::start_with(command.stdin(Stdio::piped()));
        let stdin = running.child.stdin.take().expect("it is piped");
        (running, stdin)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed to standard output so far.
    pub fn stdout(&self) -> String {
        read(&self.dir.path().join("stdout"))
    }

    /// What it has printed to standard error so far.
    pub fn stderr(&self) -> String {
        read(&self.dir.path().join("stderr"))
    }

    pub fn signal(&self, name: &str) {
        process::signal(self.pid(), name);
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until it ends by itself.
    pub fn wait(mut self) -> Output {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                let code = status.code().unwrap_or(-1);
                return Output { code, stdout: self.stdout(), stderr: self.stderr() };
            }
            assert!(
                start.elapsed() < PATIENCE,
                "it does not end\nstdout:\n{}\nstderr:\n{}",
                self.stdout(),
                self.stderr()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// As `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(path: &Path) -> String {
    String::from_utf8(std::fs::read(path).unwrap()).expect("only text is printed")
}
