//! What a picture of a replay needs, however long the samples are: a bounded number of frames.
//!
//! The first [`FRAMES_MAX`] ticks are kept as they are. Then neighbours are merged two by two and from there on the judge is
//! asked for its numbers at every second tick only, and so on; so a day of ticks costs a few thousand questions.
//! A merged frame knows the rates of all its ticks exactly, the lowest and highest value of a tick and of the evidence
//! where it was asked for. A change of a standing, the decision and the end are frames of their own.

use crate::judge::report::{Assessment, CheckReport};
use crate::judge::spec::{CheckSpec, JudgeSpec};
use crate::sample::{Reading, Tick, Timestamp};

/// No picture is wider, in pixels that matter.
pub const FRAMES_MAX: usize = 2_000;

/// The frames of a replay, oldest first.
#[derive(Clone, Debug)]
pub struct Film {
    checks: Vec<CheckSpec>,
    origin: Timestamp,
    frames: Vec<Frame>,
    /// What the ticks since the latest frame measured, per check: live, candidate.
    open: Vec<[Measured; 2]>,
    /// How many ticks the open frame has, and from how many on it wants to be closed.
    ticks: u64,
    ticks_wanted: u64,
}

/// All checks over one or more ticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The last of its ticks.
    pub at: Timestamp,
    /// Every check, in the order of the rules.
    pub checks: Vec<Scene>,
}

/// One check over the ticks of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Live, in these ticks alone.
    pub live: Measured,
    /// The candidate, in these ticks alone.
    pub candidate: Measured,
    /// Live's share of slow requests (or rate, or median value) since judging began, as verdicts tell it.
    pub live_so_far: Option<f64>,
    /// The candidate's.
    pub candidate_so_far: Option<f64>,
    /// Candidate over live, since judging began.
    pub ratio: Option<f64>,
    /// Lower end of its confidence sequence.
    pub ratio_low: Option<f64>,
    /// Upper end.
    pub ratio_high: Option<f64>,
    /// Log e-value for harm.
    pub harm: Span,
    /// Log e-value for health.
    pub healthy: Span,
}

/// A number over the ticks of a frame: how it ended, and between which bounds it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// At the last tick.
    pub last: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// What one colour showed over the ticks of a frame: bad events of all, or values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Bad events, or the sum of the values.
    pub sum: f64,
    /// Events, or values.
    pub n: f64,
    /// The lowest rate or value of a tick; infinite without any.
    pub low: f64,
    /// The highest; negatively infinite without any.
    pub high: f64,
}

impl Film {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(spec: &JudgeSpec) -> Self {
        Self {
            origin: Timestamp::default(),
            frames: Vec::new(),
            open: spec.checks.iter().map(|_| [Measured::NOTHING; 2]).collect(),
            checks: spec.checks.clone(),
            ticks: 0,
            ticks_wanted: 1,
        }
    }

    /// What the checks are asked, in the order of the scenes of a frame.
    #[must_use]
    pub fn checks(&self) -> &[CheckSpec] {
        &self.checks
    }

    /// At most [`FRAMES_MAX`] and one, in the order of time.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Where time starts.
    #[must_use]
    pub const fn origin(&self) -> Timestamp {
        self.origin
    }

    /// Time starts here.
    pub const fn begin(&mut self, origin: Timestamp) {
        self.origin = origin;
    }

    /// Takes in what a tick measured. Says whether [`Self::frame`] should follow.
    pub fn tick(&mut self, tick: &Tick) -> bool {
        for pair in &tick.pairs {
            let index = self.checks.iter().position(|check| check.name == pair.check);
            if let Some([live, candidate]) = index.and_then(|index| self.open.get_mut(index)) {
                live.add(&pair.live);
                candidate.add(&pair.candidate);
            }
        }
        self.ticks += 1;
        self.ticks >= self.ticks_wanted
    }

    /// What the judge says after the latest tick.
    pub fn frame(&mut self, at: Timestamp, assessment: &Assessment) {
        let measured = self.open.iter_mut().map(|open| std::mem::replace(open, [Measured::NOTHING; 2]));
        let checks = assessment.checks.iter().zip(measured).map(|(report, both)| Scene::new(report, both));
        self.frames.push(Frame { at, checks: checks.collect() });
        self.ticks = 0;
        if self.frames.len() > FRAMES_MAX {
            self.halve();
        }
    }

    /// What the judge says at the end, unless that is a frame already.
    pub fn end(&mut self, at: Timestamp, assessment: &Assessment) {
        if self.ticks > 0 {
            self.frame(at, assessment);
        }
    }

    /// Merges neighbours, and asks half as often from here on. The newest frame stays as it is.
    fn halve(&mut self) {
        self.ticks_wanted = self.ticks_wanted.saturating_mul(2);
        let newest = self.frames.pop();
        let mut merged = Vec::with_capacity(FRAMES_MAX + 1);
        let mut frames = std::mem::take(&mut self.frames).into_iter();
        while let Some(first) = frames.next() {
            merged.push(match frames.next() {
                Some(second) => first.then(second),
                None => first,
            });
        }
        merged.extend(newest);
        self.frames = merged;
    }
}

impl Frame {
    /// This frame and the next as one.
    fn then(self, next: Self) -> Self {
        let checks = self.checks.into_iter().zip(next.checks).map(|(first, second)| Scene {
            live: first.live.and(second.live),
            candidate: first.candidate.and(second.candidate),
            harm: first.harm.then(second.harm),
            healthy: first.healthy.then(second.healthy),
            ..second
        });
        Self { at: next.at, checks: checks.collect() }
    }
}

