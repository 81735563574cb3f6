//! A study as tables for people and as JSON for programs, and its warning with what would do.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::table::aligned;
use crate::judge::spec::CheckKind;
use crate::judge::words::{duration, exact_percent};
use crate::rules::duration::format_ms;
use crate::sample::Weight;
use crate::simulate::remedy::{Change, ENOUGH, Remedy, Trouble};
use crate::simulate::study::{Outcomes, Place, Study};
use crate::simulate::{Harm, Setup, Traffic, seconds};

/// Healthy releases do not get through, and what would let them.
#[derive(Clone, Debug, Serialize)]
pub struct Warning {
    /// What is wrong.
    pub message: String,
    /// Each alone would do; simulated.
    pub remedies: Vec<Advice>,
    /// What to do where there is none.
    #[serde(skip)]
    otherwise: String,
}

/// One remedy in words.
#[derive(Clone, Debug, Serialize)]
pub struct Advice {
    /// As it would stand in the rules.
    pub change: String,
    /// Share of healthy releases that were promoted by the deadline with it.
    pub promoted: f64,
    /// When half of them were.
    pub promoted_after_s: Option<f64>,
}

impl Warning {
    /// Puts it into words.
    #[must_use]
    pub fn new(setup: &Setup, trouble: &Trouble, remedies: &[Remedy]) -> Self {
        let deadline = duration(setup.plan.deadline_ms);
        let (message, otherwise) = match trouble {
            Trouble::TooLate { promoted, open } => {
                let open =
                    open.as_ref().map_or_else(String::new, |open| format!("; the others wait for `{open}`"));
                (
                    format!("{} of healthy releases are promoted by the deadline of {deadline}{open}", share(*promoted)),
                    "no longer deadline, no further weight and no larger tolerance alone would do: it takes more \
                     traffic, or rules that ask for less (`floor`, `missed_harm`, fewer critical checks)"
                        .to_owned(),
                )
            }
            Trouble::Reverted { unseen, reverted, by } => {
                let by = by.as_ref().map_or_else(String::new, |by| format!(", most of them by `{by}`"));
                let (why, otherwise) = if *unseen {
                    (
                        " because the candidate seems silent",
                        "it gets so few requests that chance alone makes it silent: choose a longer `silent_after`, \
                         or `on_silent = \"hold\"`",
                    )
                } else {
                    (
                        "",
                        "what live itself does is beyond a limit of the rules: raise the limit, or correct the \
                         traffic that is assumed",
                    )
                };
                (
                    format!("{} of healthy releases are reverted{by}{why}", share(*reverted)),
                    otherwise.to_owned(),
                )
            }
        };
        Self { message, remedies: remedies.iter().map(|remedy| advice(setup, remedy)).collect(), otherwise }
    }

    /// One sentence: `with A, or B, …`, or what else could be done.
    #[must_use]
    pub fn remedy(&self) -> String {
        let changes: Vec<String> = self
            .remedies
            .iter()
            .map(|advice| format!("{} ({} promoted in simulation)", advice.change, share(advice.promoted)))
            .collect();
        if changes.is_empty() { self.otherwise.clone() } else { changes.join("; or ") }
    }
}

fn advice(setup: &Setup, remedy: &Remedy) -> Advice {
    let change = match &remedy.change {
        Change::Deadline(ms) => format!("deadline = \"{}\"", format_ms(*ms)),
        Change::Steps(steps) => {
            let steps: Vec<String> = steps.iter().map(|weight| weight.percent().to_string()).collect();
            format!("steps = [{}]", steps.join(", "))
        }
        Change::Tolerance { check, tolerances } => {
            let kind = setup.judge.checks.iter().find(|known| known.name == *check).map(|known| &known.kind);
            format!("{} in check `{check}`", tolerance(kind, tolerances))
        }
    };
    Advice { change, promoted: remedy.promoted, promoted_after_s: remedy.median_ms.map(seconds) }
}

fn tolerance(kind: Option<&CheckKind>, tolerances: &[f64]) -> String {
    match kind {
        Some(CheckKind::Latency(spec)) => {
            let all = spec.quantiles.iter().zip(tolerances);
            let all: Vec<String> = all.map(|(quantile, t)| format!("{} = {t}", quantile.name)).collect();
            format!("quantiles = {{ {} }}", all.join(", "))
        }
        _ => format!("tolerance = {}", tolerances.first().copied().unwrap_or_default()),
    }
}

