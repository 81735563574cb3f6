//! A writer that is killed at any moment loses nothing that it was told is kept, and leaves nothing half-written.
//!
//! The writer is this test binary again, told by an environment variable where to write.

use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use assize::journal::sqlite::SqliteJournal;
use assize::journal::{Entry, Journal, JournalError};

use crate::material::{blue, event, fill, header, verdicts};

/// Tells the child where the state directory is.
const STATE_DIR: &str = "ASSIZE_TEST_CRASH_STATE_DIR";
/// What the child says after an event is acknowledged, and before the first.
const KEPT: &str = "kept ";
const OPENED: &str = "opened";
/// Makes transactions of many pages, so that a kill often falls into one.
const VERDICT_BYTES: usize = 40_000;
/// Should the parent die, the child ends all the same.
const EVENTS_MAX: u64 = 20_000;

fn long_entry(seq: u64) -> Entry {
    Entry { seq, event: event(seq), verdicts: verdicts("checkout-1", seq, VERDICT_BYTES), ending: None }
}

/// Not a test by itself: the process that is killed.
#[tokio::test]
async fn child_appends_until_killed() {
    let Some(dir) = env::var_os(STATE_DIR) else {
        return;
    };
    let journal = SqliteJournal::open(Path::new(&dir)).await.unwrap();
    println!("\n{OPENED}");
    let last = if let Some(unfinished) = journal.unfinished("checkout").await.unwrap() {
        unfinished.events.len()
    } else {
        journal.begin(&header("checkout", 1), &[]).await.unwrap();
        0
    };
    let first = u64::try_from(last).unwrap() + 1;
    for seq in first..EVENTS_MAX {
        journal.append("checkout-1", &long_entry(seq)).await.unwrap();
        println!("\n{KEPT}{seq}");
    }
}

/// Killed when dropped, whatever the test does.
struct Writer {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start(dir: &Path) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "crash::child_appends_until_killed", "--nocapture"])
            .env(STATE_DIR, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Waits for a line that begins with `prefix`.
    fn await_line(&mut self, prefix: &str) {
        let found = self.lines.by_ref().any(|line| line.unwrap().starts_with(prefix));
        assert!(found, "the writer ended before it said `{prefix}`");
    }

    /// SIGKILL; then the last event that it was told is kept.
    fn kill(&mut self) -> Option<u64> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let rest = self.lines.by_ref().map(Result::unwrap);
        let kept = rest.filter_map(|line| line.strip_prefix(KEPT)?.parse().ok());
        kept.max()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A few events go by before each kill, and none before some: those fall into starting, creating, opening.
const ROUNDS: u64 = 40;
const EVENTS_BEFORE_KILL_MAX: u64 = 4;
/// An event takes one to a few milliseconds here, so kills held back up to this long fall anywhere in one.
const HELD_BACK_US_MAX: u64 = 6_000;

#[tokio::test]
async fn what_is_acknowledged_survives_sigkill() {
    let dir = tempfile::tempdir().unwrap();
    let mut kept = 0;
    for round in 0..ROUNDS {
        let mut writer = Writer::start(dir.path());
        let events = round % (EVENTS_BEFORE_KILL_MAX + 1);
        for _ in 0..events {
            writer.await_line(KEPT);
        }
        // Steps of the golden ratio spread evenly. Not waiting for anything: it only moves the kill.
        let held_back = round * 6_180_340 % 10_000_000 * HELD_BACK_US_MAX / 10_000_000;
        thread::sleep(Duration::from_micros(held_back));
        let waited_for = kept + events;
        let acknowledged = writer.kill().unwrap_or(0).max(waited_for);
        kept = reopened(dir.path(), acknowledged).await;
    }
    assert!(kept > ROUNDS);
}

/// Opens as a daemon would, and counts the whole events.
async fn reopened(dir: &Path, acknowledged: u64) -> u64 {
    let journal = SqliteJournal::open(dir).await.unwrap();
    let Some(story) = journal.story("checkout-1").await.unwrap() else {
        assert_eq!(acknowledged, 0);
        journal.close().await.unwrap();
        return 0;
    };
    let kept = u64::try_from(story.events.len()).unwrap();
    assert!(kept >= acknowledged, "kept {kept} of {acknowledged} that were acknowledged");
    // One more may be durable when the kill fell between the commit and the word of it.
    let events: Vec<_> = (1..=kept).map(event).collect();
    assert_eq!(story.events, events);
    let said: Vec<_> = (1..=kept).flat_map(|seq| long_entry(seq).verdicts).collect();
    assert!(story.verdicts == said, "an event without all of its verdicts");
    journal.close().await.unwrap();
    kept
}

#[tokio::test]
async fn one_process_holds_the_directory_until_it_dies() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::start(dir.path());
    writer.await_line(OPENED);

    let JournalError::InUse(told) = SqliteJournal::open(dir.path()).await.unwrap_err() else {
        panic!("another kind of error");
    };
    assert!(told.contains(&dir.path().display().to_string()), "{told}");
    assert!(told.contains(&format!("process {}", writer.process.id())), "{told}");
    writer.await_line(KEPT);

    writer.kill();
    SqliteJournal::open(dir.path()).await.unwrap();
}

