//! What cannot be seen from outside: settings, limits of a connection, abandoned calls, migrations.

use std::pin::pin;
use std::task::{Context, Waker};

use sqlx::sqlite::SqliteConnectOptions;

use super::super::*;
use super::connection::Begin;
use super::place::Place;
use super::*;
use crate::release::verdict::{Decision, Happening};
use crate::sample::Weight;

fn blue() -> Colour {
    Colour::new("blue").unwrap()
}

fn header() -> Header {
    Header {
        release: "checkout-1".to_owned(),
        service: "checkout".to_owned(),
        live: blue(),
        candidate: Colour::new("green").unwrap(),
        started_at: Timestamp::from_ms(1),
        by: "alice".to_owned(),
        rules: String::new(),
    }
}

fn event(seq: u64) -> Event {
    Event::Resumed { at: Timestamp::from_ms(i64::try_from(seq).unwrap()) }
}

/// With a verdict of some pages.
fn long_entry(seq: u64) -> Entry {
    let verdict = Verdict {
        at: Timestamp::from_ms(1),
        service: "checkout".to_owned(),
        release: "checkout-1".to_owned(),
        event: Happening::Progress,
        decision: Decision::Hold,
        live: blue(),
        candidate: blue(),
        weight: Weight::NONE,
        reason: "x".repeat(10_000),
        checks: Vec::new(),
    };
    Entry { seq, event: event(seq), verdicts: vec![verdict.clone(), verdict], ending: None }
}

async fn begun(dir: &Path) -> SqliteJournal {
    let journal = SqliteJournal::open(dir).await.unwrap();
    journal.begin(&header(), &[]).await.unwrap();
    journal
}

async fn with_writer(journal: &mut SqliteJournal, options: SqliteConnectOptions) {
    let slot = &mut journal.writer.as_mut().unwrap().slot;
    slot.reconnect(options).await;
}

/// How many events there are, none of them without its verdicts.
async fn whole_events(journal: &SqliteJournal) -> u64 {
    let story = journal.story("checkout-1").await.unwrap().unwrap();
    let n = u64::try_from(story.events.len()).unwrap();
    let expected: Vec<_> = (1..=n).map(event).collect();
    assert_eq!(story.events, expected);
    assert_eq!(story.verdicts.len(), 2 * expected.len());
    n
}

#[tokio::test]
async fn commits_wait_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let journal = begun(dir.path()).await;
    let slot = &journal.writer.as_ref().unwrap().slot;
    let mut transaction = slot.begin(&journal.place, Begin::Reading).await.unwrap();
    let mut ask = async |query| -> String {
        let row = sqlx::query(query).fetch_one(transaction.connection()).await.unwrap();
        sqlx::Row::try_get_unchecked(&row, 0).unwrap()
    };
    assert_eq!(ask("PRAGMA journal_mode").await, "wal");
    assert_eq!(ask("PRAGMA synchronous").await, "2");
    assert_eq!(ask("PRAGMA foreign_keys").await, "1");
    assert_eq!(ask("PRAGMA busy_timeout").await, "5000");
    assert_eq!(ask("PRAGMA journal_size_limit").await, LOG_BYTES_KEPT);
}

#[tokio::test]
async fn a_full_database_keeps_what_it_has_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = begun(dir.path()).await;
    let roomy = journal.writer.as_ref().unwrap().slot.options();
    with_writer(&mut journal, roomy.clone().pragma("max_page_count", "60")).await;
    let mut kept = 0;
    let refused = loop {
        match journal.append("checkout-1", &long_entry(kept + 1)).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 60, "60 pages hold more than they can");
    };
    assert!(kept > 0);
    assert!(matches!(refused, JournalError::Full(_)), "{refused:?}");
    // Still full, also with the connection that replaced the failed one.
    for _ in 0..3 {
        let refused = journal.append("checkout-1", &long_entry(kept + 1)).await;
        assert!(matches!(refused, Err(JournalError::Full(_))), "{refused:?}");
        assert_eq!(whole_events(&journal).await, kept);
    }
    with_writer(&mut journal, roomy).await;
    for seq in kept + 1..kept + 5 {
        journal.append("checkout-1", &long_entry(seq)).await.unwrap();
    }
    assert_eq!(whole_events(&journal).await, kept + 4);
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_told_from_a_full_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = begun(dir.path()).await;
    let options = journal.writer.as_ref().unwrap().slot.options();
    with_writer(&mut journal, options.clone().pragma("query_only", "ON")).await;
    let refused = journal.append("checkout-1", &long_entry(1)).await;
    let Err(JournalError::Failed(told)) = refused else {
        panic!("another answer: {refused:?}");
    };
    assert!(told.contains("be able to write there"), "{told}");
    with_writer(&mut journal, options).await;
    journal.append("checkout-1", &long_entry(1)).await.unwrap();
}

