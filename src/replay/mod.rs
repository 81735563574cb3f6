//! Recorded samples judged again: what the judge would have said, and when.
//!
//! A replay takes the traffic as it was recorded. It does not wait for steps or holds; it ends with the first decision
//! that the judge reaches, or undecided with the file. The same judge and the same policies as in a release, no clock.
//!
//! [`mod@line`] is one line of a file, [`reader`] reads and parses ahead on a thread of its own, [`film`] keeps what a picture
//! of the replay needs; here the ticks are put together and judged.

pub mod film;
pub mod line;
pub mod reader;

use serde::Serialize;

use crate::judge::Judge;
use crate::judge::report::{Assessment, CheckReport, Finding, Standing};
use crate::release::plan::OnTrouble;
use crate::rules::model::Rules;
use crate::sample::{Colour, Gap, GapKind, Pair, Reading, Tick, Timestamp, Weight};
use film::Film;
use line::At;
use reader::Entry;

/// Samples without a recorded weight are taken as from an even split.
const WEIGHT_UNSAID: Weight = Weight::from_basis_points(5_000);

/// Keeps the place of a colour of which a tick says nothing.
const NOTHING: Reading = Reading::Gap(Gap { kind: GapKind::NoData, detail: String::new() });

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

/// Judges samples entry by entry.
pub struct Replay<'a> {
    rules: &'a Rules,
    live: Live,
    judge: Judge,
    weight: Weight,
    at: Option<(At, Timestamp)>,
    /// The tick that is being put together, and of each of its pairs the check's number and which colours have been seen.
    pairs: Vec<Pair>,
    seen: Vec<(usize, [bool; 2])>,
    /// Pairs of earlier ticks by the check's number, kept for their names.
    spare: Vec<Option<Pair>>,
    standings: Vec<Standing>,
    film: Option<Film>,
}

/// Which colour is live, by its number in [`Rules::colours`], and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Live {
    /// Whoever asked for the replay.
    Told(usize),
    /// The recording.
    Recorded(usize),
    /// Nobody.
    Assumed(usize),
}

impl Live {
    const fn colour(self) -> usize {
        match self {
            Self::Told(colour) | Self::Recorded(colour) | Self::Assumed(colour) => colour,
        }
    }
}

/// What there is to print, with the decision where it is the last.
pub type Said = (Output, Option<Decision>);

impl<'a> Replay<'a> {
    /// A replay in which `live` serves (default: what the recording says, else the first colour of the file).
    #[must_use]
    pub fn new(rules: &'a Rules, live: Option<&Colour>) -> Self {
        let number = |colour: &Colour| usize::from(*colour != rules.colours[0].colour);
        Self {
            live: live.map_or(Live::Assumed(number(&rules.first_written)), |live| Live::Told(number(live))),
            judge: Judge::new(rules.judge.clone()),
            rules,
            weight: WEIGHT_UNSAID,
            at: None,
            pairs: Vec::new(),
            seen: Vec::new(),
            spare: rules.judge.checks.iter().map(|_| None).collect(),
            standings: Vec::new(),
            film: None,
        }
    }

    /// Keeps what a picture of the replay needs.
    #[must_use]
    pub fn filmed(self) -> Self {
        Self { film: Some(Film::new(&self.rules.judge)), ..self }
    }

    /// What was kept for a picture.
    #[must_use]
    pub fn film(&self) -> Option<&Film> {
        self.film.as_ref()
    }

