//! Rules: one TOML file per service, compiled into typed, validated rules.
//!
//! [`compile`] is a function of the text alone: it reads no file and asks nothing.
//! It reports *every* error of a file at once, each with its place and a remedy, because a person who fixes a rule file
//! in the middle of a release has no patience for one at a time. `serde` stops at the first, so the spanned table of
//! the TOML parser is read key by key:
//!
//! - `syntax` leaves out what is not TOML, so that the rest can still be judged;
//! - `section` takes keys out of a table and knows in the end which were unknown or missing;
//! - `shape`, `address`, `promql` and [`duration`] say what a value may be;
//! - `colours`, `router`, `sources`, `plan`, `traffic`, `checks`, `latency` and `probes` each read one part of the
//!   file into [`model`];
//! - `sink` collects what they find; [`diagnostics`] turns it into text for people or JSON for programs.
//!
//! An unknown key is an error and not a warning: a misspelt guard is a guard switched off.

mod address;
mod checks;
mod colours;
pub mod diagnostics;
pub mod duration;
mod latency;
pub mod model;
pub(crate) mod nearest;
mod plan;
mod probes;
mod promql;
mod router;
mod section;
mod shape;
mod sink;
mod sources;
mod syntax;
mod traffic;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use crate::judge::spec::{CheckKind, CheckSpec, JudgeSpec};
use diagnostics::Diagnostic;
use model::{Note, RuleFile, Rules};
use section::Section;
use shape::Name;
use sink::{Read, Sink};

/// Longer than any rule file that a person wrote; bounds what a wrong path can cost.
pub const BYTES_MAX: usize = 1 << 20;

/// Checks and probes of one file. Each takes its part of the error budget, so more would prove ever less.
pub const CHECKS_MAX: usize = 64;

/// One error of a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the text: byte offset and length, both on character boundaries.
    pub span: (usize, usize),
    /// What is wrong: a fragment in lower case.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// Compiles the text of a rule file.
///
/// # Errors
/// Every fault of the file, in its order; never an empty list.
pub fn compile(text: &str) -> Result<(Rules, Vec<Note>), Vec<Fault>> {
    if text.len() > BYTES_MAX {
        return Err(vec![Fault {
            span: (0, 0),
            message: format!("the file has {} bytes, more than {BYTES_MAX}", text.len()),
            remedy: "is it a rule file? one service's rules take a few kilobytes".into(),
        }]);
    }
    let repaired = syntax::repair(text);
    let sink = Sink::new(text, &repaired.skipped);
    let rules = if repaired.clean {
        let (table, _) = DeTable::parse_recoverable(&repaired.text);
        read(Section::new(&sink, "the file", 0..0, table.get_ref()), text)
    } else {
        Err(sink::Reported)
    };
    let (mut faults, notes) = sink.conclude();
    faults.extend(repaired.faults);
    faults.sort_by_key(|fault| fault.span.0);
    match rules {
        Ok(rules) if faults.is_empty() => Ok((rules, notes)),
        _ => Err(faults),
    }
}

/// Compiles the text of the rule file at `path`, which is only named in what is reported.
///
/// # Errors
/// Every fault of the file, ready to be shown.
pub fn load(path: &Path, text: &str) -> Result<RuleFile, Vec<Diagnostic>> {
    match compile(text) {
        Ok((rules, notes)) => Ok(RuleFile { path: path.into(), rules, notes }),
        Err(faults) => Err(diagnostics::of_faults(path, text, &faults)),
    }
}