/// Everything for a person.
#[must_use]
pub fn tables(setup: &Setup, study: &Study, service: &str, warning: Option<&Warning>) -> String {
    let mut text = format!("{}\n\n{}\n", head(setup, study, service), through_the_plan(setup, study));
    text += &on_one_weight(setup, study);
    if let Some(warning) = warning {
        let _ = writeln!(text, "\nwarning: {}", warning.message);
        for advice in &warning.remedies {
            let half = advice
                .promoted_after_s
                .map_or_else(String::new, |s| format!(", half of them within {}", time_s(s)));
            let _ =
                writeln!(text, "  would do: {} ({} promoted{half})", advice.change, share(advice.promoted));
        }
        if warning.remedies.is_empty() {
            let _ = writeln!(text, "  {}", warning.otherwise);
        }
    }
    text
}

fn head(setup: &Setup, study: &Study, service: &str) -> String {
    let Traffic { rate, error_rate, .. } = setup.traffic;
    let runs = |place: fn(&Place) -> bool| {
        let runs = study.cells.iter().filter(|cell| place(&cell.place)).map(|cell| cell.outcomes.runs);
        match (runs.clone().min().unwrap_or(0), runs.max().unwrap_or(0)) {
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        }
    };
    format!(
        "{service}: {rate} requests/s, {} bad; harm shows in `{}`{}\nsimulated: {} releases of each kind through the plan, {} on each weight",
        exact_percent(error_rate),
        setup.harmed,
        tolerance_of(setup),
        runs(|place| *place == Place::Plan),
        runs(|place| *place != Place::Plan),
    )
}

fn tolerance_of(setup: &Setup) -> String {
    let kind = setup.judge.checks.iter().find(|check| check.name == setup.harmed).map(|check| &check.kind);
    match kind {
        Some(CheckKind::Ratio(spec)) => format!(" (tolerance {})", spec.tolerance),
        Some(CheckKind::Value(spec)) => format!(" (tolerance {})", spec.tolerance),
        Some(CheckKind::Latency(spec)) => {
            let all: Vec<String> =
                spec.quantiles.iter().map(|q| format!("{} {}", q.name, q.tolerance)).collect();
            format!(" (tolerance {})", all.join(", "))
        }
        None => String::new(),
    }
}

