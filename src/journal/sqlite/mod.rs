//! The journal in a `SQLite` file in the state directory: `assize.db`, with one writer.
//!
//! Durable means: write-ahead log, `synchronous = FULL`, so a commit has reached the disk before `append` returns,
//! and a power cut leaves whole transactions only.
//! One connection writes and another reads, so that `assize explain` of a long release holds no append up.
//! Parts: `lock` (one daemon per directory), `schema` (tables, examination at opening), `record` (bodies),
//! `connection` (transactions), `write`, `read`, and `place` (what errors say).
//!
//! The file does not shrink when samples are dropped: the pages are used again, so it keeps the size of its busiest
//! time. Vacuuming would rewrite it while releases wait; who needs the space back stops assize and runs
//! `sqlite3 assize.db VACUUM`.

mod connection;
mod lock;
mod place;
mod read;
mod record;
mod schema;
mod write;

#[cfg(test)]
mod tests;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::{Entry, Header, Journal, JournalError, Outcome, Story, Summary, Unfinished};
use crate::release::verdict::Verdict;
use crate::sample::{Colour, Timestamp};
pub use read::RELEASES_MAX;

use connection::Slot;
use lock::StateLock;
use place::Place;

/// A backup tool or a `sqlite3` shell may hold the file for a moment; longer is somebody's mistake, to be reported.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What the write-ahead log may keep on disk after a long reader made it grow.
const LOG_BYTES_KEPT: &str = "67108864";

/// The journal of one daemon, or a look into it.
#[derive(Debug)]
pub struct SqliteJournal {
    place: Place,
    /// Absent when opened for reading only.
    writer: Option<Writer>,
    reader: Slot,
    /// Dropped last: the directory is free when the connections are closed.
    _lock: Option<StateLock>,
}

#[derive(Debug)]
struct Writer {
    slot: Slot,
    /// Ours as long as the database holds the same number.
    fence: i64,
}

impl SqliteJournal {
    /// Opens the journal in `state_dir` for writing and takes the directory for this process.
    /// Creates the directory (mode 0700) and the database (0600) where missing; upgrades an older schema.
    ///
    /// Reads the whole file once to find damage, and writes to it once to find a disk that is full or read-only.
    ///
    /// # Errors
    /// `InUse` when another process holds the directory, `Damaged` when the file is not a whole journal of a known
    /// version (it is left untouched), `Full` on a full disk, `Failed` when it cannot be written for another reason.
    pub async fn open(state_dir: &Path) -> Result<Self, JournalError> {
        let place = Place::new(state_dir);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir)
            .map_err(|error| place.io("create the state directory", &error))?;
        let lock = StateLock::take(&place)?;
        schema::create_if_missing(&place, &writing(&place)).await?;
        let version = look(&place, Look::Everywhere).await?;
        let slot = Slot::new(writing(&place));
        let fence = write::claim(&place, &slot, version).await?;
        Ok(Self {
            reader: Slot::new(reading(&place)),
            writer: Some(Writer { slot, fence }),
            _lock: Some(lock),
            place,
        })
    }

    /// Opens the journal in `state_dir` to read it, whether a daemon writes to it or not.
    /// Everything that would write answers `Failed`.
    ///
    /// # Errors
    /// `Damaged` as for [`Self::open`] (without examining all of it), `Failed` when there is no journal.
    pub async fn open_read_only(state_dir: &Path) -> Result<Self, JournalError> {
        let place = Place::new(state_dir);
        if !place.file().exists() {
            return Err(place.failed(
                "there is none; give the state directory of the daemon, as the user that it runs as",
            ));
        }
        let version = look(&place, Look::AtTheHeader).await?;
        if version < schema::known_version() {
            return Err(place.failed(format!(
                "it has version {version} and this assize reads {}; start the daemon once to upgrade it",
                schema::known_version()
            )));
        }
        Ok(Self { reader: Slot::new(reading(&place)), writer: None, _lock: None, place })
    }

    /// Waits for what is being written, moves the write-ahead log into the file and frees the directory.
    /// Dropping does the same a moment later, on other threads.
    ///
    /// # Errors
    /// When the connections could not be closed. Everything acknowledged is durable all the same.
    pub async fn close(self) -> Result<(), JournalError> {
        self.reader.close(&self.place).await?;
        match self.writer {
            Some(writer) => writer.slot.close(&self.place).await,
            None => Ok(()),
        }
    }

    fn writer(&self) -> Result<&Writer, JournalError> {
        self.writer.as_ref().ok_or_else(|| self.place.failed("it was opened for reading only"))
    }
}

fn common(place: &Place) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(place.file())
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cell_size_check", "ON")
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

fn writing(place: &Place) -> SqliteConnectOptions {
    common(place)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", LOG_BYTES_KEPT)
}

fn reading(place: &Place) -> SqliteConnectOptions {
    common(place).read_only(true)
}

/// How closely a database is looked at before it is used.
#[derive(Clone, Copy, PartialEq)]
enum Look {
    AtTheHeader,
    Everywhere,
}

/// The schema's version, by a connection that cannot write.
async fn look(place: &Place, how: Look) -> Result<i64, JournalError> {
    let refused = |error| place.refused("open it", &error);
    let mut connection: SqliteConnection = reading(place).connect().await.map_err(refused)?;
    let version = schema::version(place, &mut connection).await?;
    if how == Look::Everywhere {
        schema::examine(place, &mut connection).await?;
    }
    connection.close().await.map_err(refused)?;
    Ok(version)
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn live(&self, service: &str) -> Result<Option<Colour>, JournalError> {
        read::live(&self.place, &self.reader, service).await
    }

    async fn set_live(&self, service: &str, live: &Colour, at: Timestamp) -> Result<(), JournalError> {
        write::set_live(&self.place, self.writer()?, service, live, at).await
    }

    async fn next_number(&self, service: &str) -> Result<u64, JournalError> {
        read::next_number(&self.place, &self.reader, service).await
    }

    async fn begin(&self, header: &Header, verdicts: &[Verdict]) -> Result<(), JournalError> {
        write::begin(&self.place, self.writer()?, header, verdicts).await
    }

    async fn append(&self, release: &str, entry: &Entry) -> Result<(), JournalError> {
        write::append(&self.place, self.writer()?, release, entry).await
    }

    async fn unfinished(&self, service: &str) -> Result<Option<Unfinished>, JournalError> {
        read::unfinished(&self.place, &self.reader, service).await
    }

    /// Never more than [`RELEASES_MAX`].
    async fn releases(&self, service: Option<&str>, most: u32) -> Result<Vec<Summary>, JournalError> {
        read::releases(&self.place, &self.reader, service, most).await
    }

    /// The whole story is in memory: about 1 KiB per event and per verdict.
    async fn story(&self, release: &str) -> Result<Option<Story>, JournalError> {
        read::story(&self.place, &self.reader, release).await
    }

    /// In batches, between which others write.
    async fn drop_samples(&self, before: Timestamp) -> Result<u64, JournalError> {
        write::drop_samples(&self.place, self.writer()?, before).await
    }
}

/// As the column `outcome` has it.
fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Promoted => "promoted",
        Outcome::Reverted => "reverted",
        Outcome::Cancelled => "cancelled",
    }
}

fn outcome_from(word: &str) -> Option<Outcome> {
    [Outcome::Promoted, Outcome::Reverted, Outcome::Cancelled]
        .into_iter()
        .find(|outcome| outcome_word(*outcome) == word)
}
