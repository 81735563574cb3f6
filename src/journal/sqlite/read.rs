//! Everything that asks the journal: each call sees one moment of it.

use futures::TryStreamExt;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{Decode, Row, Type};

use super::super::{Header, JournalError, Story, Summary, Unfinished};
use super::connection::{Begin, Slot};
use super::outcome_from;
use super::place::Place;
use super::record::{checksum, decode};
use crate::sample::{Colour, Timestamp};

/// What one list holds at most: more than anybody reads at once, and about 200 KiB.
pub const RELEASES_MAX: u32 = 1000;

pub(super) async fn live(place: &Place, slot: &Slot, service: &str) -> Result<Option<Colour>, JournalError> {
    let doing = format!("read which colour of `{service}` is live");
    let mut transaction = slot.begin(place, Begin::Reading).await?;
    let row = sqlx::query("SELECT live FROM services WHERE service = ?1")
        .bind(service)
        .fetch_optional(transaction.connection())
        .await
        .map_err(|error| place.refused(&doing, &error))?;
    let live = row.map(|row| colour(place, &row, "live")).transpose()?;
    transaction.commit(place).await?;
    Ok(live)
}

pub(super) async fn next_number(place: &Place, slot: &Slot, service: &str) -> Result<u64, JournalError> {
    let doing = format!("number the next release of `{service}`");
    let mut transaction = slot.begin(place, Begin::Reading).await?;
    let last: i64 = sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM releases WHERE service = ?1")
        .bind(service)
        .fetch_one(transaction.connection())
        .await
        .map_err(|error| place.refused(&doing, &error))?;
    transaction.commit(place).await?;
    u64::try_from(last)
        .ok()
        .and_then(|last| last.checked_add(1))
        .ok_or_else(|| place.damaged(&format!("a release of `{service}` has number {last}")))
}

pub(super) async fn unfinished(
    place: &Place,
    slot: &Slot,
    service: &str,
) -> Result<Option<Unfinished>, JournalError> {
    let doing = format!("read the unfinished release of `{service}`");
    let mut transaction = slot.begin(place, Begin::Reading).await?;
    let row = sqlx::query("SELECT * FROM releases WHERE service = ?1 AND ended_at IS NULL")
        .bind(service)
        .fetch_optional(transaction.connection())
        .await
        .map_err(|error| place.refused(&doing, &error))?;
    let found = match row {
        Some(row) => {
            let header = header(place, &row)?;
            let id = column(place, &row, "id")?;
            let events = records(place, transaction.connection(), &EVENTS, id).await?;
            refuse_gaps(place, &header.release, &events)?;
            let events = events.into_iter().map(|(_, event)| event).collect();
            Some(Unfinished { header, events })
        }
        None => None,
    };
    transaction.commit(place).await?;
    Ok(found)
}

/// A release is taken up from all of its events or not at all.
fn refuse_gaps<T>(place: &Place, release: &str, events: &[(i64, T)]) -> Result<(), JournalError> {
    match (1_i64..).zip(events).find(|(due, (seq, _))| due != seq) {
        Some((due, _)) => Err(place.damaged(&format!("event {due} of `{release}` is missing"))),
        None => Ok(()),
    }
}

pub(super) async fn releases(
    place: &Place,
    slot: &Slot,
    service: Option<&str>,
    most: u32,
) -> Result<Vec<Summary>, JournalError> {
    let most = most.min(RELEASES_MAX);
    let mut transaction = slot.begin(place, Begin::Reading).await?;
    let query = match service {
        Some(service) => {
            sqlx::query("SELECT * FROM releases WHERE service = ?2 ORDER BY number DESC LIMIT ?1")
                .bind(most)
                .bind(service)
        }
        None => sqlx::query("SELECT * FROM releases ORDER BY id DESC LIMIT ?1").bind(most),
    };
    let rows = query
        .fetch_all(transaction.connection())
        .await
        .map_err(|error| place.refused("list releases", &error))?;
    transaction.commit(place).await?;
    rows.iter().map(|row| summary(place, row)).collect()
}

