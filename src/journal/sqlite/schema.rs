//! The tables, how a database becomes one of ours, and how it is examined before anything is written to it.
//!
//! A new database is built under another name and renamed when it is complete.
//! So a file called `assize.db` is a whole journal, and an empty or foreign one is damage, never a fresh start
//! that would forget which colour is live.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::super::JournalError;
use super::place::Place;

/// `Asze`: tells our databases from everybody else's.
pub(super) const APPLICATION_ID: i64 = 0x4173_7A65;

/// Each brings the schema from the version of its index to the next one. Never edit one that was released.
pub(super) const MIGRATIONS: [&str; 1] = [FIRST];

/// - `holder.fence` rises with every opening for writing; a writer whose number is not the current one has been
///   replaced and writes no more. The lock file keeps honest daemons apart; this catches the rest
///   (a deleted lock file, a file system without locks).
/// - One unfinished release per service is a promise of the index, not only of the code.
/// - The event's `tick` column and its index let samples be dropped without reading bodies.
const FIRST: &str = "
CREATE TABLE holder (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    fence INTEGER NOT NULL,
    pid INTEGER NOT NULL
) STRICT;
INSERT INTO holder (one, fence, pid) VALUES (1, 0, 0);
CREATE TABLE services (
    service TEXT PRIMARY KEY,
    live TEXT NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE TABLE releases (
    id INTEGER PRIMARY KEY,
    release TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL,
    number INTEGER NOT NULL,
    live TEXT NOT NULL,
    candidate TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    started_by TEXT NOT NULL,
    rules TEXT NOT NULL,
    rules_checksum INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT CHECK (outcome IN ('promoted', 'reverted', 'cancelled')),
    UNIQUE (service, number),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT;
CREATE UNIQUE INDEX releases_unfinished ON releases (service) WHERE ended_at IS NULL;
CREATE INDEX releases_ended ON releases (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE events (
    release_id INTEGER NOT NULL REFERENCES releases (id),
    seq INTEGER NOT NULL CHECK (seq > 0),
    at INTEGER NOT NULL,
    tick INTEGER NOT NULL CHECK (tick IN (0, 1)),
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (release_id, seq)
) STRICT;
CREATE INDEX events_ticks ON events (release_id) WHERE tick = 1;
CREATE TABLE verdicts (
    release_id INTEGER NOT NULL REFERENCES releases (id),
    seq INTEGER NOT NULL,
    n INTEGER NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (release_id, seq, n)
) STRICT;
";

/// The newest schema version that this assize knows.
pub(super) fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Makes the database if there is none.
pub(super) async fn create_if_missing(
    place: &Place,
    options: &SqliteConnectOptions,
) -> Result<(), JournalError> {
    let file = place.file();
    let exists = file.try_exists().map_err(|error| place.io("look for the database", &error))?;
    if exists {
        return Ok(());
    }
    if fs::metadata(place.log()).is_ok_and(|log| log.len() > 0) {
        // SQLite would play the log of the lost database into the new one.
        return Err(place.damaged("the database is gone but its write-ahead log is still there"));
    }
    let unfinished = place.unfinished_file();
    remove_remains(place)?;
    let made = build(place, options).await;
    if made.is_err() {
        // Takes up room on a full disk; a remnant is removed by the next attempt too.
        let _ = remove_remains(place);
    }
    made?;
    let doing = format!("create {}", file.display());
    fs::rename(&unfinished, &file)
        .and_then(|()| File::open(place.directory())?.sync_all())
        .map_err(|error| place.io(&doing, &error))
}

/// What an earlier attempt at [`build`] may have left.
fn remove_remains(place: &Place) -> Result<(), JournalError> {
    let unfinished = place.unfinished_file();
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let mut path = unfinished.clone().into_os_string();
        path.push(suffix);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(place.io("remove an unfinished database", &error));
            }
            _ => {}
        }
    }
    Ok(())
}

async fn build(place: &Place, options: &SqliteConnectOptions) -> Result<(), JournalError> {
    let unfinished = place.unfinished_file();
    let doing = format!("create {}", unfinished.display());
    let refused = |error| place.refused(&doing, &error);
    // SQLite gives its own files beside this one the same mode.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .map_err(|error| place.io(&doing, &error))?;
    // Without a write-ahead log everything is in the file when it is committed, so that the file can be renamed.
    let options = options.clone().filename(&unfinished).journal_mode(SqliteJournalMode::Delete);
    let mut connection = options.connect().await.map_err(refused)?;
    migrate(place, &mut connection, 0, &MIGRATIONS).await?;
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode = WAL").fetch_one(&mut connection).await.map_err(refused)?;
    if mode != "wal" {
        return Err(place.failed(
            "this file system cannot carry a write-ahead log; put the state directory on a local disk",
        ));
    }
    connection.close().await.map_err(refused)?;
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(|error| place.io(&doing, &error))
}

/// Applies what is missing above version `from`, each step whole or not at all.
pub(super) async fn migrate(
    place: &Place,
    connection: &mut SqliteConnection,
    from: i64,
    migrations: &[&'static str],
) -> Result<(), JournalError> {
    let done = usize::try_from(from).unwrap_or(0);
    for (index, step) in migrations.iter().enumerate().skip(done) {
        let version = index + 1;
        let script = format!(
            "BEGIN IMMEDIATE; {step}; PRAGMA application_id = {APPLICATION_ID}; \
             PRAGMA user_version = {version}; COMMIT;"
        );
        sqlx::raw_sql(AssertSqlSafe(script))
            .execute(&mut *connection)
            .await
            .map_err(|error| place.refused(&format!("bring it to version {version}"), &error))?;
    }
    Ok(())
}

/// Reads the database's version and makes sure that it is ours and not from the future, without writing.
pub(super) async fn version(place: &Place, connection: &mut SqliteConnection) -> Result<i64, JournalError> {
    let empty = fs::metadata(place.file()).is_ok_and(|file| file.len() == 0);
    if empty {
        return Err(place.damaged("the file is empty"));
    }
    let application = pragma(place, connection, "PRAGMA application_id").await?;
    let version = pragma(place, connection, "PRAGMA user_version").await?;
    if application != APPLICATION_ID || version < 1 {
        return Err(place.damaged("this is a database of another program"));
    }
    if version > known_version() {
        return Err(place.newer("the database", version, known_version()));
    }
    Ok(version)
}

async fn pragma(
    place: &Place,
    connection: &mut SqliteConnection,
    query: &'static str,
) -> Result<i64, JournalError> {
    sqlx::query_scalar(query)
        .fetch_one(connection)
        .await
        .map_err(|error| place.refused("read its header", &error))
}

/// Walks through all pages (about a second per gigabyte), without writing.
pub(super) async fn examine(place: &Place, connection: &mut SqliteConnection) -> Result<(), JournalError> {
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(connection)
        .await
        .map_err(|error| place.refused("examine it", &error))?;
    if found == "ok" { Ok(()) } else { Err(place.damaged(&format!("damage found: {found}"))) }
}
