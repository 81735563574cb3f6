//! Where the journal lies, and what its troubles mean to the person who has to solve them.
//!
//! Every error of `SQLite` or the file system is turned into a [`JournalError`] here and nowhere else,
//! so that each says which file it is about, that no traffic was moved, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use super::super::JournalError;

/// The database's name inside the state directory.
pub(super) const FILE: &str = "assize.db";

// Result codes of SQLite, https://www.sqlite.org/rescode.html. The low byte of an extended code is its primary code.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const NOTADB: i32 = 26;
/// The shared index of the write-ahead log could not grow: in practice a full disk.
const IOERR_SHMSIZE: i32 = 4874;

/// The state directory of one daemon.
#[derive(Clone, Debug)]
pub(super) struct Place {
    directory: PathBuf,
}

impl Place {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf() }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The database.
    pub(super) fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// Its write-ahead log, which belongs to it as long as it is not empty.
    pub(super) fn log(&self) -> PathBuf {
        self.directory.join(format!("{FILE}-wal"))
    }

    /// A new database before it is complete; renamed to [`Self::file`] when it is.
    pub(super) fn unfinished_file(&self) -> PathBuf {
        self.directory.join(format!("{FILE}.new"))
    }

    /// What `SQLite` said while `doing`.
    pub(super) fn refused(&self, doing: &str, error: &sqlx::Error) -> JournalError {
        match error {
            sqlx::Error::Database(refusal) => {
                let code = refusal.code().and_then(|code| code.parse().ok());
                self.by_code(doing, code.unwrap_or(0), refusal.message())
            }
            sqlx::Error::Io(error) => self.io(doing, error),
            other => self.failed(format!("failed to {doing}: {other}")),
        }
    }

    fn by_code(&self, doing: &str, code: i32, message: &str) -> JournalError {
        let told = format!("failed to {doing}: {message} (SQLite code {code})");
        match code & 0xff {
            FULL => self.full(&told),
            IOERR if code == IOERR_SHMSIZE => self.full(&told),
            CORRUPT | NOTADB => self.damaged(&told),
            READONLY | CANTOPEN => self.not_writable(&told),
            BUSY | LOCKED => self.failed(format!(
                "{told}; another program has it open for writing: end that program (`fuser {}` names it)",
                self.file().display()
            )),
            IOERR => self.failed(format!(
                "{told}; the disk, its quota or its file system is in trouble: see `dmesg` and `df`"
            )),
            _ => self.failed(told),
        }
    }

    /// What the file system said while `doing`.
    pub(super) fn io(&self, doing: &str, error: &io::Error) -> JournalError {
        let told = format!("failed to {doing}: {error}");
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => self.full(&told),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => self.not_writable(&told),
            _ => self.failed(told),
        }
    }

    fn full(&self, told: &str) -> JournalError {
        JournalError::Full(format!(
            "journal {}: {told}; nothing of it was kept and the router keeps the weights it has. \
             Make room on that file system and try again",
            self.file().display()
        ))
    }

    fn not_writable(&self, told: &str) -> JournalError {
        self.failed(format!(
            "{told}; the user that runs assize must own {} and be able to write there",
            self.directory.display()
        ))
    }

    /// The database is not one of ours, or no longer whole.
    pub(super) fn damaged(&self, told: &str) -> JournalError {
        JournalError::Damaged(format!(
            "journal {file}: {told}; the file was left as it is and no traffic was moved. \
             Restore it from a backup, or put it aside and start anew: \
             `cd {directory} && mkdir damaged && mv {FILE}* damaged/`. \
             Without it assize no longer knows which colour is live, the releases under way and all past verdicts: \
             look at the router, then start assize and tell it which colour is live",
            file = self.file().display(),
            directory = self.directory.display(),
        ))
    }

    /// Written by a later assize: nothing is wrong with the file.
    pub(super) fn newer(&self, what: &str, found: i64, known: i64) -> JournalError {
        JournalError::Damaged(format!(
            "journal {}: {what} has version {found}, this assize knows versions up to {known}; \
             the file was left as it is and no traffic was moved. Use the newer assize that wrote it",
            self.file().display()
        ))
    }

    pub(super) fn in_use(&self, told: &str) -> JournalError {
        JournalError::InUse(format!("state directory {}: {told}", self.directory.display()))
    }

    pub(super) fn failed(&self, told: impl AsRef<str>) -> JournalError {
        JournalError::Failed(format!("journal {}: {}", self.file().display(), told.as_ref()))
    }
}
