//! One daemon per state directory, by a lock that the kernel gives back when its holder dies.
//!
//! The file stays when the lock goes: what counts is the lock, and the pid inside is only for people.
//! Deleting the file would not let two daemons write: see the fencing number in `schema`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

use super::super::JournalError;
use super::place::Place;

/// Room for a process number and a newline; what lies behind is not ours.
const PID_BYTES_MAX: u64 = 24;

/// Holds the state directory until it is dropped.
#[derive(Debug)]
pub(super) struct StateLock {
    _file: File,
}

impl StateLock {
    /// Takes the lock, or says at once who has it.
    pub(super) fn take(place: &Place) -> Result<Self, JournalError> {
        let path = place.directory().join("lock");
        let failed = |error| place.io(&format!("lock {}", path.display()), &error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(place, &file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn held(place: &Place, file: &File) -> JournalError {
    let mut text = String::new();
    // Whatever cannot be read leaves the holder unnamed; it holds the lock all the same.
    let holder = match file.take(PID_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) if text.trim().parse::<u32>().is_ok() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    };
    place.in_use(&format!(
        "{holder} holds it; one daemon serves all services of a state directory. \
         Stop that one, or give this one another directory"
    ))
}
