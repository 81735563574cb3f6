//! Everything that changes the journal: each call is one transaction, and checks its premises inside it.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::super::{Entry, Header, JournalError, Outcome, number_of};
use super::connection::{Begin, Slot, Transaction};
use super::place::Place;
use super::record::{RECORD_BYTES_MAX, RECORD_VERSION, Record, checksum};
use super::schema::{MIGRATIONS, known_version, migrate};
use super::{Writer, outcome_word};
use crate::release::event::Event;
use crate::release::verdict::Verdict;
use crate::sample::{Colour, Timestamp};

/// A batch is written in some milliseconds, so no append waits longer for it.
const DROPPED_PER_BATCH: i64 = 512;

/// Upgrades the database from `version` and makes this process its writer. The first write after opening:
/// it fails where later ones would.
pub(super) async fn claim(place: &Place, slot: &Slot, version: i64) -> Result<i64, JournalError> {
    if version < known_version() {
        let mut connection = slot.connect(place).await?;
        migrate(place, &mut connection, version, &MIGRATIONS).await?;
    }
    let mut transaction = slot.begin(place, Begin::Writing).await?;
    let fence = sqlx::query_scalar("UPDATE holder SET fence = fence + 1, pid = ?1 RETURNING fence")
        .bind(i64::from(std::process::id()))
        .fetch_one(transaction.connection())
        .await
        .map_err(|error| place.refused("write to it", &error))?;
    transaction.commit(place).await?;
    Ok(fence)
}

/// Begins to write, as long as nobody has taken the database over.
async fn begin_writing<'a>(place: &Place, writer: &'a Writer) -> Result<Transaction<'a>, JournalError> {
    let mut transaction = writer.slot.begin(place, Begin::Writing).await?;
    let (fence, pid): (i64, i64) = sqlx::query_as("SELECT fence, pid FROM holder")
        .fetch_one(transaction.connection())
        .await
        .map_err(|error| place.refused("read who holds it", &error))?;
    if fence != writer.fence {
        return Err(place.in_use(&format!(
            "process {pid} has taken the journal over and this one writes no more; \
             stop one of them, and give each daemon its own directory"
        )));
    }
    Ok(transaction)
}

pub(super) async fn set_live(
    place: &Place,
    writer: &Writer,
    service: &str,
    live: &Colour,
    at: Timestamp,
) -> Result<(), JournalError> {
    let mut transaction = begin_writing(place, writer).await?;
    write_live(place, transaction.connection(), service, live, at).await?;
    transaction.commit(place).await
}

async fn write_live(
    place: &Place,
    connection: &mut SqliteConnection,
    service: &str,
    live: &Colour,
    at: Timestamp,
) -> Result<(), JournalError> {
    sqlx::query(
        "INSERT INTO services (service, live, updated) VALUES (?1, ?2, ?3)
         ON CONFLICT (service) DO UPDATE SET live = excluded.live, updated = excluded.updated",
    )
    .bind(service)
    .bind(live.as_str())
    .bind(at.ms())
    .execute(connection)
    .await
    .map_err(|error| place.refused("write which colour is live", &error))?;
    Ok(())
}

pub(super) async fn begin(
    place: &Place,
    writer: &Writer,
    header: &Header,
    verdicts: &[Verdict],
) -> Result<(), JournalError> {
    let number = admissible(place, header)?;
    let verdicts = encode_verdicts(place, &header.release, 0, verdicts)?;
    let mut transaction = begin_writing(place, writer).await?;
    refuse_second(place, transaction.connection(), header).await?;
    let id = insert_release(place, transaction.connection(), header, number).await?;
    insert_verdicts(place, transaction.connection(), id, 0, &verdicts).await?;
    transaction.commit(place).await
}