impl Scene {
    fn new(report: &CheckReport, [live, candidate]: [Measured; 2]) -> Self {
        Self {
            live,
            candidate,
            live_so_far: report.live.rate,
            candidate_so_far: report.candidate.rate,
            ratio: report.ratio,
            ratio_low: report.ratio_low,
            ratio_high: report.ratio_high,
            harm: Span::of(report.log_e_harm),
            healthy: Span::of(report.log_e_healthy),
        }
    }
}

impl Span {
    const fn of(value: f64) -> Self {
        Self { last: value, low: value, high: value }
    }

    fn then(self, next: Self) -> Self {
        Self { last: next.last, low: self.low.min(next.low), high: self.high.max(next.high) }
    }
}

impl Measured {
    /// No events.
    pub const NOTHING: Self = Self { sum: 0.0, n: 0.0, low: f64::INFINITY, high: f64::NEG_INFINITY };

    /// The rate of bad events or the mean of the values; no number without any.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.n > 0.0 { self.sum / self.n } else { f64::NAN }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            n: self.n + other.n,
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    /// Histograms are left to the judge, which knows what counts as slow.
    #[expect(clippy::cast_precision_loss, reason = "for a picture")]
    fn add(&mut self, reading: &Reading) {
        let (sum, n) = match reading {
            Reading::Counts { bad, total } if *total > 0 => (*bad as f64, *total as f64),
            Reading::Value(value) => (*value, 1.0),
            Reading::Counts { .. } | Reading::Histogram { .. } | Reading::Gap(_) => return,
        };
        let rate = sum / n;
        *self = self.and(Self { sum, n, low: rate, high: rate });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Judge;
    use crate::judge::spec::{CheckKind, RatioSpec};
    use crate::sample::{Pair, Weight};

    fn spec() -> JudgeSpec {
        let kind = CheckKind::Ratio(RatioSpec { tolerance: 1.5, floor: None, limit: None });
        JudgeSpec {
            checks: vec![CheckSpec { name: "errors".into(), critical: true, probe: false, kind }],
            false_revert: 0.01,
            missed_harm: 0.05,
            warmup_ms: 0,
            blind_after_ms: 60_000,
            silent_after_ms: 60_000,
        }
    }

    /// Films so many ticks of a second each; in tick 777 everything of the candidate fails.
    fn film(ticks: u32) -> (Film, u32) {
        let (mut film, mut judge, mut asked) = (Film::new(&spec()), Judge::new(spec()), 0);
        for number in 0..ticks {
            let bad = if number == 777 { 100 } else { u64::from(number % 2) };
            let pair = Pair {
                check: "errors".into(),
                live: Reading::Counts { bad: 1, total: 100 },
                candidate: Reading::Counts { bad, total: 100 },
            };
            let at = Timestamp::from_ms(i64::from(number) * 1_000);
            let tick = Tick { at, weight: Weight::from_basis_points(5_000), pairs: vec![pair] };
            judge.observe(&tick);
            if film.tick(&tick) {
                film.frame(at, &judge.assess());
                asked += 1;
            }
        }
        film.end(Timestamp::from_ms(i64::from(ticks - 1) * 1_000), &judge.assess());
        (film, asked)
    }

    #[test]
    fn a_short_replay_is_kept_tick_by_tick() {
        let (film, asked) = film(2_000);
        assert_eq!((film.frames().len(), asked), (2_000, 2_000));
        let moments: Vec<i64> = film.frames().iter().map(|frame| frame.at.ms()).collect();
        assert!(moments.iter().zip(0..).all(|(at, number)| *at == number * 1_000));
        let [even, odd] = [10, 11].map(|n: usize| film.frames()[n].checks[0].candidate.rate());
        assert!(even < 1e-9 && (odd - 0.01).abs() < 1e-9, "{even} {odd}");
    }

    #[test]
    fn a_long_replay_keeps_a_bounded_number_of_frames_and_loses_no_event() {
        let ticks = 50_001;
        let (film, asked) = film(ticks);
        assert!((FRAMES_MAX / 2..=FRAMES_MAX).contains(&film.frames().len()), "{}", film.frames().len());
        assert!(asked < 10_000, "{asked}");
        assert!(film.frames().is_sorted_by(|a, b| a.at < b.at));
        assert_eq!(film.frames().last().unwrap().at.ms(), i64::from(ticks - 1) * 1_000, "the end is there");
        let scenes = || film.frames().iter().map(|frame| &frame.checks[0]);
        let all = scenes().fold(Measured::NOTHING, |all, scene| all.and(scene.candidate));
        assert_eq!(all.n, f64::from(ticks) * 100.0);
        assert_eq!(all.sum, f64::from(ticks / 2 - 1 + 100));
        // A spike of one tick stands out, and is where it was.
        let spike: Vec<&Frame> = film.frames().iter().filter(|f| f.checks[0].candidate.high > 0.99).collect();
        let [spike] = spike.as_slice() else { panic!("{} spikes", spike.len()) };
        assert!((777_000..830_000).contains(&spike.at.ms()), "{}", spike.at.ms());
        let jump = &spike.checks[0].harm;
        assert!(jump.high > jump.low + 5.0, "{jump:?}");
        assert!(jump.low <= jump.last && jump.last <= jump.high, "{jump:?}");
    }
}
