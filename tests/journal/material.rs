//! Events, verdicts and releases for the tests.

use assize::journal::{Entry, Header, Journal, Outcome};
use assize::judge::report::{CheckReport, RoleReport, Standing};
use assize::release::event::{Command, Event};
use assize::release::verdict::{Decision, Happening, Verdict};
use assize::sample::{Colour, GapKind, Pair, Reading, Tick, Timestamp, Weight};

pub fn blue() -> Colour {
    Colour::new("blue").unwrap()
}

pub fn green() -> Colour {
    Colour::new("green").unwrap()
}

/// Milliseconds, as everywhere.
pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

pub fn header(service: &str, number: u64) -> Header {
    Header {
        release: format!("{service}-{number}"),
        service: service.to_owned(),
        live: blue(),
        candidate: green(),
        started_at: at(1_000 * i64::try_from(number).unwrap()),
        by: "deploy@ci".to_owned(),
        rules: "[service]\nname = \"checkout\"  # größer\n".to_owned(),
    }
}

pub fn tick(ms: i64, total: u64) -> Event {
    Event::Tick(Tick {
        at: at(ms),
        weight: Weight::from_percent(12.5).unwrap(),
        pairs: vec![
            Pair {
                check: "errors".to_owned(),
                live: Reading::counts(3, total).unwrap(),
                candidate: Reading::gap(GapKind::TimedOut, "timed out after 5s"),
            },
            Pair {
                check: "latency".to_owned(),
                live: Reading::histogram(vec![0.1, 0.25], vec![total, 7, 1]).unwrap(),
                candidate: Reading::value(0.1 + 0.2).unwrap(),
            },
        ],
    })
}

/// Every kind of event in turn.
pub fn event(n: u64) -> Event {
    let ms = 10_000 + i64::try_from(n).unwrap();
    match n % 7 {
        1 => Event::Routed { at: at(ms), effect: n, error: None },
        2 => Event::Routed { at: at(ms), effect: n, error: Some("no such backend `checkout`".to_owned()) },
        3 => Event::Drifted { at: at(ms), weight: Weight::from_basis_points(29), restarted: true },
        4 => Event::Command {
            at: at(ms),
            command: COMMANDS[usize::try_from(n).unwrap() % COMMANDS.len()],
            by: "alice".to_owned(),
        },
        5 => Event::Resumed { at: at(ms) },
        _ => tick(ms, 100 + n),
    }
}

pub const COMMANDS: [Command; 5] =
    [Command::Pause, Command::Resume, Command::Promote, Command::Revert, Command::Cancel];

pub const HAPPENINGS: [Happening; 14] = [
    Happening::Started,
    Happening::Resumed,
    Happening::Weight,
    Happening::Standing,
    Happening::Progress,
    Happening::RouterFailed,
    Happening::Drift,
    Happening::Blind,
    Happening::Silent,
    Happening::Harm,
    Happening::Command,
    Happening::Deadline,
    Happening::CutOver,
    Happening::Ended,
];

pub const DECISIONS: [Decision; 4] = [Decision::Advance, Decision::Promote, Decision::Revert, Decision::Hold];

pub fn verdict(release: &str, happening: Happening, decision: Decision, reason: &str) -> Verdict {
    Verdict {
        at: at(1_700_000_000_123),
        service: "checkout".to_owned(),
        release: release.to_owned(),
        event: happening,
        decision,
        live: blue(),
        candidate: green(),
        weight: Weight::from_percent(5.0).unwrap(),
        reason: reason.to_owned(),
        checks: vec![CheckReport {
            name: "errors".to_owned(),
            standing: Standing::Undecided,
            critical: true,
            reason: "3 of 120 against 1 of 100".to_owned(),
            live: RoleReport { n: 120, bad: 3, rate: Some(3.0 / 120.0) },
            candidate: RoleReport::default(),
            ratio: Some(1.0 / 3.0),
            ratio_low: None,
            ratio_high: Some(1e300),
            log_e_harm: -0.1,
            log_e_healthy: 1.0 / 7.0,
            threshold_harm: 100_f64.ln(),
            threshold_healthy: 20_f64.ln(),
            waiting_for: Some("more requests".to_owned()),
        }],
    }
}

/// Two verdicts for event `n`, as long as asked for, so that a transaction takes its time.
pub fn verdicts(release: &str, n: u64, bytes: usize) -> Vec<Verdict> {
    let reason = "x".repeat(bytes);
    let pick = usize::try_from(n).unwrap();
    (0..2)
        .map(|i| {
            let happening = HAPPENINGS[(pick + i) % HAPPENINGS.len()];
            verdict(release, happening, DECISIONS[pick % DECISIONS.len()], &reason)
        })
        .collect()
}

pub fn entry(release: &str, seq: u64) -> Entry {
    Entry { seq, event: event(seq), verdicts: verdicts(release, seq, 10), ending: None }
}

/// An entry that ends the release at `ms`.
pub fn last_entry(seq: u64, ms: i64, outcome: Outcome, live: Colour) -> Entry {
    Entry { seq, event: Event::Resumed { at: at(ms) }, verdicts: Vec::new(), ending: Some((outcome, live)) }
}

/// Begins `release` of `checkout` and gives it `n` events.
pub async fn fill(journal: &dyn Journal, number: u64, n: u64) -> String {
    let header = header("checkout", number);
    journal.begin(&header, &[]).await.unwrap();
    for seq in 1..=n {
        let entry = entry(&header.release, seq);
        journal.append(&header.release, &entry).await.unwrap();
    }
    header.release
}
