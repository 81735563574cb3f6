//! Blind, silent, quiet: told apart by scripts of ticks.

use super::*;

const LIMITS: Limits = Limits { blind_after_ms: 30_000, silent_after_ms: 20_000, ln_chance_max: -5.3 };

/// What a role shows in one tick of a script.
#[derive(Clone, Copy)]
enum See {
    Events(u64),
    Missing(GapKind),
}
use GapKind::{NoData, NotYet, Refused, Stale, TimedOut};
use See::{Events, Missing};

struct Script {
    sight: Sight,
    second: i64,
    percent: f64,
    phase: Phase,
}

fn script(percent: f64) -> Script {
    Script { sight: Sight::new(LIMITS, super::Events::Traffic), second: 0, percent, phase: Phase::Judging }
}

impl Script {
    /// One tick a second, `seconds` times.
    fn see(&mut self, live: See, candidate: See, seconds: i64) -> View {
        let gap = |see| match see {
            Events(n) => Ok(n),
            Missing(kind) => Err(Gap { kind, detail: "as asked".into() }),
        };
        let (live, candidate) = (gap(live), gap(candidate));
        for _ in 0..seconds {
            self.tick(Some(Look { live: live.as_ref().copied(), candidate: candidate.as_ref().copied() }));
        }
        self.view()
    }

    fn tick(&mut self, look: Option<Look<'_>>) {
        self.second += 1;
        let now = Moment {
            at: Timestamp::from_ms(self.second * 1_000),
            weight: Weight::from_percent(self.percent).unwrap(),
            phase: self.phase,
        };
        self.sight.observe(now, look);
    }

    fn view(&self) -> View {
        self.sight.view(Timestamp::from_ms(self.second * 1_000))
    }
}

fn long(view: &View) -> Option<bool> {
    match view {
        View::Blind { long, .. } => Some(*long),
        View::Clear | View::Silent { .. } => None,
    }
}

#[test]
fn a_gap_blinds_at_once_and_a_good_pair_heals_at_once() {
    for (live, candidate) in
        [(Events(9), Missing(TimedOut)), (Missing(Refused), Events(9)), (Missing(NoData), Events(9))]
    {
        let mut s = script(50.0);
        assert_eq!(s.see(Events(9), Events(9), 5), View::Clear);
        assert_eq!(long(&s.see(live, candidate, 1)), Some(false));
        assert_eq!(long(&s.see(live, candidate, 29)), Some(false));
        assert_eq!(long(&s.see(live, candidate, 1)), Some(true));
        assert_eq!(s.see(Events(9), Events(9), 1), View::Clear);
    }
}

#[test]
fn not_due_yet_neither_blinds_nor_heals() {
    let mut s = script(50.0);
    assert_eq!(s.see(Events(9), Events(9), 1), View::Clear);
    assert_eq!(s.see(Missing(NotYet), Missing(NotYet), 30), View::Clear);
    assert_eq!(long(&s.see(Missing(NotYet), Missing(NotYet), 1)), Some(true));
    assert_eq!(s.see(Events(9), Events(9), 1), View::Clear);
    s.see(Events(9), Missing(TimedOut), 1);
    assert_eq!(long(&s.see(Missing(NotYet), Missing(NotYet), 1)), Some(false));
}

#[test]
fn a_check_that_is_never_asked_is_blind_in_the_end() {
    let mut s = script(50.0);
    for _ in 0..31 {
        s.tick(None);
    }
    assert_eq!(s.view(), View::Clear);
    s.tick(None);
    assert_eq!(long(&s.view()), Some(true));
}

#[test]
fn a_candidate_that_says_nothing_is_silent() {
    for nothing in [Events(0), Missing(NoData), Missing(Stale)] {
        let mut s = script(50.0);
        s.see(Events(9), Events(9), 5);
        let View::Blind { waiting_for, long, .. } = s.see(Events(9), nothing, 8) else {
            panic!("silence that builds up is not clear sight");
        };
        assert_eq!(waiting_for, "candidate silent for 7 s of 20 s");
        assert!(!long);
        assert!(!matches!(s.see(Events(9), nothing, 12), View::Silent { .. }));
        let View::Silent { reason } = s.see(Events(9), nothing, 1) else {
            panic!("20 s are over");
        };
        assert!(reason.starts_with("candidate silent for 20 s while live had 189 events"), "{reason}");
        assert_eq!(s.see(Events(9), Events(1), 1), View::Clear);
    }
}

#[test]
fn a_failing_source_is_never_silence() {
    for kind in [TimedOut, Refused, GapKind::Malformed] {
        let mut s = script(50.0);
        assert_eq!(long(&s.see(Events(900), Missing(kind), 100)), Some(true));
    }
}

#[test]
fn a_failing_source_stops_the_count_without_undoing_it() {
    let mut s = script(1.0);
    // 400 events at 1% leave a chance of e^-4, and 20 s of silence are asked for: neither is there yet.
    s.see(Events(40), Events(0), 10);
    s.see(Events(40), Missing(TimedOut), 60);
    assert_eq!(long(&s.view()), Some(true), "the source is the trouble, and blindness its name");
    assert!(!matches!(s.see(Events(40), Events(0), 11), View::Silent { .. }), "9 s and 10 s");
    assert!(matches!(s.see(Events(40), Events(0), 1), View::Silent { .. }));
}

