//! File systems without room and without leave to write: real ones, in a mount namespace of their own.
//!
//! Where namespaces are forbidden these tests say so and stop;
//! `src/journal/sqlite/tests.rs` brings `SQLite` to the same error everywhere.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use assize::journal::sqlite::SqliteJournal;
use assize::journal::{Entry, Journal, JournalError};

use crate::material::{event, fill, verdicts};

/// Tells the child where its file system is mounted.
const MOUNT: &str = "ASSIZE_TEST_MOUNT";
/// The mount was refused: nothing was tested.
const NOT_PERMITTED: i32 = 77;

/// Runs the test `name` of this binary again after `mount`, a shell command that mounts something on `$ASSIZE_TEST_MOUNT`.
fn in_namespace(mount: &str, name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("{mount} || exit {NOT_PERMITTED}; exec \"$0\" --exact {name} --nocapture");
    let ran = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(env::current_exe().unwrap())
        .env(MOUNT, dir.path())
        .output();
    match ran {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            let forbidden = output.status.code() == Some(NOT_PERMITTED) || error.contains("unshare");
            assert!(forbidden, "{}{error}", String::from_utf8_lossy(&output.stdout));
            eprintln!("not tested, mounts are not permitted here: {error}");
        }
        Err(error) => eprintln!("not tested, there is no `unshare`: {error}"),
    }
}

fn long_entry(seq: u64) -> Entry {
    Entry { seq, event: event(seq), verdicts: verdicts("checkout-1", seq, 20_000), ending: None }
}

#[test]
fn a_full_disk() {
    in_namespace("mount -t tmpfs -o size=4m tmpfs \"$ASSIZE_TEST_MOUNT\"", "space::child_on_a_small_disk");
}

#[tokio::test]
async fn child_on_a_small_disk() {
    let Some(mount) = env::var_os(MOUNT) else {
        return;
    };
    let (state, ballast) = (Path::new(&mount).join("state"), Path::new(&mount).join("ballast"));

    // Nothing is left of a journal that could not be created.
    fill_up(&ballast);
    assert_full(SqliteJournal::open(&state).await);
    assert!(!state.join("assize.db").exists() && !state.join("assize.db.new").exists());

    // More than the journal gets, so that its log fits into its file when the ballast is gone.
    fs::write(&ballast, vec![0; 2_400_000]).unwrap();
    let journal = SqliteJournal::open(&state).await.unwrap();
    fill(&journal, 1, 0).await;
    let mut kept = 0;
    let refused = loop {
        match journal.append("checkout-1", &long_entry(kept + 1)).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1_000, "4 MiB hold more than they can");
    };
    assert_full::<()>(Err(refused));
    assert_holds(&journal, kept).await;

    // Room again, without a restart.
    fs::remove_file(&ballast).unwrap();
    journal.append("checkout-1", &long_entry(kept + 1)).await.unwrap();
    journal.close().await.unwrap();

    // And with one: no room to open, then room.
    fill_up(&ballast);
    assert_full(SqliteJournal::open(&state).await);
    fs::remove_file(&ballast).unwrap();
    let journal = SqliteJournal::open(&state).await.unwrap();
    assert_holds(&journal, kept + 1).await;
}

fn fill_up(ballast: &Path) {
    let written = fs::write(ballast, vec![0; 8 << 20]);
    assert!(written.is_err(), "8 MiB do not fit into 4");
}

fn assert_full<T: std::fmt::Debug>(result: Result<T, JournalError>) {
    let told = match result.unwrap_err() {
        JournalError::Full(told) => told,
        other => panic!("another kind of error: {other:?}"),
    };
    assert!(told.contains("assize.db") && told.contains("Make room"), "{told}");
}

async fn assert_holds(journal: &SqliteJournal, kept: u64) {
    let story = journal.story("checkout-1").await.unwrap().unwrap();
    let events: Vec<_> = (1..=kept).map(event).collect();
    assert_eq!(story.events, events);
    assert_eq!(story.verdicts.len(), 2 * events.len());
}

#[test]
fn a_read_only_disk() {
    in_namespace("mount -t tmpfs tmpfs \"$ASSIZE_TEST_MOUNT\"", "space::child_on_a_read_only_disk");
}

#[tokio::test]
async fn child_on_a_read_only_disk() {
    let Some(mount) = env::var_os(MOUNT) else {
        return;
    };
    let state = Path::new(&mount).join("state");
    let journal = SqliteJournal::open(&state).await.unwrap();
    fill(&journal, 1, 3).await;
    journal.close().await.unwrap();
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&mount).status();
    assert!(remounted.unwrap().success());
    match SqliteJournal::open(&state).await.unwrap_err() {
        JournalError::Failed(told) => {
            assert!(told.contains(&state.display().to_string()), "{told}");
            assert!(told.contains("be able to write"), "{told}");
        }
        other => panic!("another kind of error: {other:?}"),
    }
}