fn through_the_plan(setup: &Setup, study: &Study) -> String {
    let steps: Vec<String> = setup.plan.steps.iter().map(Weight::to_string).collect();
    let mut rows = vec![
        ["candidate", "promoted", "reverted", "undecided", "half decided by", "90% decided by"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for cell in study.cells.iter().filter(|cell| cell.place == Place::Plan) {
        let all = &cell.outcomes;
        let by = |part| all.decided_by(part).map_or_else(|| "after the deadline".to_owned(), duration);
        rows.push(vec![
            harm(cell.harm),
            share(all.promoted()),
            share(all.reverted()),
            share(all.undecided()),
            by(0.5),
            by(ENOUGH),
        ]);
    }
    format!(
        "through the plan: {}, each held for {}, deadline {}\n{}",
        steps.join(", "),
        duration_or_none(setup.plan.hold_ms),
        duration(setup.plan.deadline_ms),
        aligned(&rows)
    )
}

fn duration_or_none(ms: u64) -> String {
    if ms == 0 { "no time".into() } else { duration(ms) }
}

fn on_one_weight(setup: &Setup, study: &Study) -> String {
    let head = std::iter::once("candidate".to_owned());
    let mut rows =
        vec![head.chain(setup.plan.steps.iter().map(|weight| format!("at {weight}"))).collect::<Vec<_>>()];
    let mut harms: Vec<Harm> = study.cells.iter().map(|cell| cell.harm).collect();
    harms.dedup();
    for one in harms {
        let cells = setup.plan.steps.iter().filter_map(|weight| study.outcomes(one, Place::Step(*weight)));
        let name = if one == Harm::None { "as live: health proved".to_owned() } else { harm(one) };
        rows.push(std::iter::once(name).chain(cells.map(|outcomes| proved(outcomes, one))).collect());
    }
    format!(
        "if the release stood on one weight: when half (90%) of such harm is found{}\n{}",
        match setup.judge.warmup_ms {
            0 => String::new(),
            ms => format!(", {} of warm-up included", duration(ms)),
        },
        aligned(&rows)
    )
}

/// `1 min 5 s (2 min)`, or how often at all.
fn proved(outcomes: &Outcomes, harm: Harm) -> String {
    match (proof_by(outcomes, harm, 0.5), proof_by(outcomes, harm, ENOUGH)) {
        (Some(half), Some(most)) => format!("{} ({})", duration(half), duration(most)),
        (Some(half), None) => format!("{} (-)", duration(half)),
        (None, _) => match proof_share(outcomes, harm) {
            0.0 => "not in time".into(),
            some => format!("{} in time", share(some)),
        },
    }
}

fn proof_by(outcomes: &Outcomes, harm: Harm, part: f64) -> Option<u64> {
    if harm == Harm::None { outcomes.promoted_by(part) } else { outcomes.reverted_by(part) }
}

fn proof_share(outcomes: &Outcomes, harm: Harm) -> f64 {
    if harm == Harm::None { outcomes.promoted() } else { outcomes.reverted() }
}

/// How a kind of candidate is called.
#[must_use]
pub fn harm(harm: Harm) -> String {
    match harm {
        Harm::None => "as live".into(),
        Harm::Times(factor) => format!("×{factor}"),
        Harm::Outage => "outage".into(),
    }
}

/// In whole percent: a few hundred runs know no more.
fn share(share: f64) -> String {
    match share {
        0.0 => "0%".into(),
        few if few < 0.005 => "<1%".into(),
        most if most < 1.0 && most > 0.995 => ">99%".into(),
        share => format!("{:.0}%", share * 100.0),
    }
}

fn time_s(s: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration; casts saturate")]
    let ms = (s * 1_000.0) as u64;
    duration(ms)
}

/// What `--json` prints. Times in seconds from the start of the release; `null` where the deadline came first.
#[derive(Serialize)]
pub struct Report<'a> {
    service: &'a str,
    traffic: Assumed,
    harm_in: &'a str,
    seed: u64,
    deadline_s: f64,
    releases: Vec<Kind>,
    warnings: &'a [Warning],
}

#[derive(Serialize)]
struct Assumed {
    rate: f64,
    error_rate: f64,
    burstiness: f64,
    latency_median_s: f64,
    latency_sigma: f64,
    value_noise: f64,
}

/// One row of both tables.
#[derive(Serialize)]
struct Kind {
    harm: String,
    factor: Option<f64>,
    plan: Through,
    steps: Vec<On>,
}

#[derive(Serialize)]
struct Through {
    runs: u32,
    promoted: f64,
    reverted: f64,
    undecided: f64,
    promoted_after_s: Times,
    reverted_after_s: Times,
    decided_after_s: Times,
}

/// On one weight: health proved of a candidate as live, harm of any other.
#[derive(Serialize)]
struct On {
    weight: Weight,
    runs: u32,
    proved: f64,
    proved_after_s: Times,
}

/// By when half and nine tenths of all releases were.
#[derive(Serialize)]
struct Times {
    median: Option<f64>,
    p90: Option<f64>,
}

impl Times {
    fn of(by: impl Fn(f64) -> Option<u64>) -> Self {
        Self { median: by(0.5).map(seconds), p90: by(ENOUGH).map(seconds) }
    }
}

/// Everything for a program.
#[must_use]
pub fn report<'a>(
    setup: &'a Setup,
    study: &Study,
    service: &'a str,
    seed: u64,
    warnings: &'a [Warning],
) -> Report<'a> {
    let Traffic { rate, error_rate, burstiness, latency_median_s, latency_sigma, value_noise } =
        setup.traffic;
    let kinds = study.cells.iter().filter(|cell| cell.place == Place::Plan);
    Report {
        service,
        traffic: Assumed { rate, error_rate, burstiness, latency_median_s, latency_sigma, value_noise },
        harm_in: &setup.harmed,
        seed,
        deadline_s: seconds(setup.plan.deadline_ms),
        releases: kinds.map(|cell| kind(setup, study, cell.harm, &cell.outcomes)).collect(),
        warnings,
    }
}

fn kind(setup: &Setup, study: &Study, harm: Harm, all: &Outcomes) -> Kind {
    let on = |weight: &Weight| {
        let outcomes = study.outcomes(harm, Place::Step(*weight))?;
        Some(On {
            weight: *weight,
            runs: outcomes.runs,
            proved: proof_share(outcomes, harm),
            proved_after_s: Times::of(|part| proof_by(outcomes, harm, part)),
        })
    };
    let (name, factor) = match harm {
        Harm::None => ("none", None),
        Harm::Times(factor) => ("times", Some(factor)),
        Harm::Outage => ("outage", None),
    };
    Kind {
        harm: name.into(),
        factor,
        plan: Through {
            runs: all.runs,
            promoted: all.promoted(),
            reverted: all.reverted(),
            undecided: all.undecided(),
            promoted_after_s: Times::of(|part| all.promoted_by(part)),
            reverted_after_s: Times::of(|part| all.reverted_by(part)),
            decided_after_s: Times::of(|part| all.decided_by(part)),
        },
        steps: setup.plan.steps.iter().filter_map(on).collect(),
    }
}