#[test]
fn an_outage_of_the_source_after_one_overwhelming_silent_look_is_blindness() {
    for kind in [TimedOut, Refused, GapKind::Malformed] {
        let mut s = script(50.0);
        // A chance of e^-693 in one look, while the candidate's series are not there yet.
        s.see(Events(1_000), Missing(NoData), 1);
        assert_eq!(long(&s.see(Missing(kind), Missing(kind), 100)), Some(true));
    }
}

#[test]
fn a_slow_source_does_not_hide_silence() {
    let mut s = script(50.0);
    for _ in 0..6 {
        s.see(Events(90), Events(0), 1);
        s.see(Missing(NotYet), Missing(NotYet), 4);
    }
    assert!(matches!(s.view(), View::Silent { .. }));
}

#[test]
fn at_full_weight_silence_is_held_against_the_pace_before() {
    for nothing in [Events(0), Missing(NoData), Missing(Stale)] {
        let mut s = script(50.0);
        s.see(Events(20), Events(20), 60);
        s.percent = 100.0;
        assert_eq!(s.see(Events(0), Events(40), 5), View::Clear);
        assert!(!matches!(s.see(Events(0), nothing, 20), View::Silent { .. }));
        let View::Silent { reason } = s.see(Events(0), nothing, 1) else { panic!("20 s are over") };
        assert!(reason.starts_with("candidate silent for 20 s where its pace before"), "{reason}");
        assert_eq!(s.see(Events(0), Events(3), 1), View::Clear);
    }
    // One request in five minutes: half a minute without any is nothing.
    let mut s = script(100.0);
    for _ in 0..3 {
        s.see(Events(0), Events(1), 1);
        s.see(Events(0), Events(0), 299);
    }
    assert!(!matches!(s.view(), View::Silent { .. }));
}

#[test]
fn values_are_blind_and_never_silent() {
    let mut s = script(50.0);
    s.sight.events = super::Events::Values;
    assert_eq!(long(&s.see(Events(1), Missing(NoData), 100)), Some(true));
}

#[test]
fn after_a_time_without_watching_a_good_pair_is_awaited() {
    let mut s = script(50.0);
    s.see(Events(9), Events(9), 5);
    s.see(Events(900), Events(0), 15);
    s.second += 600;
    s.sight.resume(Timestamp::from_ms(s.second * 1_000));
    assert_eq!(long(&s.see(Missing(NotYet), Missing(NotYet), 1)), Some(false));
    assert_eq!(long(&s.see(Missing(NotYet), Missing(NotYet), 30)), Some(true));
    assert_eq!(s.see(Events(9), Events(9), 1), View::Clear);
}

#[test]
fn low_traffic_is_not_silence() {
    // 100 s of one request a second at 1%: e^-1, nothing to wonder about.
    let mut s = script(1.0);
    assert_eq!(s.see(Events(1), Events(0), 100), View::Clear);
    // In the end it is.
    assert!(matches!(s.see(Events(1), Events(0), 500), View::Silent { .. }));
}

#[test]
fn missing_news_at_low_traffic_becomes_blindness() {
    let mut s = script(1.0);
    assert_eq!(long(&s.see(Events(1), Missing(NoData), 30)), Some(false));
    assert_eq!(long(&s.see(Events(1), Missing(NoData), 1)), Some(true));
}

#[test]
fn silence_needs_a_live_colour_that_speaks() {
    let mut s = script(50.0);
    assert_eq!(s.see(Events(0), Events(0), 100), View::Clear);
    let mut s = script(100.0);
    assert_eq!(
        s.see(Events(900), Events(0), 100),
        View::Clear,
        "and of a candidate that never spoke nothing is known"
    );
    assert_eq!(long(&s.see(Events(0), Missing(NoData), 31)), Some(true));
}

#[test]
fn silence_while_warming_up_does_not_count() {
    let mut s = script(50.0);
    s.phase = Phase::WarmUp;
    assert_eq!(s.see(Events(900), Events(0), 60), View::Clear);
    s.phase = Phase::Judging;
    assert!(!matches!(s.see(Events(900), Events(0), 20), View::Silent { .. }));
    assert!(matches!(s.see(Events(900), Events(0), 1), View::Silent { .. }));
}

#[test]
fn at_full_weight_only_the_candidate_must_be_seen() {
    let mut s = script(100.0);
    assert_eq!(s.see(Missing(NoData), Events(9), 100), View::Clear);
}

#[test]
fn without_traffic_there_is_nothing_to_miss() {
    let mut s = script(0.0);
    assert_eq!(s.see(Events(9), Missing(NoData), 100), View::Clear);
    s.sight.events = super::Events::Probes;
    assert_eq!(long(&s.see(Events(9), Missing(NoData), 31)), Some(true));
}