pub(super) async fn story(place: &Place, slot: &Slot, release: &str) -> Result<Option<Story>, JournalError> {
    let doing = format!("read the story of `{release}`");
    let mut transaction = slot.begin(place, Begin::Reading).await?;
    let row = sqlx::query("SELECT * FROM releases WHERE release = ?1")
        .bind(release)
        .fetch_optional(transaction.connection())
        .await
        .map_err(|error| place.refused(&doing, &error))?;
    let story = match row {
        Some(row) => Some(tell(place, transaction.connection(), &row).await?),
        None => None,
    };
    transaction.commit(place).await?;
    Ok(story)
}

async fn tell(
    place: &Place,
    connection: &mut SqliteConnection,
    row: &SqliteRow,
) -> Result<Story, JournalError> {
    let id = column(place, row, "id")?;
    let Header { by, rules, .. } = header(place, row)?;
    let events = records(place, connection, &EVENTS, id).await?;
    let verdicts = records(place, connection, &VERDICTS, id).await?;
    Ok(Story {
        summary: summary(place, row)?,
        by,
        rules,
        events: events.into_iter().map(|(_, event)| event).collect(),
        verdicts: verdicts.into_iter().map(|(_, verdict)| verdict).collect(),
    })
}

/// One of the two tables of records.
struct Records {
    what: &'static str,
    query: &'static str,
}

const EVENTS: Records = Records {
    what: "event",
    query: "SELECT seq, version, body, checksum FROM events WHERE release_id = ?1 ORDER BY seq",
};
const VERDICTS: Records = Records {
    what: "a verdict of event",
    query: "SELECT seq, version, body, checksum FROM verdicts WHERE release_id = ?1 ORDER BY seq, n",
};

/// All records of a release in order, with the event number of each.
async fn records<T: DeserializeOwned>(
    place: &Place,
    connection: &mut SqliteConnection,
    table: &Records,
    release_id: i64,
) -> Result<Vec<(i64, T)>, JournalError> {
    let refused = |error| place.refused(&format!("read {}s", table.what), &error);
    let mut found = Vec::new();
    // Row by row, so that bodies are not held twice.
    let mut rows = sqlx::query(table.query).bind(release_id).fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(refused)? {
        let seq = column(place, &row, "seq")?;
        let record = decode(place, &format!("{} {seq}", table.what), &row)?;
        found.push((seq, record));
    }
    Ok(found)
}

fn header(place: &Place, row: &SqliteRow) -> Result<Header, JournalError> {
    let release: String = column(place, row, "release")?;
    let rules: String = column(place, row, "rules")?;
    if checksum(&rules) != column::<i64>(place, row, "rules_checksum")? {
        return Err(place.damaged(&format!("the rules of `{release}` do not match their checksum")));
    }
    Ok(Header {
        release,
        service: column(place, row, "service")?,
        live: colour(place, row, "live")?,
        candidate: colour(place, row, "candidate")?,
        started_at: Timestamp::from_ms(column(place, row, "started_at")?),
        by: column(place, row, "started_by")?,
        rules,
    })
}

fn summary(place: &Place, row: &SqliteRow) -> Result<Summary, JournalError> {
    let outcome: Option<String> = column(place, row, "outcome")?;
    let outcome = outcome
        .map(|word| outcome_from(&word).ok_or_else(|| place.damaged(&format!("`{word}` is no outcome"))))
        .transpose()?;
    Ok(Summary {
        release: column(place, row, "release")?,
        service: column(place, row, "service")?,
        live: colour(place, row, "live")?,
        candidate: colour(place, row, "candidate")?,
        started_at: Timestamp::from_ms(column(place, row, "started_at")?),
        ended_at: column::<Option<i64>>(place, row, "ended_at")?.map(Timestamp::from_ms),
        outcome,
    })
}

fn colour(place: &Place, row: &SqliteRow, name: &str) -> Result<Colour, JournalError> {
    let text: String = column(place, row, name)?;
    Colour::new(&text).map_err(|error| place.damaged(&error.to_string()))
}

fn column<'r, T>(place: &Place, row: &'r SqliteRow, name: &str) -> Result<T, JournalError>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    row.try_get(name).map_err(|error| place.damaged(&format!("column `{name}` cannot be read: {error}")))
}
