//! The unit file: understood by systemd, hardened, and notified by the real daemon.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

fn unit() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/assize.service")).unwrap()
}

/// A copy whose program exists here.
fn copy(dir: &tempfile::TempDir) -> String {
    let path = dir.path().join("assize.service");
    std::fs::write(&path, unit().replace("/usr/bin/assize", env!("CARGO_BIN_EXE_assize"))).unwrap();
    path.display().to_string()
}

#[test]
fn systemd_finds_nothing_to_complain_about() {
    let dir = tempfile::tempdir().unwrap();
    let output =
        Command::new("systemd-analyze").args(["verify", &copy(&dir)]).output().expect("systemd is installed");
    // It exits 0 on bad values and says so on standard error only.
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
}

#[test]
fn it_is_hardened() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20", &copy(&dir)])
        .output()
        .expect("systemd is installed");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "exposure above 2.0:\n{stdout}");
}

#[test]
fn the_daemon_tells_that_it_is_ready_alive_and_stopping() {
    let dir = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let rules = format!("{}/rules/embedded.toml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(rules).unwrap();
    let listen = text.lines().find(|line| line.starts_with("listen")).expect("the embedded router listens");
    let file = dir.path().join("shop.toml");
    std::fs::write(&file, text.replace(listen, "listen = \"127.0.0.1:0\"")).unwrap();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_assize"))
        .args(["run", file.to_str().unwrap(), "--state-dir"])
        .arg(dir.path().join("state"))
        .env("NOTIFY_SOCKET", dir.path().join("notify"))
        .env("WATCHDOG_USEC", "400000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let hear = |word: &str| {
        let mut buffer = [0; 4_096];
        for _ in 0..100 {
            let n = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {word}: {error}"));
            if String::from_utf8_lossy(&buffer[..n]).contains(word) {
                return;
            }
        }
        panic!("no {word}");
    };
    hear("READY=1");
    hear("WATCHDOG=1");
    for (signal, words) in [("HUP", &["RELOADING=1", "READY=1"][..]), ("TERM", &["STOPPING=1"][..])] {
        Command::new("kill").args(["-s", signal, &daemon.id().to_string()]).status().unwrap();
        for word in words {
            hear(word);
        }
    }
    assert!(daemon.wait().unwrap().success());
}
