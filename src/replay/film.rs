//! What a picture of a replay needs, however long the samples are: a bounded number of frames.
//!
//! The first [`FRAMES_MAX`] ticks are kept as they are. Then neighbours are merged two by two and from there on the judge is
//! asked for its numbers at every second tick only, and so on; so a day of ticks costs a few thousand questions.
//! A merged frame knows the rates of all its ticks exactly, the lowest and highest value of a tick and of the evidence
//! where it was asked for. A change of a standing, the decision and the end are frames of their own.

use crate::judge::report::{Assessment, CheckReport};
use crate::judge::spec::{CheckKind, CheckSpec, JudgeSpec};
use crate::sample::{Reading, Tick, Timestamp};

/// No picture is wider, in pixels that matter.
pub const FRAMES_MAX: usize = 2_000;

/// The frames of a replay, oldest first.
#[derive(Clone, Debug)]
pub struct Film {
    checks: Vec<CheckSpec>,
    /// Of latency checks: what counts as slow.
    slow: Vec<Slow>,
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
            slow: spec.checks.iter().map(Slow::new).collect(),
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

    /// From which bound of its histograms on the requests of a latency check are counted as slow, once live has shown it.
    #[must_use]
    pub fn slower_than(&self, check: usize) -> Option<f64> {
        self.slow.get(check).and_then(|slow| slow.bound)
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
            let Some(index) = self.checks.iter().position(|check| check.name == pair.check) else {
                continue;
            };
            if let (Some([live, candidate]), Some(slow)) =
                (self.open.get_mut(index), self.slow.get_mut(index))
            {
                slow.learn(&pair.live);
                live.add(&pair.live, slow.bound);
                candidate.add(&pair.candidate, slow.bound);
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

    /// Takes in a reading; of a histogram what lies above `bound`.
    fn add(&mut self, reading: &Reading, bound: Option<f64>) {
        let (sum, n) = match (reading, bound) {
            (Reading::Counts { bad, total }, _) if *total > 0 => (float(*bad), float(*total)),
            (Reading::Value(value), _) => (*value, 1.0),
            (Reading::Histogram { bounds, counts }, Some(bound)) => {
                let slow = counts.iter().skip(bounds.partition_point(|known| *known <= bound)).sum();
                (float(slow), float(reading.events()).max(float(slow)))
            }
            _ => return,
        };
        if n > 0.0 {
            let rate = sum / n;
            *self = self.and(Self { sum, n, low: rate, high: rate });
        }
    }
}

/// The bound of the histograms nearest to live's highest listed quantile (else the limit of the rules), fixed as soon as ten slower
/// events are to be expected. The judge's own bound follows live and differs between quantiles; for a picture one is
/// enough.
#[derive(Clone, Debug)]
struct Slow {
    quantile: f64,
    bound: Option<f64>,
    seen: Vec<f64>,
}

impl Slow {
    fn new(check: &CheckSpec) -> Self {
        let (quantile, bound) = match &check.kind {
            CheckKind::Latency(spec) => {
                let highest = spec.quantiles.iter().map(|q| q.quantile).max_by(f64::total_cmp);
                (highest.unwrap_or(1.0), spec.limit.as_ref().filter(|_| highest.is_none()).map(|l| l.over_s))
            }
            CheckKind::Ratio(_) | CheckKind::Value(_) => (1.0, None),
        };
        Self { quantile, bound, seen: Vec::new() }
    }

    fn learn(&mut self, live: &Reading) {
        let (None, Reading::Histogram { bounds, counts }) = (self.bound, live) else { return };
        if self.seen.len() != counts.len() {
            self.seen = vec![0.0; counts.len()];
        }
        self.seen.iter_mut().zip(counts).for_each(|(seen, count)| *seen += float(*count));
        let all: f64 = self.seen.iter().sum();
        if all * (1.0 - self.quantile) < 10.0 - 1e-9 {
            return;
        }
        let mut below = 0.0;
        let shares = self.seen.iter().zip(bounds).map(|(seen, bound)| {
            below += seen / all;
            ((below - self.quantile).abs(), *bound)
        });
        self.bound = shares.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, bound)| bound);
    }
}

#[expect(clippy::cast_precision_loss, reason = "for a picture")]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Judge;
    use crate::judge::spec::{LatencySpec, QuantileSpec, RatioSpec};
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
        assert!((all.n - f64::from(ticks) * 100.0).abs() < 0.5, "{all:?}");
        assert!((all.sum - f64::from(ticks / 2 - 1 + 100)).abs() < 0.5, "{all:?}");
        // A spike of one tick stands out, and is where it was.
        let spike: Vec<&Frame> = film.frames().iter().filter(|f| f.checks[0].candidate.high > 0.99).collect();
        let [spike] = spike.as_slice() else { panic!("{} spikes", spike.len()) };
        assert!((777_000..830_000).contains(&spike.at.ms()), "{}", spike.at.ms());
        let jump = &spike.checks[0].harm;
        assert!(jump.high > jump.low + 1.0, "{jump:?}");
        assert!(jump.low <= jump.last && jump.last <= jump.high, "{jump:?}");
    }

    #[test]
    fn slow_is_what_lies_above_lives_quantile() {
        let quantile = QuantileSpec { name: "p90".into(), quantile: 0.9, tolerance: 1.5 };
        let kind = CheckKind::Latency(LatencySpec { quantiles: vec![quantile], limit: None });
        let mut slow = Slow::new(&CheckSpec { name: "latency".into(), critical: true, probe: false, kind });
        let reading = Reading::Histogram { bounds: vec![0.1, 0.25, 1.0], counts: vec![40, 6, 3, 1] };
        slow.learn(&reading);
        assert_eq!(slow.bound, None, "50 events: five slower ones");
        slow.learn(&reading);
        assert_eq!(slow.bound, Some(0.25), "92 of 100 are not slower, nearer to 90 than 80");
        let mut all = Measured::NOTHING;
        all.add(&Reading::Histogram { bounds: vec![0.1, 0.25, 1.0], counts: vec![1, 1, 4, 2] }, slow.bound);
        assert!((all.rate() - 0.75).abs() < 1e-9 && (all.n - 8.0).abs() < 1e-9, "{all:?}");
    }
}
