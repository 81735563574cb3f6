//! Scripts of polls, and arbitrary ones: every event once, and both colours always over the same time.

use proptest::prelude::*;

use super::super::series::{Point, Series};
use super::super::tally::{RatioAnswer, RatioTally};
use super::*;

type Ratio = Paired<RatioTally>;
type Answer = Result<RatioAnswer, Gap>;

const REFUSED: Gap = Gap { kind: GapKind::Refused, detail: String::new() };

/// One target's counters: moment in ms, bad, total. No points, no series.
#[expect(clippy::unnecessary_wraps, reason = "an answer of the scripts, like a refusal")]
fn scraped(points: &[(i64, u64, u64)]) -> Answer {
    let series = |pick: fn(&(i64, u64, u64)) -> u64| {
        let points: Vec<_> = points.iter().map(|p| Point { at_ms: p.0, value: pick(p) }).collect();
        let series = Series { labels: [].into(), points };
        Vec::from_iter((!series.points.is_empty()).then_some(series))
    };
    Ok(RatioAnswer { bad: series(|p| p.1), total: series(|p| p.2) })
}

/// `bad/total`, or the gap's kind.
fn brief(readings: &[Reading; 2]) -> [String; 2] {
    readings.each_ref().map(|reading| match reading {
        Reading::Counts { bad, total } => format!("{bad}/{total}"),
        Reading::Gap(gap) => format!("{:?}", gap.kind),
        other => format!("{other:?}"),
    })
}

/// Polls in order; each gives the moment, both answers and what is expected.
#[track_caller]
fn check(script: Vec<(i64, Answer, Answer, [&str; 2])>) {
    let mut paired = Ratio::default();
    for (now_ms, blue, green, expected) in script {
        let readings = paired.poll(now_ms, &[blue, green]);
        assert_eq!(brief(&readings), expected, "at {now_ms} ms: {readings:?}");
    }
}

#[test]
fn the_first_look_counts_nothing_and_the_next_one_what_was_added() {
    check(vec![
        (1100, scraped(&[(0, 1, 10), (1000, 2, 20)]), scraped(&[(1050, 5, 50)]), ["NotYet", "NotYet"]),
        (
            2100,
            scraped(&[(1000, 2, 20), (2000, 2, 27)]),
            scraped(&[(1050, 5, 50), (2050, 6, 53)]),
            ["0/7", "1/3"],
        ),
    ]);
}

#[test]
fn a_fresh_colour_waits_for_the_other_one_between_two_scrapes() {
    check(vec![
        (
            1100,
            scraped(&[(0, 0, 0), (1000, 0, 0)]),
            scraped(&[(0, 0, 0), (1000, 0, 0)]),
            ["NotYet", "NotYet"],
        ),
        (
            2100,
            scraped(&[(1000, 0, 0), (2000, 1, 5)]),
            scraped(&[(0, 0, 0), (1000, 0, 0)]),
            ["NotYet", "NotYet"],
        ),
        (
            3100,
            scraped(&[(2000, 1, 5), (3000, 1, 9)]),
            scraped(&[(1000, 0, 0), (3000, 0, 4)]),
            ["1/9", "0/4"],
        ),
    ]);
}

#[test]
fn without_a_new_scrape_the_age_decides_between_not_yet_and_stale() {
    let mut paired = Ratio::default();
    let same = || [(); 2].map(|()| scraped(&[(0, 0, 0), (1000, 0, 0)]));
    let _ = paired.poll(1100, &same());
    let waiting = paired.poll(3500, &same());
    assert_eq!(brief(&waiting), ["NotYet", "NotYet"]);
    let Reading::Gap(stale) = &paired.poll(3501, &same())[0] else {
        panic!("a gap expected");
    };
    assert_eq!(stale.to_string(), "stale: newest sample 2.5 s old, scraped every 1.0 s");
}