/// Callers may stop waiting anywhere: what they leave is a whole event or none, and a journal that works.
#[tokio::test]
async fn an_abandoned_append_is_whole_or_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = begun(dir.path()).await;
    let mut last = 0;
    for polls in 0..60 {
        {
            let entry = long_entry(last + 1);
            let mut append = pin!(journal.append("checkout-1", &entry));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                if append.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                // Lets the connection's thread go on.
                std::thread::yield_now();
            }
        }
        // Waits for what is still being written.
        journal.set_live("checkout", &blue(), Timestamp::from_ms(1)).await.unwrap();
        let now = whole_events(&journal).await;
        assert!(now == last || now == last + 1);
        last = now;
    }
    journal.append("checkout-1", &long_entry(last + 1)).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_read_again_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let journal = begun(dir.path()).await;
    let tick = Event::Tick(crate::sample::Tick {
        at: Timestamp::from_ms(1),
        weight: Weight::NONE,
        pairs: vec![crate::sample::Pair {
            check: "cpu".to_owned(),
            live: crate::sample::Reading::Value(f64::INFINITY),
            candidate: crate::sample::Reading::Value(1.0),
        }],
    });
    let mut entry = long_entry(1);
    entry.event = tick;
    let refused = journal.append("checkout-1", &entry).await;
    assert!(matches!(refused, Err(JournalError::Failed(_))), "{refused:?}");
    entry.event = event(1);
    entry.verdicts[1].reason = "x".repeat(record::RECORD_BYTES_MAX);
    let refused = journal.append("checkout-1", &entry).await;
    assert!(matches!(refused, Err(JournalError::Failed(_))), "{refused:?}");
    assert_eq!(whole_events(&journal).await, 0);
}

#[tokio::test]
async fn an_older_database_is_brought_up_step_by_step_or_stays() {
    let dir = tempfile::tempdir().unwrap();
    begun(dir.path()).await.close().await.unwrap();
    let place = Place::new(dir.path());
    let steps = [
        schema::MIGRATIONS[0],
        "ALTER TABLE services ADD COLUMN note TEXT",
        "ALTER TABLE services ADD COLUMN other TEXT; ALTER TABLE nowhere ADD COLUMN note TEXT",
    ];
    let mut connection = writing(&place).connect().await.unwrap();
    let refused = schema::migrate(&place, &mut connection, 1, &steps).await;
    assert!(refused.is_err());
    drop(connection);
    let mut connection = writing(&place).connect().await.unwrap();
    let ask = "SELECT (SELECT user_version FROM pragma_user_version) || ' ' || group_concat(name)
               FROM pragma_table_info('services')";
    let now: String = sqlx::query_scalar(ask).fetch_one(&mut connection).await.unwrap();
    assert_eq!(now, "2 service,live,updated,note", "the second step is kept, nothing of the third");
    connection.close().await.unwrap();
    let refused = SqliteJournal::open(dir.path()).await;
    assert!(matches!(refused, Err(JournalError::Damaged(_))), "{refused:?}");
}

#[test]
fn errors_say_what_to_do() {
    let place = Place::new(Path::new("/var/lib/assize"));
    let no_room = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert!(matches!(place.io("write", &no_room), JournalError::Full(_)));
    let forbidden = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let told = place.io("write", &forbidden).to_string();
    assert!(told.contains("must own /var/lib/assize"), "{told}");
    let told = place.damaged("damage found").to_string();
    assert!(told.contains("cd /var/lib/assize && mkdir damaged"), "{told}");
}