/// The release's number, if the header can be kept.
fn admissible(place: &Place, header: &Header) -> Result<i64, JournalError> {
    let Header { release, service, .. } = header;
    let number =
        number_of(release, service).and_then(|number| i64::try_from(number).ok()).ok_or_else(|| {
            place.failed(format!(
                "`{release}` cannot name a release of `{service}`: it must be `{service}-` and a number"
            ))
        })?;
    if header.rules.len() > RECORD_BYTES_MAX {
        return Err(place.failed(format!("the rules of `{service}` have more than {RECORD_BYTES_MAX} bytes")));
    }
    Ok(number)
}

async fn refuse_second(
    place: &Place,
    connection: &mut SqliteConnection,
    header: &Header,
) -> Result<(), JournalError> {
    let there: Option<(String, bool)> = sqlx::query_as(
        "SELECT release, ended_at IS NOT NULL FROM releases
         WHERE release = ?1 OR (service = ?2 AND ended_at IS NULL) LIMIT 1",
    )
    .bind(&header.release)
    .bind(&header.service)
    .fetch_optional(connection)
    .await
    .map_err(|error| place.refused("look for an unfinished release", &error))?;
    match there {
        None => Ok(()),
        Some((release, _)) if release == header.release => {
            Err(place.failed(format!("release `{release}` exists already")))
        }
        Some((release, _)) => Err(place.failed(format!(
            "release `{release}` of `{}` has not ended; revert, cancel or promote it first",
            header.service
        ))),
    }
}