/// Reads the whole file: first each part for itself, then what they ask of each other.
fn read(mut root: Section<'_>, text: &str) -> Read<Rules> {
    let sink = root.sink();
    let service = service(&mut root);
    let colours = colours::read(&mut root);
    let router = router::read(&mut root, &colours);
    let sources = sources::read(&mut root);
    let planned = plan::read(&mut root);
    let traffic = traffic::read(&mut root);
    let checks = checks::read(&mut root, &sources);
    let probes = probes::read(&mut root);

    let names: Vec<_> = checks.iter().map(|c| &c.name).chain(probes.iter().map(|p| &p.name)).collect();
    let judged = enough(&root, names.len()).and(distinct(sink, &names));
    if let Some((name, _)) =
        checks.iter().filter(|check| check.by_prometheus).find_map(|check| check.name.as_ref().ok())
    {
        colours::need_labels(sink, &colours, &format!("check `{name}`"));
    }
    if let Some((name, _)) = probes.iter().find_map(|probe| probe.name.as_ref().ok()) {
        colours::need_urls(sink, &colours, &format!("probe `{name}`"));
    }
    let tick_ms = planned.as_ref().map(|planned| planned.plan.tick_ms).map_err(|reported| *reported);
    let sources = sources::finish(sink, sources, &router, tick_ms);
    root.finish(&[]);

    let checks: Read<Vec<_>> = checks.into_iter().map(|check| check.rule).collect();
    let probes: Read<Vec<_>> = probes.into_iter().map(|probe| probe.rule).collect();
    judged?;
    let (mut specs, checks): (Vec<_>, Vec<_>) = checks?.into_iter().unzip();
    let (probe_specs, probes): (Vec<_>, Vec<_>) = probes?.into_iter().unzip();
    specs.extend(probe_specs);
    remark_on_checks(sink, &specs);
    let planned = planned?;
    Ok(Rules {
        service: service?,
        first_written: colours::first_written(&colours)?,
        colours: colours::finish(colours)?,
        router: router?,
        sources: sources?,
        plan: planned.plan,
        traffic: traffic?,
        judge: JudgeSpec {
            checks: specs,
            false_revert: planned.false_revert,
            missed_harm: planned.missed_harm,
            warmup_ms: planned.warmup_ms,
            blind_after_ms: planned.blind_after_ms,
            silent_after_ms: planned.silent_after_ms,
        },
        checks,
        probes,
        text: text.into(),
    })
}

fn remark_on_checks(sink: &Sink, specs: &[CheckSpec]) {
    if specs.iter().all(|spec| !spec.critical) {
        sink.note(
            0..0,
            "no check is critical, so promotion asks for proof from every one of them",
            "leave `critical = false` to those that promotion need not wait for",
        );
    }
    if !specs.iter().any(judges_alone) {
        sink.note(
            0..0,
            "no check has a `limit` and there is no probe: once all traffic is the candidate's there is no live colour to compare with, and the soak watches for silence only",
            "give at least one check a `limit`, or add a probe",
        );
    }
}

/// Whether a check can convict without a live colour to compare with.
fn judges_alone(spec: &CheckSpec) -> bool {
    spec.probe
        || match &spec.kind {
            CheckKind::Ratio(ratio) => ratio.limit.is_some(),
            CheckKind::Latency(latency) => latency.limit.is_some(),
            CheckKind::Value(value) => value.limit.is_some(),
        }
}

fn service(root: &mut Section<'_>) -> Read<String> {
    let Some(mut section) = root.table("service", "[service]")? else {
        return Err(root.missing("service", "[service]"));
    };
    let name = section.required("name", &Name { example: "\"checkout\"" });
    section.finish(&[]);
    name
}

/// At least one check or probe, and not too many.
fn enough(root: &Section<'_>, count: usize) -> Read<()> {
    let is_written = root.has("checks") || root.has("probes");
    if count == 0 && !is_written {
        let message = "no `[[checks]]` and no `[[probes]]`: nothing could ever be proved healthy";
        return Err(root.sink().absent_anywhere(
            0..0,
            message,
            "add one, such as a check of kind `ratio` on errors",
        ));
    }
    if count > CHECKS_MAX {
        let message = format!(
            "{count} checks and probes, more than {CHECKS_MAX}: each takes its part of the error budget"
        );
        return Err(root.sink().fault(root.span_of("checks"), message, "keep those that users would feel"));
    }
    Ok(())
}

/// Every name but once.
fn distinct(sink: &Sink<'_>, names: &[&Read<(String, Range<usize>)>]) -> Read<()> {
    let mut seen: BTreeMap<&str, &Range<usize>> = BTreeMap::new();
    let mut outcome = Ok(());
    for (name, span) in names.iter().filter_map(|name| name.as_ref().ok()) {
        if let Some(first) = seen.get(name.as_str()) {
            let message = format!("the name `{name}` is taken already, on line {}", sink.line(first.start));
            outcome = Err(sink.fault(span.clone(), message, "give every check and probe a name of its own"));
        } else {
            seen.insert(name, span);
        }
    }
    outcome
}
