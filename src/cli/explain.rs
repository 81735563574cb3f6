//! `assize explain`: the whole story of a release from the journal, also while no daemon runs.

use serde::Serialize;

use super::exit::{Exit, Failed};
use super::{OutputArgs, StateArgs, table};
use crate::daemon::verdict_log::decision_word;
use crate::journal::sqlite::SqliteJournal;
use crate::journal::{Journal, Outcome, Story, Summary};
use crate::release::event::Event;
use crate::release::verdict::Verdict;
use crate::release::words::span;

/// So many releases are listed.
const LISTED_MAX: u32 = 50;

/// Arguments of `assize explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The release (`checkout-7`), or a service for its list of releases; without it, all releases
    release: Option<String>,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    by: &'a str,
    rules: &'a str,
    samples: usize,
    verdicts: &'a [Verdict],
}

/// Tells the story. Exit 0 whatever the release's outcome was.
pub async fn explain(args: ExplainArgs) -> Result<Exit, Failed> {
    let failed = |error: crate::journal::JournalError| Failed::other(error.to_string());
    let journal = SqliteJournal::open_read_only(&args.state.dir()).await.map_err(failed)?;
    if let Some(name) = &args.release
        && let Some(story) = journal.story(name).await.map_err(failed)?
    {
        tell(&story, args.output.json)?;
        return Ok(Exit::Done);
    }
    let listed = journal.releases(args.release.as_deref(), LISTED_MAX).await.map_err(failed)?;
    if let (Some(name), true) = (&args.release, listed.is_empty()) {
        return Err(Failed::other(format!(
            "no release or service `{name}` in the journal of {}; `assize explain` lists what there is",
            args.state.dir().display()
        )));
    }
    list(&listed, args.output.json)
}

fn list(releases: &[Summary], json: bool) -> Result<Exit, Failed> {
    if json {
        println!("{}", to_json(&releases)?);
        return Ok(Exit::Done);
    }
    if releases.is_empty() {
        println!("no releases yet");
        return Ok(Exit::Done);
    }
    let mut rows = vec![["release", "outcome", "from", "to", "started", "took"].map(str::to_owned).to_vec()];
    rows.extend(releases.iter().map(|summary| {
        vec![
            summary.release.clone(),
            outcome(summary.outcome).to_owned(),
            summary.live.to_string(),
            summary.candidate.to_string(),
            summary.started_at.to_string(),
            took(summary),
        ]
    }));
    print!("{}", table::aligned(&rows));
    Ok(Exit::Done)
}

const fn outcome(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "under way",
        Some(Outcome::Promoted) => "promoted",
        Some(Outcome::Reverted) => "reverted",
        Some(Outcome::Cancelled) => "cancelled",
    }
}

fn took(summary: &Summary) -> String {
    summary.ended_at.map_or_else(|| "-".to_owned(), |ended| span(ended.ms_since(summary.started_at)))
}

fn to_json(value: &impl Serialize) -> Result<String, Failed> {
    serde_json::to_string(value).map_err(|error| Failed::other(error.to_string()))
}

fn tell(story: &Story, json: bool) -> Result<(), Failed> {
    let samples = story.events.iter().filter(|event| matches!(event, Event::Tick(_))).count();
    let Story { summary, by, rules, verdicts, .. } = story;
    if json {
        println!("{}", to_json(&Told { summary, by, rules, samples, verdicts })?);
        return Ok(());
    }
    println!(
        "{} of {}: {} (live) to {} (candidate), started by {by} at {}: {}, took {}\n",
        summary.release,
        summary.service,
        summary.live,
        summary.candidate,
        summary.started_at,
        outcome(summary.outcome),
        took(summary)
    );
    for verdict in verdicts {
        let since = span(verdict.at.ms_since(summary.started_at));
        println!(
            "{since:>9} {:>5} {:<7} {}",
            verdict.weight.to_string(),
            decision_word(verdict.decision),
            verdict.reason
        );
    }
    if let Some(last) = verdicts.last() {
        println!("\nThe checks at the end:\n{}", table::checks(&last.checks));
    }
    println!("{samples} observations are kept; `assize explain {} --json` gives everything", summary.release);
    Ok(())
}
