//! Files that are not whole journals: refused with a way out, and left as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assize::journal::sqlite::SqliteJournal;
use assize::journal::{Journal, JournalError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::material::{at, blue, fill};

/// A closed journal of 200 events.
async fn written() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    journal.set_live("checkout", &blue(), at(1)).await.unwrap();
    fill(&journal, 1, 200).await;
    journal.close().await.unwrap();
    let file = dir.path().join("assize.db");
    (dir, file)
}

fn damaged<T: std::fmt::Debug>(result: Result<T, JournalError>) -> String {
    match result.unwrap_err() {
        JournalError::Damaged(told) => told,
        other => panic!("another kind of error: {other:?}"),
    }
}

/// Opening is refused in both ways, says how to go on, and changes nothing.
async fn refused_untouched(dir: &Path) -> String {
    let file = dir.join("assize.db");
    let before = fs::read(&file).unwrap();
    let told = damaged(SqliteJournal::open(dir).await);
    assert!(told.contains(&file.display().to_string()), "{told}");
    assert!(told.contains("no traffic was moved"), "{told}");
    assert!(fs::read(&file).unwrap() == before, "the file was changed");
    told
}

async fn sql(file: &Path, statement: &str) {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn overwritten_in_the_middle() {
    let (dir, file) = written().await;
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 10_000].fill(0xA5);
    fs::write(&file, bytes).unwrap();
    let told = refused_untouched(dir.path()).await;
    assert!(told.contains("mv assize.db*"), "{told}");
}

#[tokio::test]
async fn truncated_anywhere() {
    let (dir, file) = written().await;
    let whole = fs::read(&file).unwrap();
    for length in [0, 1, 50, 99, 4096, 5000, whole.len() / 2, whole.len() - 4096] {
        fs::write(&file, &whole[..length]).unwrap();
        refused_untouched(dir.path()).await;
        let told = SqliteJournal::open_read_only(dir.path()).await;
        damaged(told);
    }
    fs::write(&file, &whole).unwrap();
    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    assert_eq!(journal.story("checkout-1").await.unwrap().unwrap().events.len(), 200);
}

#[tokio::test]
async fn no_database_at_all() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("assize.db"), "remember to buy milk\n".repeat(500)).unwrap();
    refused_untouched(dir.path()).await;
    damaged(SqliteJournal::open_read_only(dir.path()).await);
}

#[tokio::test]
async fn database_of_another_program() {
    let dir = tempfile::tempdir().unwrap();
    sql(&dir.path().join("assize.db"), "CREATE TABLE bookmarks (url TEXT)").await;
    let told = refused_untouched(dir.path()).await;
    assert!(told.contains("another program"), "{told}");
}

#[tokio::test]
async fn of_a_newer_assize() {
    let (dir, file) = written().await;
    sql(&file, "PRAGMA user_version = 99").await;
    let told = refused_untouched(dir.path()).await;
    assert!(told.contains("version 99") && told.contains("newer assize"), "{told}");
    damaged(SqliteJournal::open_read_only(dir.path()).await);
}

#[tokio::test]
async fn record_of_a_newer_assize() {
    let (dir, file) = written().await;
    sql(&file, "UPDATE events SET version = 2 WHERE seq = 7").await;
    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    let told = damaged(journal.unfinished("checkout").await);
    assert!(told.contains("event 7") && told.contains("version 2"), "{told}");
    damaged(journal.story("checkout-1").await);
    assert_eq!(journal.releases(None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn flipped_digit_in_a_sample() {
    // `quick_check` knows nothing of digits; the record's checksum does.
    let (dir, file) = written().await;
    let mut bytes = fs::read(&file).unwrap();
    let sample = b"\"total\":296";
    let found = bytes.windows(sample.len()).position(|window| window == sample);
    bytes[found.unwrap() + sample.len() - 1] = b'8';
    fs::write(&file, bytes).unwrap();
    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    let told = damaged(journal.unfinished("checkout").await);
    assert!(told.contains("checksum"), "{told}");
}

#[tokio::test]
async fn lost_event_or_rewritten_rules() {
    let (dir, file) = written().await;
    sql(&file, "DELETE FROM events WHERE seq = 5").await;
    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    let told = damaged(journal.unfinished("checkout").await);
    assert!(told.contains("event 5"), "{told}");
    journal.close().await.unwrap();
    sql(&file, "UPDATE releases SET rules = 'steps = [100]'").await;
    let journal = SqliteJournal::open_read_only(dir.path()).await.unwrap();
    let told = damaged(journal.story("checkout-1").await);
    assert!(told.contains("rules"), "{told}");
}

#[tokio::test]
async fn database_gone_but_its_log_left() {
    let (dir, file) = written().await;
    fs::remove_file(&file).unwrap();
    fs::write(dir.path().join("assize.db-wal"), [1; 4096]).unwrap();
    let told = damaged(SqliteJournal::open(dir.path()).await);
    assert!(told.contains("log"), "{told}");
    assert!(!file.exists());
}

#[tokio::test]
async fn put_aside_as_told_it_starts_anew() {
    let (dir, file) = written().await;
    fs::write(&file, "gone").unwrap();
    let told = refused_untouched(dir.path()).await;
    // The message carries the command between backticks.
    let command = told.split('`').find(|part| part.starts_with("cd ")).unwrap();
    let done = std::process::Command::new("sh").args(["-c", command]).status().unwrap();
    assert!(done.success(), "{command}");
    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    assert_eq!(journal.live("checkout").await.unwrap(), None);
    assert_eq!(fs::read(dir.path().join("damaged/assize.db")).unwrap(), b"gone");
}

#[tokio::test]
async fn unfinished_creation_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["assize.db.new", "assize.db.new-journal"] {
        fs::write(dir.path().join(name), "half").unwrap();
    }
    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    fill(&journal, 1, 1).await;
    assert!(!dir.path().join("assize.db.new").exists());
}

#[tokio::test]
async fn only_the_owner_can_look_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("a/b");
    let journal = SqliteJournal::open(&state).await.unwrap();
    fill(&journal, 1, 1).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for name in ["assize.db", "assize.db-wal", "assize.db-shm", "lock"] {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
}