    /// Takes an entry in. Gives what there is to print: a changed standing, or the decision (then stop).
    ///
    /// # Errors
    /// When the entry is out of order or contradicts an earlier one.
    pub fn take(&mut self, entry: Entry) -> Result<Option<Said>, ReplayError> {
        let Entry { line, at, now, said } = entry;
        let fault = |what: String| ReplayError { line, what };
        let mut output = None;
        if let Some((_, before)) = self.at {
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
        if let (Some(film), None) = (&mut self.film, self.at) {
            film.begin(if matches!(at, At::Seconds(_)) { Timestamp::default() } else { now });
        }
        self.at = Some((at, now));
        match said {
            line::Said::Weight { weight, live } => {
                self.weight = weight;
                self.recorded_live(live).map_err(fault)?;
            }
            line::Said::Sample { check, colour, reading } => {
                self.sample(check, colour, reading).map_err(fault)?;
            }
        }
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
        if let (Some(film), Some((_, now))) = (&mut self.film, self.at) {
            film.end(now, &assessment);
        }
        (self.output("decision", Decision::Undecided.word(), check, reason, assessment), Decision::Undecided)
    }

    /// A recording says who was live once at its start, and again where the daemon was started anew.
    fn recorded_live(&mut self, recorded: Option<usize>) -> Result<(), String> {
        let Some(recorded) = recorded else { return Ok(()) };
        let begun = !self.standings.is_empty() || !self.pairs.is_empty();
        match self.live {
            Live::Told(_) => {}
            live if begun && live.colour() != recorded => {
                return Err(match live {
                    Live::Recorded(_) => "another colour is `live` than before: one file holds one release",
                    _ => "`live` must stand above the first sample; `--live COLOUR` overrules it",
                }
                .into());
            }
            Live::Recorded(_) | Live::Assumed(_) => self.live = Live::Recorded(recorded),
        }
        Ok(())
    }

    fn sample(&mut self, check: usize, colour: usize, reading: Reading) -> Result<(), String> {
        let role = usize::from(colour != self.live.colour());
        let index = self.seen.iter().position(|(known, _)| *known == check).unwrap_or_else(|| {
            let pair = self.spare_pair(check);
            self.pairs.push(pair);
            self.seen.push((check, [false; 2]));
            self.pairs.len() - 1
        });
        let (Some(pair), Some((_, seen))) = (self.pairs.get_mut(index), self.seen.get_mut(index)) else {
            return Ok(());
        };
        if seen.get_mut(role).is_some_and(|seen| std::mem::replace(seen, true)) {
            let colour = self.rules.colours.get(colour).map_or("", |rule| rule.colour.as_str());
            return Err(format!("a second sample of `{}` for {colour} at the same time", pair.check));
        }
        *(if role == 0 { &mut pair.live } else { &mut pair.candidate }) = reading;
        Ok(())
    }

    /// A pair of a check that holds nothing yet.
    fn spare_pair(&mut self, check: usize) -> Pair {
        let spare = self.spare.get_mut(check).and_then(Option::take);
        spare.unwrap_or_else(|| Pair {
            check: self.rules.judge.checks.get(check).map(|spec| spec.name.clone()).unwrap_or_default(),
            live: NOTHING,
            candidate: NOTHING,
        })
    }

    fn judge_tick(&mut self) -> Option<Said> {
        let at = self.at?.1;
        if self.pairs.is_empty() {
            return None;
        }
        let tick = Tick { at, weight: self.weight, pairs: std::mem::take(&mut self.pairs) };
        self.judge.observe(&tick);
        let wanted = self.film.as_mut().is_some_and(|film| film.tick(&tick));
        self.put_back(tick.pairs);
        if !(self.has_news() || wanted) {
            return None;
        }
        let assessment = self.judge.assess();
        if let Some(film) = &mut self.film {
            film.frame(at, &assessment);
        }
        let decision = self.decide(&assessment);
        let standings: Vec<Standing> = assessment.checks.iter().map(|c| c.standing).collect();
        let (check, reason) = match (&assessment.finding, &assessment.also_blind) {
            // Silence is borne, blindness is not.
            (Finding::Silent { .. }, Some(blind)) if self.rules.plan.on_silent != OnTrouble::Revert => {
                (None, blind.clone())
            }
            (finding, _) => {
                let (check, reason) = finding_words(finding);
                (check, reason.to_owned())
            }
        };
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

    /// Keeps the pairs of a tick, emptied, for later ones.
    fn put_back(&mut self, mut pairs: Vec<Pair>) {
        for (mut pair, (check, _)) in pairs.drain(..).zip(self.seen.drain(..)) {
            (pair.live, pair.candidate) = (NOTHING, NOTHING);
            if let Some(place) = self.spare.get_mut(check) {
                *place = Some(pair);
            }
        }
        self.pairs = pairs;
    }

    /// Whether the judge has anything to say after the latest tick that it did not say before, without asking for words.
    ///
    /// Harm and health are changes of a standing. Silence and blindness become decisive by lasting alone, where the plan
    /// lets them.
    fn has_news(&self) -> bool {
        if !self.judge.standings().eq(self.standings.iter().copied()) {
            return true;
        }
        let plan = &self.rules.plan;
        let patient = plan.on_silent != OnTrouble::Revert && plan.on_blind != OnTrouble::Revert;
        !patient && self.standings.contains(&Standing::Blind) && self.judge.may_decide()
    }

    fn decide(&self, assessment: &Assessment) -> Option<Decision> {
        let plan = &self.rules.plan;
        let blind = assessment.also_blind.is_some() || matches!(assessment.finding, Finding::Blind { .. });
        match &assessment.finding {
            Finding::Harmful { .. } => Some(Decision::Revert),
            Finding::Healthy { .. } => Some(Decision::Promote),
            Finding::Silent { .. } if plan.on_silent == OnTrouble::Revert => Some(Decision::Revert),
            Finding::Silent { .. } | Finding::Blind { .. } if blind && plan.on_blind == OnTrouble::Revert => {
                Some(Decision::Revert)
            }
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
            Some((At::Seconds(seconds), _)) => serde_json::Value::from(seconds),
            Some((At::Moment(at), _)) => serde_json::Value::from(at.to_string()),
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
