//! A ledger on a journal that fails on demand.

use super::*;
use crate::journal::memory::{Failure, MemoryJournal};
use crate::release::event::Command;
use crate::sample::{Colour, Pair, Reading, Tick, Timestamp, Weight};

const RULES: &str = r#"
[service]
name = "shop"
[colours.blue]
url = "http://127.0.0.1:1"
[colours.green]
url = "http://127.0.0.1:2"
[router]
kind = "embedded"
listen = "127.0.0.1:0"
[sources.router]
kind = "embedded"
[plan]
tick = "1s"
steps = [10, 50]
hold = "2s"
soak = "2s"
[[checks]]
name = "errors"
kind = "ratio"
tolerance = 1.5
floor = 0.01
limit = 0.2
"#;

struct Bench {
    journal: MemoryJournal,
    ledger: Ledger,
    rules: Rules,
    header: Header,
    now: Timestamp,
}

impl Bench {
    async fn new() -> Self {
        let (rules, _) = crate::rules::compile(RULES).unwrap();
        let header = Header {
            release: "shop-1".into(),
            service: "shop".into(),
            live: Colour::new("blue").unwrap(),
            candidate: Colour::new("green").unwrap(),
            started_at: Timestamp::from_ms(1_000),
            by: "ann".into(),
            rules: RULES.into(),
        };
        let journal = MemoryJournal::new();
        let (ledger, effects) = Ledger::begin(Arc::new(journal.clone()), &header, &rules).await.unwrap();
        assert_eq!(weights(&effects), [10.0]);
        Self { journal, ledger, rules, header, now: Timestamp::from_ms(1_000) }
    }

    async fn tick(&mut self, bad: u64, total: u64) -> Outcome {
        self.now = self.now.plus_ms(1_000);
        let pair = Pair {
            check: "errors".into(),
            live: Reading::counts(0, total).unwrap(),
            candidate: Reading::counts(bad, total).unwrap(),
        };
        let weight = self.ledger.release().granted;
        self.ledger.apply(Event::Tick(Tick { at: self.now, weight, pairs: vec![pair] })).await
    }

    async fn routed(&mut self) -> Outcome {
        let effect = self.ledger.release().order.id;
        self.ledger.apply(Event::Routed { at: self.now, effect, error: None }).await
    }

    async fn command(&mut self, command: Command) -> Outcome {
        self.ledger.apply(Event::Command { at: self.now, command, by: "bob".into() }).await
    }

    /// What a daemon that starts now would find.
    async fn restored(&self) -> Option<Ledger> {
        let unfinished = self.journal.unfinished("shop").await.unwrap()?;
        assert_eq!(unfinished.header, self.header);
        Some(Ledger::restore(Arc::new(self.journal.clone()), &unfinished, &self.rules))
    }
}

fn weights(effects: &[Effect]) -> Vec<f64> {
    let weight = |effect: &Effect| match effect {
        Effect::SetWeight { weight, .. } => Some(weight.percent()),
        Effect::Announce(_) => None,
    };
    effects.iter().filter_map(weight).collect()
}

#[tokio::test]
async fn a_restored_release_is_the_one_that_was_left() {
    let mut bench = Bench::new().await;
    bench.routed().await;
    for _ in 0..4 {
        bench.tick(1, 300).await;
        let restored = bench.restored().await.unwrap();
        assert_eq!(format!("{:?}", restored.release()), format!("{:?}", bench.ledger.release()));
        assert_eq!(restored.seq, bench.ledger.seq);
    }
}

#[tokio::test]
async fn what_was_said_can_be_said_again_byte_for_byte() {
    let mut bench = Bench::new().await;
    bench.routed().await;
    for bad in [0, 1, 2, 40, 80] {
        bench.tick(bad, 300).await;
    }
    bench.routed().await;
    let story = bench.journal.story("shop-1").await.unwrap().unwrap();
    let (release, said) = replay(&bench.header, &bench.rules, &story.events);
    assert_eq!(serde_json::to_string(&said).unwrap(), serde_json::to_string(&story.verdicts).unwrap());
    assert_eq!(format!("{release:?}"), format!("{:?}", bench.ledger.release()));
}

#[tokio::test]
async fn more_traffic_waits_for_the_journal() {
    let mut bench = Bench::new().await;
    bench.routed().await;
    bench.tick(0, 2_000).await;
    bench.journal.fail_next(Failure::Full, 1_000);
    for _ in 0..5 {
        let outcome = bench.tick(0, 2_000).await;
        assert_eq!(weights(&outcome.effects), [0.0; 0]);
        assert!(outcome.trouble.is_some());
    }
    let outcome = bench.command(Command::Promote).await;
    assert!(outcome.refused && outcome.effects.is_empty());
    bench.journal.fail_next(Failure::Full, 0);
    let outcome = bench.tick(0, 2_000).await;
    assert_eq!(weights(&outcome.effects), [50.0], "goes on by itself");
    assert!(bench.ledger.is_durable());
}

#[tokio::test]
async fn a_revert_does_not_wait_for_the_journal_and_is_written_later() {
    let mut bench = Bench::new().await;
    bench.routed().await;
    bench.journal.fail_next(Failure::Damaged, 1_000);
    let outcome = bench.command(Command::Revert).await;
    assert_eq!(weights(&outcome.effects), [0.0]);
    bench.routed().await;
    assert_eq!(bench.ledger.release().granted, Weight::NONE);
    assert!(bench.ledger.release().ending().is_some() && !bench.ledger.is_durable());
    bench.journal.fail_next(Failure::Full, 0);
    bench.ledger.catch_up().await.unwrap();
    assert!(bench.restored().await.is_none(), "the journal knows that it has ended");
}

#[tokio::test]
async fn harm_that_grows_while_the_journal_fails_still_reverts() {
    let mut bench = Bench::new().await;
    bench.routed().await;
    bench.journal.fail_next(Failure::Full, 1_000);
    let mut orders = Vec::new();
    for _ in 0..10 {
        orders.extend(weights(&bench.tick(30, 300).await.effects));
    }
    assert_eq!(orders, [0.0]);
}

#[tokio::test]
async fn a_crash_while_the_journal_fails_goes_back_to_what_is_durable() {
    let mut bench = Bench::new().await;
    bench.routed().await;
    bench.tick(0, 300).await;
    let durable = format!("{:?}", bench.ledger.release());
    bench.journal.fail_next(Failure::Full, 3);
    bench.tick(0, 300).await;
    bench.tick(0, 300).await;
    assert_eq!(format!("{:?}", bench.restored().await.unwrap().release()), durable);
    bench.journal.fail_next(Failure::Full, 0);
    bench.tick(0, 300).await;
    let restored = bench.restored().await.unwrap();
    assert_eq!(format!("{:?}", restored.release()), format!("{:?}", bench.ledger.release()));
}

#[tokio::test]
async fn a_release_that_cannot_be_written_does_not_begin() {
    let bench = Bench::new().await;
    let journal = MemoryJournal::new();
    journal.fail_next(Failure::Full, 1);
    assert!(Ledger::begin(Arc::new(journal.clone()), &bench.header, &bench.rules).await.is_err());
    assert!(journal.unfinished("shop").await.unwrap().is_none());
}
