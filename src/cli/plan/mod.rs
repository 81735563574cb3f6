//! `assize plan`: what the rules would do with the user's traffic, by simulation of the real judge.
//!
//! The simulation is [`crate::simulate`]. Here are its options, the progress bar, and in `words` and `picture` what is
//! made of it.

mod picture;
pub mod words;

use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::OutputArgs;
use super::exit::{Exit, Failed};
use super::rule_files;
use crate::judge::spec::CheckKind;
use crate::rules::duration::parse_ms;
use crate::rules::model::Rules;
use crate::simulate::remedy::{self, Care};
use crate::simulate::study::{Effort, Place, Study, healthy};
use crate::simulate::{Harm, RATE_MAX, Setup, Traffic, seconds};

/// Releases of each kind, unless told otherwise: shares are then known to a few percent.
const RUNS: u32 = 200;

/// Updates of a test unless `--runs` is given: some seconds on two cores.
const TESTS_MAX: u64 = 400_000;

/// Releases that are simulated for each remedy.
const CARE: Care = Care { runs: 60, all: true };

/// The same where nobody waits for it.
const QUICK: Care = Care { runs: 30, all: false };

/// Unless told otherwise.
const SEED: u64 = 1;

/// Steps of the progress bar.
const PROGRESS: f64 = 1_000.0;

/// Arguments of `assize plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Rule file
    rules: PathBuf,
    /// Requests per second, both colours together [default: `rate` in [traffic] of the rules]
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    rate: Option<f64>,
    /// Live's share of bad events, for ratio checks and probes [default: `error_rate` in [traffic] of the rules]
    #[arg(long, value_name = "SHARE", value_parser = below_one)]
    error_rate: Option<f64>,
    /// How alike the fates of two requests of one colour in one tick are, 0 (not at all) to 0.5
    #[arg(long, value_name = "RHO", default_value = "0.0005", value_parser = correlation)]
    burstiness: f64,
    /// Live's median response time, for latency checks
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = time)]
    latency_median: u64,
    /// Spread of response times: standard deviation of their logarithm
    #[arg(long, value_name = "SIGMA", default_value = "0.6", value_parser = spread)]
    latency_sigma: f64,
    /// Spread of values from tick to tick: standard deviation of their logarithm
    #[arg(long, value_name = "SD", default_value = "0.1", value_parser = noise)]
    value_noise: f64,
    /// The check in which harm shows [default: the first critical ratio check, else the first check]
    #[arg(long, value_name = "CHECK")]
    harm_in: Option<String>,
    /// Releases of each kind [default: up to 200, fewer where they are long]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: Option<u32>,
    /// The same seed gives the same numbers
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Also draw it
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// A quick look for `assize check`: whether healthy releases get through, and one change that would let them.
#[must_use]
pub fn foresee(rules: &Rules) -> Option<words::Warning> {
    let traffic = rules.traffic?;
    let setup = Setup::new(rules, Traffic::new(traffic.rate, traffic.error_rate), None)?;
    let trouble = remedy::trouble(&healthy(&setup, QUICK.runs, QUICK.runs / 4, SEED, 0))?;
    let remedies = remedy::remedies(&setup, &trouble, QUICK, SEED);
    Some(words::Warning::new(&setup, &trouble, &remedies))
}

