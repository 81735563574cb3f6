//! Whatever goes in comes out equal, to the last bit of every number.

use assize::journal::sqlite::SqliteJournal;
use assize::journal::{Entry, Header, Journal};
use assize::judge::report::{CheckReport, RoleReport, Standing};
use assize::release::event::Event;
use assize::release::verdict::Verdict;
use assize::sample::{GapKind, Pair, Reading, Tick, Timestamp, Weight};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::material::{COMMANDS, DECISIONS, HAPPENINGS, blue, green, header};

const GAPS: [GapKind; 6] = [
    GapKind::NotYet,
    GapKind::NoData,
    GapKind::Stale,
    GapKind::TimedOut,
    GapKind::Refused,
    GapKind::Malformed,
];
const STANDINGS: [Standing; 4] = [Standing::Harmful, Standing::Healthy, Standing::Undecided, Standing::Blind];

fn number() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |number| number.is_finite())
}

fn moment() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_ms)
}

fn weight() -> impl Strategy<Value = Weight> {
    (0_u16..=10_000).prop_map(Weight::from_basis_points)
}

fn reading() -> impl Strategy<Value = Reading> {
    let histogram = vec((number(), any::<u64>()), 0..20).prop_map(|mut cells| {
        cells.sort_by(|a, b| a.0.total_cmp(&b.0));
        cells.dedup_by(|a, b| a.0 >= b.0);
        let (bounds, mut counts): (Vec<f64>, Vec<u64>) = cells.into_iter().unzip();
        counts.push(1);
        Reading::Histogram { bounds, counts }
    });
    prop_oneof![
        any::<(u64, u64)>().prop_map(|(a, b)| Reading::Counts { bad: a.min(b), total: a.max(b) }),
        histogram,
        number().prop_map(Reading::Value),
        (select(&GAPS[..]), any::<String>()).prop_map(|(kind, detail)| Reading::gap(kind, detail)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let pair = (any::<String>(), reading(), reading());
    let pairs = vec(pair.prop_map(|(check, live, candidate)| Pair { check, live, candidate }), 0..5);
    prop_oneof![
        4 => (moment(), weight(), pairs)
            .prop_map(|(at, weight, pairs)| Event::Tick(Tick { at, weight, pairs })),
        1 => (moment(), any::<u64>(), any::<Option<String>>())
            .prop_map(|(at, effect, error)| Event::Routed { at, effect, error }),
        1 => (moment(), weight(), any::<bool>())
            .prop_map(|(at, weight, restarted)| Event::Drifted { at, weight, restarted }),
        1 => (moment(), select(&COMMANDS[..]), any::<String>())
            .prop_map(|(at, command, by)| Event::Command { at, command, by }),
        1 => moment().prop_map(|at| Event::Resumed { at }),
    ]
}

fn role() -> impl Strategy<Value = RoleReport> {
    (any::<u64>(), any::<u64>(), option::of(number())).prop_map(|(n, bad, rate)| RoleReport { n, bad, rate })
}

fn check() -> impl Strategy<Value = CheckReport> {
    let words = (any::<String>(), select(&STANDINGS[..]), any::<bool>(), any::<String>());
    let ratios = [option::of(number()), option::of(number()), option::of(number())];
    let evidence = [number(), number(), number(), number()];
    (words, role(), role(), ratios, evidence, any::<Option<String>>()).prop_map(
        |((name, standing, critical, reason), live, candidate, ratios, evidence, waiting_for)| CheckReport {
            name,
            standing,
            critical,
            reason,
            live,
            candidate,
            ratio: ratios[0],
            ratio_low: ratios[1],
            ratio_high: ratios[2],
            log_e_harm: evidence[0],
            log_e_healthy: evidence[1],
            threshold_harm: evidence[2],
            threshold_healthy: evidence[3],
            waiting_for,
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    // Up to the year 9999, as a calendar can write it.
    let at = (0_i64..253_402_207_200_000).prop_map(Timestamp::from_ms);
    let kind = (select(&HAPPENINGS[..]), select(&DECISIONS[..]));
    (at, kind, weight(), any::<String>(), vec(check(), 0..3)).prop_map(
        |(at, (event, decision), weight, reason, checks)| Verdict {
            at,
            service: "checkout".to_owned(),
            release: "checkout-1".to_owned(),
            event,
            decision,
            live: blue(),
            candidate: green(),
            weight,
            reason,
            checks,
        },
    )
}

proptest! {
    // Each case opens a database and waits for the disk once per event.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_release_comes_back_equal(
        (by, rules) in any::<(String, String)>(),
        opening in vec(verdict(), 0..3),
        steps in vec((event(), vec(verdict(), 0..3)), 0..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(comes_back_equal(Header { by, rules, ..header("checkout", 1) }, opening, steps));
    }
}

async fn comes_back_equal(header: Header, opening: Vec<Verdict>, steps: Vec<(Event, Vec<Verdict>)>) {
    let dir = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    journal.begin(&header, &opening).await.unwrap();
    for (seq, (event, verdicts)) in (1..).zip(&steps) {
        let (event, verdicts) = (event.clone(), verdicts.clone());
        let entry = Entry { seq, event, verdicts, ending: None };
        journal.append("checkout-1", &entry).await.unwrap();
    }
    journal.close().await.unwrap();

    let journal = SqliteJournal::open(dir.path()).await.unwrap();
    let unfinished = journal.unfinished("checkout").await.unwrap().unwrap();
    let story = journal.story("checkout-1").await.unwrap().unwrap();
    let (events, said): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    let verdicts: Vec<_> = opening.into_iter().chain(said.into_iter().flatten()).collect();
    assert_eq!(unfinished.header, header);
    assert_eq!(unfinished.events, events);
    assert_eq!(story.events, events);
    assert_eq!(story.verdicts, verdicts);
}
