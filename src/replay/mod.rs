//! Recorded samples judged again: what the judge would have said, and when.
//!
//! A replay takes the traffic as it was recorded. It does not wait for steps or holds; it ends with the first decision
//! that the judge reaches, or undecided with the file. The same judge and the same policies as in a release, no clock.

pub mod line;
pub mod trace;

use serde::Serialize;

use crate::judge::Judge;
use crate::judge::report::{Assessment, CheckReport, Finding, Standing};
use crate::release::plan::OnTrouble;
use crate::rules::model::Rules;
use crate::sample::{Colour, GapKind, Pair, Reading, Tick, Timestamp, Weight};
use line::{At, Said};
use trace::Trace;

/// A line longer than this is no sample: a histogram of a thousand bounds has 30 kB.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Samples without a recorded weight are taken as from an even split.
const WEIGHT_UNSAID: Weight = Weight::from_basis_points(5_000);

/// One line of a replay's output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    /// `standing` when something changed, `decision` on the last line.
    pub event: &'static str,
    /// `hold`, or on the last line `promote`, `revert` or `undecided`.
    pub decision: &'static str,
    /// In the file's own terms: seconds, or RFC 3339.
    pub at: serde_json::Value,
    /// The service.
    pub service: String,
    /// Always `replay`.
    pub release: &'static str,
    /// The candidate's weight.
    pub weight: Weight,
    /// The check that the reason speaks of, where there is one.
    pub check: Option<String>,
    /// One sentence.
    pub reason: String,
    /// Every check.
    pub checks: Vec<CheckReport>,
}

/// How a replay ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// All traffic to the candidate.
    Promote,
    /// All traffic back to live.
    Revert,
    /// The samples end before a decision.
    Undecided,
}

impl Decision {
    const fn word(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Revert => "revert",
            Self::Undecided => "undecided",
        }
    }
}

/// A malformed line, with its number from 1.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ReplayError {
    /// Which line.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
}

/// A line that has been read, with its number from 1.
#[derive(Debug)]
pub struct Sample {
    number: u64,
    now: Timestamp,
    at: At,
    said: Said,
}

/// Reads one line; nothing for an empty one.
///
/// # Errors
/// When the line is malformed.
pub fn parse(rules: &Rules, number: u64, text: &str) -> Result<Option<Sample>, ReplayError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let fault = |what: String| ReplayError { line: number, what };
    let kind_of = |name: &str| rules.judge.checks.iter().find(|c| c.name == name).map(|c| &c.kind);
    let (at, said) = line::read(text, kind_of).map_err(|error| fault(error.to_string()))?;
    let now = at.timestamp().map_err(|error| fault(error.0))?;
    Ok(Some(Sample { number, now, at, said }))
}

/// Judges samples line by line.
pub struct Replay<'a> {
    rules: &'a Rules,
    live: Colour,
    judge: Judge,
    weight: Weight,
    at: Option<At>,
    pairs: Vec<Pair>,
    standings: Vec<Standing>,
    lines: u64,
    trace: Option<Trace>,
}

impl<'a> Replay<'a> {
    /// A replay in which `live` (default: the first colour of the file) serves.
    #[must_use]
    pub fn new(rules: &'a Rules, live: Option<Colour>) -> Self {
        Self {
            live: live.unwrap_or_else(|| rules.first_written.clone()),
            judge: Judge::new(rules.judge.clone()),
            rules,
            weight: WEIGHT_UNSAID,
            at: None,
            pairs: Vec::new(),
            standings: Vec::new(),
            lines: 0,
            trace: None,
        }
    }

    /// Also keeps what it sees, for a picture.
    #[must_use]
    pub fn traced(self) -> Self {
        Self { trace: Some(Trace::default()), ..self }
    }

    /// What it has seen, if it was to keep it.
    #[must_use]
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Takes a line in. Gives what there is to print: a changed standing, or the decision (then stop).
    ///
    /// # Errors
    /// When the line is malformed or out of order.
    pub fn line(&mut self, text: &str) -> Result<Option<(Output, Option<Decision>)>, ReplayError> {
        self.lines += 1;
        match parse(self.rules, self.lines, text)? {
            Some(sample) => self.sample(sample),
            None => Ok(None),
        }
    }

    /// The same for a line that [`parse`] has read, perhaps elsewhere.
    ///
    /// # Errors
    /// When the line is out of order.
    pub fn sample(
        &mut self,
        Sample { number, now, at, said }: Sample,
    ) -> Result<Option<(Output, Option<Decision>)>, ReplayError> {
        let fault = |what: String| ReplayError { line: number, what };
        let mut output = None;
        if let Some(before) = self.at.and_then(|at| at.timestamp().ok()) {
            if now < before {
                return Err(fault("`at` lies before the line above; order the lines by `at`".into()));
            }
            if now > before {
                output = self.judge_tick();
            }
        }
        if matches!(output, Some((_, Some(_)))) {
            return Ok(output);
        }
        self.at = Some(at);
        self.take(said).map_err(fault)?;
        Ok(output)
    }