/// Simulates, and prints a table or JSON. Exit 0 also with warnings; 2 when rules or options are wrong.
pub fn plan(args: &PlanArgs) -> Result<Exit, Failed> {
    let files = rule_files::load(std::slice::from_ref(&args.rules))?.all_valid()?;
    let [file] = files.as_slice() else {
        return Err(Failed::usage(format!(
            "{} holds {} rule files: name one of them",
            args.rules.display(),
            files.len()
        )));
    };
    let setup = setup(args, &file.rules)?;
    let effort = match args.runs {
        Some(runs) => Effort { runs, tests_max: u64::MAX },
        None => Effort { runs: RUNS, tests_max: TESTS_MAX },
    };
    let bar = progress_bar();
    let tell = |part: f64| bar.set_position(whole(part * PROGRESS));
    let study = Study::of(&setup, effort, args.seed, &tell);
    bar.set_message("looking for remedies");
    let healthy = study.outcomes(Harm::None, Place::Plan).cloned().unwrap_or_default();
    let trouble = remedy::trouble(&healthy);
    let remedies = trouble.as_ref().map(|trouble| remedy::remedies(&setup, trouble, CARE, args.seed));
    bar.finish_and_clear();
    let warning =
        trouble.zip(remedies).map(|(trouble, remedies)| words::Warning::new(&setup, &trouble, &remedies));
    if let Some(path) = &args.svg {
        let picture =
            picture::svg(&setup, &study, &file.rules.service).map_err(|e| Failed::other(e.to_string()))?;
        std::fs::write(path, picture)
            .map_err(|error| Failed::other(format!("cannot write {}: {error}", path.display())))?;
    }
    if args.output.json {
        let report = words::report(&setup, &study, &file.rules.service, args.seed, warning.as_slice());
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        print!("{}", words::tables(&setup, &study, &file.rules.service, warning.as_ref()));
    }
    Ok(Exit::Done)
}

fn setup(args: &PlanArgs, rules: &Rules) -> Result<Setup, Failed> {
    let rate = args.rate.or(rules.traffic.map(|traffic| traffic.rate)).ok_or_else(|| {
        Failed::usage(
            "how many requests per second do both colours serve together? say `--rate 200`, \
             or write `[traffic]` with `rate = 200` and `error_rate = 0.005` into the rules",
        )
    })?;
    let counts = rules.judge.checks.iter().any(|check| matches!(check.kind, CheckKind::Ratio(_)));
    let error_rate = args.error_rate.or(rules.traffic.map(|traffic| traffic.error_rate));
    let error_rate = error_rate.or((!counts).then_some(0.0)).ok_or_else(|| {
        Failed::usage(
            "which share of live's events is bad? say `--error-rate 0.005`, \
             or write `[traffic]` with `rate = 200` and `error_rate = 0.005` into the rules",
        )
    })?;
    let traffic = Traffic {
        burstiness: args.burstiness,
        latency_median_s: seconds(args.latency_median),
        latency_sigma: args.latency_sigma,
        value_noise: args.value_noise,
        ..Traffic::new(rate, error_rate)
    };
    Setup::new(rules, traffic, args.harm_in.as_deref()).ok_or_else(|| {
        let names: Vec<String> = rules.judge.checks.iter().map(|check| format!("`{}`", check.name)).collect();
        let wanted = args.harm_in.as_deref().unwrap_or_default();
        Failed::usage(format!("--harm-in {wanted}: the rules have the checks {}", names.join(", ")))
    })
}

/// On standard error, and only where that is a terminal.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(whole(PROGRESS));
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {percent}%") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message("simulating releases");
    bar
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// A number of which `fits` holds; `wanted` says so in words.
fn number(text: &str, wanted: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && fits(*number));
    number.ok_or_else(|| format!("must be a number {wanted}"))
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, "above 0 and at most 100000000", |rate| rate > 0.0 && rate <= RATE_MAX)
}

fn below_one(text: &str) -> Result<f64, String> {
    number(text, "at least 0 and below 1: 0.005 is half a percent", |share| (0.0..1.0).contains(&share))
}

fn correlation(text: &str) -> Result<f64, String> {
    number(text, "at least 0 and at most 0.5", |rho| (0.0..=0.5).contains(&rho))
}

fn spread(text: &str) -> Result<f64, String> {
    number(text, "above 0 and at most 5", |sigma| sigma > 0.0 && sigma <= 5.0)
}

fn noise(text: &str) -> Result<f64, String> {
    number(text, "at least 0 and at most 5", |sd| (0.0..=5.0).contains(&sd))
}

fn time(text: &str) -> Result<u64, String> {
    let ms = parse_ms(text).filter(|ms| (1..=600_000).contains(ms));
    ms.ok_or_else(|| "must be a time of 1ms to 10m with its unit, such as 120ms".to_owned())
}