#[test]
fn a_colour_that_is_out_does_not_hold_up_the_other_and_catches_up_alone() {
    let blue = |n: i64| {
        scraped(&[(n - 1000, 0, 10 * (n.unsigned_abs() / 1000 - 1)), (n, 0, 10 * (n.unsigned_abs() / 1000))])
    };
    check(vec![
        (1100, blue(1000), blue(1000), ["NotYet", "NotYet"]),
        (2100, blue(2000), blue(2000), ["0/10", "0/10"]),
        (3100, blue(3000), scraped(&[]), ["0/10", "NoData"]),
        (4100, blue(4000), Err(REFUSED), ["0/10", "Refused"]),
        // Green's two lost scrapes first, up to where blue stands; blue waits.
        (
            5100,
            blue(5000),
            scraped(&[(2000, 0, 20), (3000, 3, 30), (4000, 3, 40), (5000, 4, 50)]),
            ["NotYet", "3/20"],
        ),
        (
            6100,
            scraped(&[(5000, 0, 50), (6000, 0, 60)]),
            scraped(&[(5000, 4, 50), (6000, 4, 60)]),
            ["0/20", "1/20"],
        ),
    ]);
}

#[test]
fn both_out_at_once_stay_in_step() {
    let at = |n: i64| scraped(&[(n, 0, n.unsigned_abs())]);
    check(vec![
        (1100, at(1000), at(1000), ["NotYet", "NotYet"]),
        (2100, Err(REFUSED), Err(REFUSED), ["Refused", "Refused"]),
        (9100, at(9000), at(9000), ["0/8000", "0/8000"]),
    ]);
}

#[test]
fn a_colour_that_appears_starts_where_the_other_one_then_stands() {
    let at = |n: i64| scraped(&[(n, 0, n.unsigned_abs())]);
    check(vec![
        (1100, at(1000), scraped(&[]), ["NotYet", "NoData"]),
        (2100, at(2000), scraped(&[]), ["0/1000", "NoData"]),
        (3100, at(3000), at(3000), ["0/1000", "NotYet"]),
        (4100, at(4000), at(4000), ["0/1000", "0/1000"]),
    ]);
}

#[test]
fn queries_that_do_not_nest_give_a_gap_and_lose_nothing() {
    check(vec![
        (1100, scraped(&[(1000, 0, 0)]), scraped(&[(1000, 0, 0)]), ["NotYet", "NotYet"]),
        (2100, scraped(&[(2000, 0, 5)]), scraped(&[(2000, 3, 1)]), ["0/5", "Malformed"]),
        (3100, scraped(&[(3000, 0, 9)]), scraped(&[(2000, 3, 1), (3000, 3, 8)]), ["NotYet", "3/8"]),
        (4100, scraped(&[(4000, 0, 9)]), scraped(&[(4000, 3, 10)]), ["0/4", "0/2"]),
    ]);
}

#[test]
fn a_clock_that_goes_back_starts_anew() {
    let at = |n: i64, total: u64| scraped(&[(n, 0, total)]);
    check(vec![
        (100_100, at(100_000, 10), at(100_000, 10), ["NotYet", "NotYet"]),
        (50_100, at(50_000, 20), at(50_000, 20), ["Malformed", "Malformed"]),
        (51_100, at(51_000, 25), at(51_000, 26), ["0/5", "0/6"]),
    ]);
}

#[test]
fn the_window_covers_several_scrapes_and_the_time_since_the_last_answer() {
    let mut paired = Ratio::default();
    assert_eq!(paired.window_ms(0), WINDOW_MAX_MS, "history, for targets whose latest scrape failed");
    let lonely = || scraped(&[(0, 0, 0)]);
    let _ = paired.poll(0, &[lonely(), lonely()]);
    assert_eq!(paired.window_ms(1000), WINDOW_MAX_MS, "spacing not known yet");
    let known = || scraped(&[(0, 0, 0), (30_000, 0, 0)]);
    let _ = paired.poll(30_000, &[known(), known()]);
    assert_eq!(paired.window_ms(35_000), 120_000, "four scrapes");
    assert_eq!(paired.window_ms(130_000), 100_000 + 75_000, "since the last answer");
    assert_eq!(paired.window_ms(9_000_000), WINDOW_MAX_MS);
}

/// What happens in one second of a made-up world.
#[derive(Clone, Debug)]
struct Second {
    /// Per colour: bad, good, and whether its process began anew before.
    events: [(u64, u64, bool); 2],
    /// Per colour: whether the scrape succeeds.
    scraped: [bool; 2],
    /// Whether there is a poll, and which colours' queries are answered.
    poll: Option<[bool; 2]>,
}

