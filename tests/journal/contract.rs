//! What every journal does, on disk and in memory alike.

use assize::journal::memory::{Failure, MemoryJournal};
use assize::journal::sqlite::SqliteJournal;
use assize::journal::{Entry, Journal, JournalError, Outcome};

use crate::material::{
    COMMANDS, DECISIONS, HAPPENINGS, at, blue, entry, event, fill, green, header, last_entry, tick, verdict,
};

async fn on_each(test: impl AsyncFn(&dyn Journal)) {
    test(&MemoryJournal::new()).await;
    let dir = tempfile::tempdir().unwrap();
    test(&SqliteJournal::open(dir.path()).await.unwrap()).await;
}

fn told<T: std::fmt::Debug>(result: Result<T, JournalError>) -> String {
    match result.unwrap_err() {
        JournalError::Failed(told) => told,
        other => panic!("another kind of error: {other:?}"),
    }
}

#[tokio::test]
async fn remembers_which_colour_is_live() {
    on_each(async |journal| {
        assert_eq!(journal.live("checkout").await.unwrap(), None);
        journal.set_live("checkout", &blue(), at(1)).await.unwrap();
        journal.set_live("search", &green(), at(1)).await.unwrap();
        journal.set_live("checkout", &green(), at(2)).await.unwrap();
        assert_eq!(journal.live("checkout").await.unwrap(), Some(green()));
        journal.set_live("checkout", &blue(), at(3)).await.unwrap();
        assert_eq!(journal.live("checkout").await.unwrap(), Some(blue()));
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_event_and_verdict_comes_back_in_order() {
    on_each(async |journal| {
        let header = header("checkout", 1);
        let all: Vec<_> = HAPPENINGS
            .into_iter()
            .flat_map(|happening| DECISIONS.map(|d| verdict("checkout-1", happening, d, "why")))
            .collect();
        journal.begin(&header, &all).await.unwrap();
        // Seven kinds of events, and the command among them takes every value.
        let last = 7 * u64::try_from(COMMANDS.len()).unwrap();
        for seq in 1..=last {
            let entry = entry("checkout-1", seq);
            journal.append("checkout-1", &entry).await.unwrap();
        }
        let events: Vec<_> = (1..=last).map(event).collect();
        let said = (1..=last).flat_map(|seq| entry("checkout-1", seq).verdicts);
        let verdicts: Vec<_> = all.into_iter().chain(said).collect();

        let story = journal.story("checkout-1").await.unwrap().unwrap();
        assert_eq!(story.events, events);
        assert_eq!(story.verdicts, verdicts);
        assert_eq!((story.by, story.rules), (header.by.clone(), header.rules.clone()));
        assert_eq!(story.summary.started_at, header.started_at);
        let unfinished = journal.unfinished("checkout").await.unwrap().unwrap();
        assert_eq!(unfinished.header, header);
        assert_eq!(unfinished.events, events);
        assert_eq!(journal.story("checkout-2").await.unwrap(), None);
        assert_eq!(journal.unfinished("search").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_taken_or_leaves_a_gap_is_refused() {
    on_each(async |journal| {
        fill(journal, 1, 3).await;
        for seq in [0, 1, 3, 5, u64::MAX] {
            let misplaced = Entry { seq, ..entry("checkout-1", 4) };
            told(journal.append("checkout-1", &misplaced).await);
        }
        told(journal.append("checkout-2", &entry("checkout-2", 1)).await);
        let story = journal.story("checkout-1").await.unwrap().unwrap();
        assert_eq!(story.events.len(), 3);
        let fourth = entry("checkout-1", 4);
        journal.append("checkout-1", &fourth).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_service_has_one_unfinished_release() {
    on_each(async |journal| {
        fill(journal, 1, 1).await;
        let why = told(journal.begin(&header("checkout", 2), &[]).await);
        assert!(why.contains("checkout-1"), "names the one in the way: {why}");
        journal.begin(&header("search", 1), &[]).await.unwrap();

        let end = last_entry(2, 50_000, Outcome::Promoted, green());
        journal.append("checkout-1", &end).await.unwrap();
        let why = told(journal.begin(&header("checkout", 1), &[]).await);
        assert!(why.contains("checkout-1"), "{why}");
        journal.begin(&header("checkout", 2), &[]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_ending_is_final_and_says_who_is_live() {
    on_each(async |journal| {
        for (number, outcome, live) in
            [(1, Outcome::Promoted, green()), (2, Outcome::Reverted, blue()), (3, Outcome::Cancelled, blue())]
        {
            let release = fill(journal, number, 1).await;
            let end = last_entry(2, 50_000, outcome, live.clone());
            journal.append(&release, &end).await.unwrap();
            assert_eq!(journal.live("checkout").await.unwrap(), Some(live));
            assert_eq!(journal.unfinished("checkout").await.unwrap(), None);
            let story = journal.story(&release).await.unwrap().unwrap();
            assert_eq!(story.summary.outcome, Some(outcome));
            assert_eq!(story.summary.ended_at, Some(at(50_000)));
            told(journal.append(&release, &entry(&release, 3)).await);
            let end_again = last_entry(3, 60_000, Outcome::Reverted, blue());
            told(journal.append(&release, &end_again).await);
        }
    })
    .await;
}

#[tokio::test]
async fn numbers_rise_by_service() {
    on_each(async |journal| {
        assert_eq!(journal.next_number("checkout").await.unwrap(), 1);
        for number in 1..=11 {
            assert_eq!(journal.next_number("checkout").await.unwrap(), number);
            let release = fill(journal, number, 0).await;
            let end = last_entry(1, 50_000, Outcome::Reverted, blue());
            journal.append(&release, &end).await.unwrap();
        }
        // As numbers, not as texts: 11 comes after 9.
        assert_eq!(journal.next_number("checkout").await.unwrap(), 12);
        assert_eq!(journal.next_number("check").await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_release_is_named_after_its_service_and_number() {
    on_each(async |journal| {
        for name in ["checkout", "checkout-", "checkout-01", "checkout-+1", "search-1", "checkout-1-2"] {
            let mut header = header("checkout", 1);
            header.release = name.to_owned();
            told(journal.begin(&header, &[]).await);
        }
        // A service may have a name like a release.
        journal.begin(&header("checkout-1", 2), &[]).await.unwrap();
        assert_eq!(journal.next_number("checkout").await.unwrap(), 1);
        assert_eq!(journal.next_number("checkout-1").await.unwrap(), 3);
    })
    .await;
}

#[tokio::test]
async fn lists_the_newest_first() {
    on_each(async |journal| {
        for number in 1..=3 {
            for service in ["checkout", "search"] {
                let header = header(service, number);
                journal.begin(&header, &[]).await.unwrap();
                let end = last_entry(1, 90_000, Outcome::Promoted, green());
                journal.append(&header.release, &end).await.unwrap();
            }
        }
        journal.begin(&header("search", 4), &[]).await.unwrap();
        let names = async |service: Option<&str>, most: u32| -> Vec<String> {
            let list = journal.releases(service, most).await.unwrap();
            list.into_iter().map(|summary| summary.release).collect()
        };
        assert_eq!(names(None, 3).await, ["search-4", "search-3", "checkout-3"]);
        assert_eq!(names(Some("checkout"), 2).await, ["checkout-3", "checkout-2"]);
        assert_eq!(names(None, 100).await.len(), 7);
        assert!(names(Some("nobody"), 100).await.is_empty());
        assert!(names(None, 0).await.is_empty());
        let list = journal.releases(None, 2).await.unwrap();
        assert_eq!((list[0].outcome, list[0].ended_at), (None, None));
        assert_eq!(list[1].outcome, Some(Outcome::Promoted));
    })
    .await;
}

#[tokio::test]
async fn drops_only_the_samples_of_releases_that_ended_before() {
    on_each(async |journal| {
        for (number, end) in [(1, 50_000), (2, 60_000)] {
            let release = fill(journal, number, 14).await;
            let end = last_entry(15, end, Outcome::Reverted, blue());
            journal.append(&release, &end).await.unwrap();
        }
        fill(journal, 3, 14).await;
        let before = journal.story("checkout-1").await.unwrap().unwrap();

        assert_eq!(journal.drop_samples(at(50_000)).await.unwrap(), 0);
        assert_eq!(journal.drop_samples(at(60_000)).await.unwrap(), 4);
        assert_eq!(journal.drop_samples(at(60_000)).await.unwrap(), 0);

        let old = journal.story("checkout-1").await.unwrap().unwrap();
        assert_eq!(old.verdicts, before.verdicts);
        let others = (1..=14).filter(|n| !matches!(n % 7, 0 | 6)).map(event);
        let kept: Vec<_> = others.chain([before.events[14].clone()]).collect();
        assert_eq!(old.events, kept);
        for release in ["checkout-2", "checkout-3"] {
            let story = journal.story(release).await.unwrap().unwrap();
            let events: Vec<_> = (1..=14).map(event).collect();
            assert_eq!(story.events[..14], events, "{release} is untouched");
        }
        let fifteenth = entry("checkout-3", 15);
        journal.append("checkout-3", &fifteenth).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn drops_more_samples_than_one_batch_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    fill(&journal, 1, 0).await;
    for seq in 1..=1100 {
        let entry = Entry { seq, event: tick(1, 10), verdicts: Vec::new(), ending: None };
        journal.append("checkout-1", &entry).await.unwrap();
    }
    let end = last_entry(1101, 2, Outcome::Reverted, blue());
    journal.append("checkout-1", &end).await.unwrap();
    fill(&journal, 2, 0).await;
    let write = async {
        for seq in 1..=20 {
            let entry = entry("checkout-2", seq);
            journal.append("checkout-2", &entry).await.unwrap();
        }
    };
    let (dropped, ()) = tokio::join!(journal.drop_samples(at(3)), write);
    assert_eq!(dropped.unwrap(), 1100);
    let story = journal.story("checkout-1").await.unwrap().unwrap();
    assert_eq!(story.events.len(), 1);
    let story = journal.story("checkout-2").await.unwrap().unwrap();
    assert_eq!(story.events.len(), 20);
}

#[tokio::test]
async fn memory_fails_as_often_as_told_and_shares_what_it_holds() {
    let journal = MemoryJournal::new();
    fill(&journal, 1, 1).await;
    let again = journal.clone();
    again.fail_next(Failure::Full, 2);
    let second = entry("checkout-1", 2);
    for _ in 0..2 {
        assert_eq!(journal.unfinished("checkout").await.unwrap().unwrap().events.len(), 1);
        let refused = journal.append("checkout-1", &second).await;
        assert!(matches!(refused, Err(JournalError::Full(_))));
    }
    journal.append("checkout-1", &second).await.unwrap();
    drop(journal);
    assert_eq!(again.unfinished("checkout").await.unwrap().unwrap().events.len(), 2);
}
