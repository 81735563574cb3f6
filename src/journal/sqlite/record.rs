//! How events and verdicts lie in the database: JSON with a version and a checksum.
//!
//! `SQLite` notices a torn page but not a flipped digit inside a text, and a flipped digit is another error rate.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::JournalError;
use super::place::Place;

/// The shape of event and verdict bodies. Raise it when an older assize could not read them any more.
pub(super) const RECORD_VERSION: i64 = 1;

/// 64 checks with histograms of 200 buckets in both colours are about 1 MiB; beyond this something runs away.
pub(super) const RECORD_BYTES_MAX: usize = 8 << 20;

const CHECKSUM: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// CRC-32C of a text, as the database keeps it.
pub(super) fn checksum(text: &str) -> i64 {
    i64::from(CHECKSUM.checksum(text.as_bytes()))
}

/// One event or verdict, ready to be written.
pub(super) struct Record {
    pub(super) body: String,
    pub(super) checksum: i64,
}

impl Record {
    /// Encodes `value`, which is `what`, and makes sure that it can be read again:
    /// JSON has no infinities, and better refuse one now than after the crash.
    pub(super) fn encode<T>(place: &Place, what: &str, value: &T) -> Result<Self, JournalError>
    where
        T: Serialize + DeserializeOwned,
    {
        let body = serde_json::to_string(value)
            .map_err(|error| place.failed(format!("failed to encode {what}: {error}")))?;
        if body.len() > RECORD_BYTES_MAX {
            return Err(place.failed(format!(
                "{what} has {} bytes, more than the {RECORD_BYTES_MAX} that a record may have; \
                 measure fewer checks or histogram buckets",
                body.len()
            )));
        }
        if let Err(error) = serde_json::from_str::<T>(&body) {
            return Err(place.failed(format!("{what} could not be read again: {error}")));
        }
        let checksum = checksum(&body);
        Ok(Self { body, checksum })
    }
}

/// Reads the columns `version`, `body` and `checksum` of a row, which is `what`.
pub(super) fn decode<T: DeserializeOwned>(
    place: &Place,
    what: &str,
    row: &SqliteRow,
) -> Result<T, JournalError> {
    let reading = format!("read {what}");
    let column = |error| place.refused(&reading, &error);
    let version: i64 = row.try_get("version").map_err(column)?;
    if version != RECORD_VERSION {
        return Err(place.newer(what, version, RECORD_VERSION));
    }
    let body: &str = row.try_get("body").map_err(column)?;
    let sum: i64 = row.try_get("checksum").map_err(column)?;
    if checksum(body) != sum {
        return Err(place.damaged(&format!("{what} does not match its checksum")));
    }
    serde_json::from_str(body)
        .map_err(|error| place.damaged(&format!("{what} cannot be understood: {error}")))
}