async fn insert_release(
    place: &Place,
    connection: &mut SqliteConnection,
    header: &Header,
    number: i64,
) -> Result<i64, JournalError> {
    sqlx::query_scalar(
        "INSERT INTO releases
         (release, service, number, live, candidate, started_at, started_by, rules, rules_checksum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id",
    )
    .bind(&header.release)
    .bind(&header.service)
    .bind(number)
    .bind(header.live.as_str())
    .bind(header.candidate.as_str())
    .bind(header.started_at.ms())
    .bind(&header.by)
    .bind(&header.rules)
    .bind(checksum(&header.rules))
    .fetch_one(connection)
    .await
    .map_err(|error| place.refused(&format!("begin `{}`", header.release), &error))
}

pub(super) async fn append(
    place: &Place,
    writer: &Writer,
    release: &str,
    entry: &Entry,
) -> Result<(), JournalError> {
    let seq = i64::try_from(entry.seq)
        .map_err(|_| place.failed(format!("event {} of `{release}` cannot be", entry.seq)))?;
    let event = Record::encode(place, &format!("event {seq} of `{release}`"), &entry.event)?;
    let verdicts = encode_verdicts(place, release, seq, &entry.verdicts)?;

    let mut transaction = begin_writing(place, writer).await?;
    let connection = transaction.connection();
    let (id, service) = next_in_line(place, connection, release, seq).await?;
    insert_event(place, connection, id, seq, &entry.event, &event).await?;
    insert_verdicts(place, connection, id, seq, &verdicts).await?;
    if let Some((outcome, live)) = &entry.ending {
        let at = entry.event.at();
        end(place, connection, id, *outcome, at).await?;
        write_live(place, connection, &service, live, at).await?;
    }
    transaction.commit(place).await
}

/// The release's id and service, if event `seq` is what it waits for.
async fn next_in_line(
    place: &Place,
    connection: &mut SqliteConnection,
    release: &str,
    seq: i64,
) -> Result<(i64, String), JournalError> {
    let row = sqlx::query(
        "SELECT id, service, outcome,
                (SELECT coalesce(max(seq), 0) FROM events WHERE release_id = id) AS last
         FROM releases WHERE release = ?1",
    )
    .bind(release)
    .fetch_optional(connection)
    .await
    .map_err(|error| place.refused(&format!("look up `{release}`"), &error))?
    .ok_or_else(|| place.failed(format!("there is no release `{release}`")))?;

    let column = |error| place.refused(&format!("look up `{release}`"), &error);
    let outcome: Option<String> = row.try_get("outcome").map_err(column)?;
    if let Some(outcome) = outcome {
        return Err(
            place.failed(format!("release `{release}` has ended ({outcome}); nothing can be added to it"))
        );
    }
    let last: i64 = row.try_get("last").map_err(column)?;
    if last.checked_add(1) != Some(seq) {
        return Err(place.failed(format!(
            "event {seq} of `{release}` cannot follow event {last}: somebody else wrote, \
             or something was lost; restart assize to take the release up from the journal"
        )));
    }
    Ok((row.try_get("id").map_err(column)?, row.try_get("service").map_err(column)?))
}

async fn insert_event(
    place: &Place,
    connection: &mut SqliteConnection,
    release_id: i64,
    seq: i64,
    event: &Event,
    record: &Record,
) -> Result<(), JournalError> {
    sqlx::query(
        "INSERT INTO events (release_id, seq, at, tick, version, body, checksum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(release_id)
    .bind(seq)
    .bind(event.at().ms())
    .bind(i64::from(matches!(event, Event::Tick(_))))
    .bind(RECORD_VERSION)
    .bind(&record.body)
    .bind(record.checksum)
    .execute(connection)
    .await
    .map_err(|error| place.refused(&format!("write event {seq}"), &error))?;
    Ok(())
}

fn encode_verdicts(
    place: &Place,
    release: &str,
    seq: i64,
    verdicts: &[Verdict],
) -> Result<Vec<(Timestamp, Record)>, JournalError> {
    let what = format!("a verdict of event {seq} of `{release}`");
    verdicts.iter().map(|verdict| Ok((verdict.at, Record::encode(place, &what, verdict)?))).collect()
}

async fn insert_verdicts(
    place: &Place,
    connection: &mut SqliteConnection,
    release_id: i64,
    seq: i64,
    verdicts: &[(Timestamp, Record)],
) -> Result<(), JournalError> {
    for (n, (at, record)) in (0_i64..).zip(verdicts) {
        sqlx::query(
            "INSERT INTO verdicts (release_id, seq, n, at, version, body, checksum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(release_id)
        .bind(seq)
        .bind(n)
        .bind(at.ms())
        .bind(RECORD_VERSION)
        .bind(&record.body)
        .bind(record.checksum)
        .execute(&mut *connection)
        .await
        .map_err(|error| place.refused(&format!("write a verdict of event {seq}"), &error))?;
    }
    Ok(())
}

async fn end(
    place: &Place,
    connection: &mut SqliteConnection,
    release_id: i64,
    outcome: Outcome,
    at: Timestamp,
) -> Result<(), JournalError> {
    sqlx::query("UPDATE releases SET ended_at = ?2, outcome = ?3 WHERE id = ?1")
        .bind(release_id)
        .bind(at.ms())
        .bind(outcome_word(outcome))
        .execute(connection)
        .await
        .map_err(|error| place.refused("write how the release ended", &error))?;
    Ok(())
}

pub(super) async fn drop_samples(
    place: &Place,
    writer: &Writer,
    before: Timestamp,
) -> Result<u64, JournalError> {
    let mut dropped = 0;
    loop {
        let batch = drop_batch(place, writer, before).await?;
        if batch == 0 {
            return Ok(dropped);
        }
        dropped += batch;
    }
}

async fn drop_batch(place: &Place, writer: &Writer, before: Timestamp) -> Result<u64, JournalError> {
    let mut transaction = begin_writing(place, writer).await?;
    let done = sqlx::query(
        "DELETE FROM events WHERE rowid IN (
             SELECT events.rowid FROM releases CROSS JOIN events ON events.release_id = releases.id
             WHERE releases.ended_at < ?1 AND events.tick = 1 LIMIT ?2)",
    )
    .bind(before.ms())
    .bind(DROPPED_PER_BATCH)
    .execute(transaction.connection())
    .await
    .map_err(|error| place.refused("drop old samples", &error))?;
    transaction.commit(place).await?;
    Ok(done.rows_affected())
}