#[tokio::test]
async fn one_journal_holds_the_directory_until_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let first = SqliteJournal::open(dir.path()).await.unwrap();
    let refused = SqliteJournal::open(dir.path()).await;
    assert!(matches!(refused, Err(JournalError::InUse(_))), "{refused:?}");
    fill(&first, 1, 1).await;
    first.close().await.unwrap();
    let second = SqliteJournal::open(dir.path()).await.unwrap();
    assert_eq!(second.unfinished("checkout").await.unwrap().unwrap().events.len(), 1);
}

#[tokio::test]
async fn a_writer_that_was_replaced_writes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let first = SqliteJournal::open(dir.path()).await.unwrap();
    fill(&first, 1, 1).await;
    // The lock of a deleted file keeps nobody out; the fencing number in the database does.
    std::fs::remove_file(dir.path().join("lock")).unwrap();
    let second = SqliteJournal::open(dir.path()).await.unwrap();
    let entry = long_entry(2);
    let refused = first.append("checkout-1", &entry).await;
    assert!(matches!(refused, Err(JournalError::InUse(_))), "{refused:?}");
    let refused = first.set_live("checkout", &blue(), entry.event.at()).await;
    assert!(matches!(refused, Err(JournalError::InUse(_))), "{refused:?}");
    second.append("checkout-1", &entry).await.unwrap();
}

#[tokio::test]
async fn reads_while_a_daemon_writes_and_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = SqliteJournal::open_read_only(&dir.path().join("nowhere")).await;
    assert!(matches!(nothing, Err(JournalError::Failed(_))), "{nothing:?}");
    let writer = SqliteJournal::open(dir.path()).await.unwrap();
    fill(&writer, 1, 2).await;

    let reader = SqliteJournal::open_read_only(dir.path()).await.unwrap();
    assert_eq!(reader.story("checkout-1").await.unwrap().unwrap().events.len(), 2);
    writer.append("checkout-1", &long_entry(3)).await.unwrap();
    assert_eq!(reader.story("checkout-1").await.unwrap().unwrap().events.len(), 3);
    let refused = reader.append("checkout-1", &long_entry(4)).await;
    assert!(matches!(refused, Err(JournalError::Failed(_))), "{refused:?}");

    writer.close().await.unwrap();
    assert_eq!(reader.story("checkout-1").await.unwrap().unwrap().events.len(), 3);
    reader.close().await.unwrap();
    let reader = SqliteJournal::open_read_only(dir.path()).await.unwrap();
    assert_eq!(reader.releases(None, 9).await.unwrap().len(), 1);
}