    /// The samples are at their end: judges the last tick and decides.
    pub fn end(&mut self) -> (Output, Decision) {
        if let Some((output, Some(decision))) = self.judge_tick() {
            return (output, decision);
        }
        let assessment = self.judge.assess();
        let reason = match finding_words(&assessment.finding) {
            _ if self.at.is_none() => "there are no samples".to_owned(),
            (_, reason) => format!("the samples end before a decision; {reason}"),
        };
        let check = finding_words(&assessment.finding).0;
        (self.output("decision", Decision::Undecided.word(), check, reason, assessment), Decision::Undecided)
    }

    fn take(&mut self, said: Said) -> Result<(), String> {
        let (check, colour, reading) = match said {
            Said::Weight(weight) => {
                self.weight = weight;
                return Ok(());
            }
            Said::Sample { check, colour, reading } => (check, colour, reading),
        };
        if !self.rules.colours.iter().any(|rule| rule.colour == colour) {
            return Err(format!("the rules have no colour `{colour}`"));
        }
        let index = (self.pairs.iter().position(|pair| pair.check == check)).unwrap_or_else(|| {
            self.pairs.push(Pair {
                check: check.clone(),
                live: Reading::gap(GapKind::NoData, ""),
                candidate: Reading::gap(GapKind::NoData, ""),
            });
            self.pairs.len() - 1
        });
        let pair = &mut self.pairs[index];
        let place = if colour == self.live { &mut pair.live } else { &mut pair.candidate };
        // A gap with words is a sample of its own; the wordless one only keeps the place.
        if !matches!(place, Reading::Gap(gap) if gap.detail.is_empty()) {
            return Err(format!("a second sample of `{check}` for {colour} at the same time"));
        }
        *place = reading;
        Ok(())
    }

    fn judge_tick(&mut self) -> Option<(Output, Option<Decision>)> {
        let at: Timestamp = self.at?.timestamp().ok()?;
        if self.pairs.is_empty() {
            return None;
        }
        let tick = Tick { at, weight: self.weight, pairs: std::mem::take(&mut self.pairs) };
        self.judge.observe(&tick);
        self.pairs = tick.pairs;
        self.pairs.clear();
        let drawn = self.trace.as_mut().is_some_and(Trace::wants_next);
        if let Some(trace) = self.trace.as_mut().filter(|_| drawn || self.judge.may_decide()) {
            trace.keep(at, &self.judge.assess());
        }
        if !self.judge.may_decide() && self.judge.standings().eq(self.standings.iter().copied()) {
            return None;
        }
        let assessment = self.judge.assess();
        let decision = self.decide(&assessment.finding);
        let standings: Vec<Standing> = assessment.checks.iter().map(|c| c.standing).collect();
        let (check, reason) = finding_words(&assessment.finding);
        let reason = reason.to_owned();
        if let Some(decision) = decision {
            let output = self.output("decision", decision.word(), check, reason, assessment);
            return Some((output, Some(decision)));
        }
        if standings == self.standings {
            return None;
        }
        self.standings = standings;
        Some((self.output("standing", "hold", check, reason, assessment), None))
    }

    fn decide(&self, finding: &Finding) -> Option<Decision> {
        let plan = &self.rules.plan;
        match finding {
            Finding::Harmful { .. } => Some(Decision::Revert),
            Finding::Healthy { .. } => Some(Decision::Promote),
            Finding::Silent { .. } if plan.on_silent == OnTrouble::Revert => Some(Decision::Revert),
            Finding::Blind { .. } if plan.on_blind == OnTrouble::Revert => Some(Decision::Revert),
            Finding::Silent { .. } | Finding::Blind { .. } | Finding::Undecided { .. } => None,
        }
    }

    fn output(
        &self,
        event: &'static str,
        decision: &'static str,
        check: Option<String>,
        reason: String,
        assessment: Assessment,
    ) -> Output {
        let at = match self.at {
            None => serde_json::Value::from(0.0),
            Some(At::Seconds(seconds)) => serde_json::Value::from(seconds),
            Some(At::Moment(at)) => serde_json::Value::from(at.to_string()),
        };
        Output {
            event,
            decision,
            at,
            service: self.rules.service.clone(),
            release: "replay",
            weight: self.weight,
            check,
            reason,
            checks: assessment.checks,
        }
    }
}

fn finding_words(finding: &Finding) -> (Option<String>, &str) {
    match finding {
        Finding::Harmful { check, reason }
        | Finding::Silent { check, reason }
        | Finding::Blind { check, reason }
        | Finding::Healthy { check, reason } => (Some(check.clone()), reason),
        Finding::Undecided { reason, .. } => (None, reason),
    }
}