fn second() -> impl Strategy<Value = Second> {
    let events = (0_u64..5, 0_u64..20, prop::bool::weighted(0.05));
    let mostly = || prop::array::uniform2(prop::bool::weighted(0.8));
    (prop::array::uniform2(events), mostly(), prop::option::of(mostly()))
        .prop_map(|(events, scraped, poll)| Second { events, scraped, poll })
}

/// One colour of that world: its counters, all scrapes so far, and what was given of them.
#[derive(Default)]
struct Process {
    bad: u64,
    total: u64,
    scrapes: Vec<(i64, u64, u64)>,
    /// What an observer of every scrape would count.
    truth: Vec<(i64, u64, u64)>,
    given: (u64, u64),
    /// The first scrape that was looked at.
    base_ms: Option<i64>,
}

impl Process {
    fn live(&mut self, at_ms: i64, (bad, good, anew): (u64, u64, bool), scraped: bool) {
        // A reset only shows where the value falls, so the made-up world has no others.
        let shows = |last: &(i64, u64, u64)| bad < last.1 && bad + good < last.2;
        if anew && scraped && self.scrapes.last().is_some_and(shows) {
            (self.bad, self.total) = (0, 0);
        }
        (self.bad, self.total) = (self.bad + bad, self.total + bad + good);
        if scraped {
            let (_, last_bad, last_total) = self.scrapes.last().copied().unwrap_or_default();
            let step = |now: u64, last: u64| now.checked_sub(last).unwrap_or(now);
            let steps = (step(self.bad, last_bad), step(self.total, last_total));
            self.truth.push((at_ms, steps.0, steps.1));
            self.scrapes.push((at_ms, self.bad, self.total));
        }
    }

    fn takes(&mut self, reading: &Reading, through_ms: Option<i64>) {
        self.base_ms = self.base_ms.or(through_ms);
        if let Reading::Counts { bad, total } = reading {
            self.given = (self.given.0 + bad, self.given.1 + total);
        }
    }

    /// Everything since the first look.
    fn due(&self) -> (u64, u64) {
        let counted = self.truth.iter().filter(|t| self.base_ms.is_some_and(|base| t.0 > base));
        counted.fold((0, 0), |sum, t| (sum.0 + t.1, sum.1 + t.2))
    }

    fn scrapes_between(&self, from_ms: i64, to_ms: i64) -> usize {
        self.scrapes.iter().filter(|s| s.0 > from_ms && s.0 < to_ms).count()
    }
}

proptest! {
    #[test]
    fn every_event_is_given_once_and_pairs_span_the_same_time(
        seconds in prop::collection::vec(second(), 1..80),
    ) {
        let mut world = [Process::default(), Process::default()];
        let mut paired = Ratio::default();
        // Undisturbed polls at the end bring out what is still held back.
        let calm = || Second { events: [(0, 1, false); 2], scraped: [true; 2], poll: Some([true; 2]) };
        let all = seconds.into_iter().chain(std::iter::repeat_with(calm).take(4));
        for (at_ms, second) in (0..).step_by(1000).zip(all) {
            for ((process, events), scraped) in world.iter_mut().zip(second.events).zip(second.scraped) {
                process.live(at_ms, events, scraped);
            }
            let Some(answered) = second.poll else { continue };
            let answer = |c: usize| if answered[c] { scraped(&world[c].scrapes) } else { Err(REFUSED) };
            let before = [0, 1].map(|c| paired.sides[c].through_ms);
            let readings = paired.poll(at_ms + 100, &[answer(0), answer(1)]);
            for ((process, reading), side) in world.iter_mut().zip(&readings).zip(&paired.sides) {
                process.takes(reading, side.through_ms);
            }
            if let ([Reading::Counts { .. }, Reading::Counts { .. }], [Some(a), Some(b)]) = (&readings, before) {
                let (early, missed) = if a < b { (a, &world[0]) } else { (b, &world[1]) };
                prop_assert_eq!(missed.scrapes_between(early, a.max(b)), 0, "a pair that begins out of step");
            }
        }
        for process in &world {
            prop_assert_eq!(process.given, process.due());
        }
    }
}
