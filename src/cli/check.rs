//! `assize check`: rule files validated, simulated where they say what traffic to expect, and with `--live` their sources
//! and routers asked.

use std::path::PathBuf;

use serde::Serialize;

use super::OutputArgs;
use super::exit::{Exit, Failed};
use super::plan;
use super::rule_files::{self, Loaded};
use crate::daemon::parts;
use crate::rules::diagnostics::{self, Diagnostic, Severity};
use crate::rules::model::{Note, RouterRule, RuleFile, Rules, SourceKind};

/// Arguments of `assize check`.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Rule files or directories of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    /// Also ask each router and source; changes nothing there
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    valid: bool,
    diagnostics: Vec<Diagnostic>,
    live: Vec<Answer>,
}

/// What a router or source said.
#[derive(Serialize)]
struct Answer {
    file: String,
    part: String,
    ok: bool,
    said: Vec<String>,
}

/// Exit 0 when everything is valid (and answers), 2 when a rule is not, 1 when a part does not answer.
pub async fn check(args: CheckArgs) -> Result<Exit, Failed> {
    let Loaded { files, mut diagnostics, mut rendered } = rule_files::load(&args.rules)?;
    let valid = !diagnostics.iter().any(|d| d.severity == Severity::Error);
    if valid {
        rule_files::one_file_per_service(&files)?;
        for file in &files {
            let foreseen = foresee(file);
            rendered += &diagnostics::render(&file.rules.text, &foreseen);
            diagnostics.extend(foreseen);
        }
    }
    let mut live = Vec::new();
    if args.live && valid {
        for file in &files {
            live.extend(ask(file).await);
        }
    }
    let answered = live.iter().all(|answer| answer.ok);
    if args.output.json {
        let report = Report { valid, diagnostics, live };
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        eprint!("{rendered}");
        for file in &files {
            println!("{}", summary(file));
        }
        live.iter().for_each(print_answer);
    }
    Ok(match (valid, answered) {
        (false, _) => Exit::Usage,
        (true, false) => Exit::Other,
        (true, true) => Exit::Done,
    })
}

/// With the traffic that the rules expect, by simulation.
fn foresee(file: &RuleFile) -> Vec<Diagnostic> {
    let note = file.rules.traffic.zip(plan::foresee(&file.rules)).map(|(traffic, warning)| Note {
        span: traffic.span,
        message: format!("with this traffic {}", warning.message),
        remedy: warning.remedy(),
    });
    diagnostics::of_notes(&file.path, &file.rules.text, note.as_slice())
}

fn summary(file: &RuleFile) -> String {
    let rules = &file.rules;
    let steps: Vec<String> = rules.plan.steps.iter().map(ToString::to_string).collect();
    format!(
        "{}: valid; service `{}`, {} check(s), {} probe(s), steps {} then 100%",
        file.path.display(),
        rules.service,
        rules.checks.len(),
        rules.probes.len(),
        steps.join(", ")
    )
}

fn print_answer(answer: &Answer) {
    let mark = if answer.ok { "ok" } else { "FAILED" };
    for said in &answer.said {
        println!("{}: {} {mark}: {said}", answer.file, answer.part);
    }
}

async fn ask(file: &RuleFile) -> Vec<Answer> {
    let name = file.path.display().to_string();
    let mut answers = vec![ask_router(&name, &file.rules).await];
    let answer = |part: &str, ok, said| Answer { file: name.clone(), part: part.to_owned(), ok, said };
    // The embedded source has nothing to ask before its router runs.
    let mut rules = file.rules.clone();
    let embedded = |index: usize| {
        rules.sources.get(index).is_some_and(|source| matches!(source.kind, SourceKind::Embedded))
    };
    rules.checks = rules.checks.iter().filter(|check| !embedded(check.source)).cloned().collect();
    match parts::sources(&rules, None) {
        Err(error) => answers.push(answer("sources", false, vec![error.to_string()])),
        Ok(sources) => {
            for (part, mut source) in asked(&rules).zip(sources) {
                answers.push(match source.try_out().await {
                    Ok(said) => answer(&part, true, said),
                    Err(said) => answer(&part, false, said),
                });
            }
        }
    }
    answers
}

/// The sources that [`parts::sources`] makes, by name: those that a check asks.
fn asked(rules: &Rules) -> impl Iterator<Item = String> {
    let has_check = |index| rules.checks.iter().any(|check| check.source == index);
    let named = rules.sources.iter().enumerate().filter(move |(index, _)| has_check(*index));
    named.map(|(_, rule)| format!("source {}", rule.name))
}

async fn ask_router(name: &str, rules: &Rules) -> Answer {
    let answer =
        |ok, said: String| Answer { file: name.to_owned(), part: "router".to_owned(), ok, said: vec![said] };
    if let RouterRule::Embedded(rule) = &rules.router {
        // Only tried, so that a port that is taken shows here and not at the start.
        return match tokio::net::TcpListener::bind(&rule.listen).await {
            Ok(_) => answer(true, format!("{} is free to listen on", rule.listen)),
            Err(error) => answer(
                false,
                format!(
                    "cannot listen on {}: {error} (as it must be while this service's own daemon runs)",
                    rule.listen
                ),
            ),
        };
    }
    let read = match parts::router(rules, None).await {
        Ok(part) => part.router.read().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let [first, second] = parts::colours(rules);
    match read {
        Err(error) => answer(false, error),
        Ok(observed) => match observed.first {
            Some(share) => answer(true, format!("{first} gets {share}, {second} gets {}", share.rest())),
            None => answer(true, "has no split of its own yet".to_owned()),
        },
    }
}
