//! `assize replay`: recorded samples judged again.

mod picture;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use super::exit::{Exit, Failed};
use super::rule_files;
use crate::replay::{Decision, LINE_BYTES_MAX, Output, Replay, Sample, parse};
use crate::rules::model::Rules;
use crate::sample::Colour;

/// Arguments of `assize replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Rule file
    rules: PathBuf,
    /// Recorded samples as JSON lines; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    /// The colour that was live [default: the first of the file's colours]
    #[arg(long, value_name = "COLOUR")]
    live: Option<String>,
    /// Draws rates, ratio and evidence over time, with the moment of decision
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Taken for uniformity: the output is always JSON
    #[arg(long, hide = true)]
    json: bool,
}

/// Judges the samples and prints the verdict log.
pub fn replay(args: &ReplayArgs) -> Result<Exit, Failed> {
    let files = rule_files::load(std::slice::from_ref(&args.rules))?.all_valid()?;
    let Some(file) = files.first() else {
        return Err(Failed::usage("no rule file"));
    };
    let live = live(args, &file.rules)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let replay = Replay::new(&file.rules, live);
    let mut replay = if args.svg.is_some() { replay.traced() } else { replay };
    let name = args.samples.display().to_string();
    let (last, decision) = if name == "-" {
        judge(&mut replay, Box::new(std::io::stdin()), &mut out, &name)?
    } else {
        let samples = File::open(&args.samples)
            .map_err(|error| Failed::usage(format!("cannot read {name}: {error}")))?;
        judge_file(&mut replay, &file.rules, samples, &mut out, &name)?
    };
    if let (Some(path), Some(trace)) = (&args.svg, replay.trace()) {
        let picture = picture::svg(&file.rules.judge.checks, trace.moments(), &last, decision)
            .map_err(|error| Failed::other(error.to_string()))?;
        std::fs::write(path, picture)
            .map_err(|error| Failed::other(format!("cannot write {}: {error}", path.display())))?;
    }
    out.flush().map_err(|error| Failed::other(format!("cannot write: {error}")))?;
    Ok(decision.into())
}

fn live(args: &ReplayArgs, rules: &Rules) -> Result<Option<Colour>, Failed> {
    let Some(name) = &args.live else {
        return Ok(None);
    };
    let known = rules.colours.iter().map(|rule| &rule.colour).find(|colour| colour.as_str() == name);
    let Some(colour) = known else {
        let [first, second] = &rules.colours;
        return Err(Failed::usage(format!(
            "--live {name}: the rules have `{}` and `{}`",
            first.colour, second.colour
        )));
    };
    Ok(Some(colour.clone()))
}

/// Judges while lines come in: the decision is printed as soon as the sample is there that it rests on.
fn judge(
    replay: &mut Replay<'_>,
    samples: Box<dyn Read>,
    out: &mut impl Write,
    name: &str,
) -> Result<(Output, Decision), Failed> {
    let mut lines = Lines::new(samples, name);
    while let Some(line) = lines.next_line()? {
        let said = replay.line(line).map_err(|error| Failed::usage(format!("{name}: {error}")))?;
        if let Some(end) = print_said(out, said)? {
            return Ok(end);
        }
    }
    finish(replay, out)
}

/// So many lines are handed over at a time, and so many batches may wait.
const BATCH: usize = 512;
const BATCHES_MAX: usize = 8;

/// The same for a file, which is read and parsed ahead by a thread of its own.
fn judge_file(
    replay: &mut Replay<'_>,
    rules: &Rules,
    file: File,
    out: &mut impl Write,
    name: &str,
) -> Result<(Output, Decision), Failed> {
    std::thread::scope(|scope| {
        let (sender, batches) = std::sync::mpsc::sync_channel(BATCHES_MAX);
        scope.spawn(move || read_ahead(rules, file, name, &sender));
        for batch in batches {
            for sample in batch? {
                let said =
                    replay.sample(sample).map_err(|error| Failed::usage(format!("{name}: {error}")))?;
                if let Some(end) = print_said(out, said)? {
                    return Ok(end);
                }
            }
        }
        finish(replay, out)
    })
}

/// Ends with the file, with a fault, or when nobody listens any more.
fn read_ahead(rules: &Rules, file: File, name: &str, sender: &SyncSender<Result<Vec<Sample>, Failed>>) {
    let mut lines = Lines::new(Box::new(file), name);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let number = lines.number + 1;
        let sample = lines.next_line().and_then(|line| match line {
            Some(line) => (parse(rules, number, line).map(Some))
                .map_err(|error| Failed::usage(format!("{name}: {error}"))),
            None => Ok(None),
        });
        let end = match sample {
            Ok(Some(sample)) => {
                batch.extend(sample);
                false
            }
            Ok(None) => true,
            Err(failed) => {
                // What lies before the fault is judged first: it may decide.
                let _ = sender.send(Ok(std::mem::take(&mut batch))).and_then(|()| sender.send(Err(failed)));
                return;
            }
        };
        if end || batch.len() >= BATCH {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if sender.send(Ok(full)).is_err() || end {
                return;
            }
        }
    }
}

/// Lines of bounded length, numbered from 1.
struct Lines<'a> {
    samples: BufReader<Box<dyn Read>>,
    name: &'a str,
    line: String,
    number: u64,
}

impl<'a> Lines<'a> {
    fn new(samples: Box<dyn Read>, name: &'a str) -> Self {
        let samples = BufReader::with_capacity(1 << 16, samples);
        Self { samples, name, line: String::new(), number: 0 }
    }

    fn next_line(&mut self) -> Result<Option<&str>, Failed> {
        self.number += 1;
        self.line.clear();
        let (name, number) = (self.name, self.number);
        let fault = |what: &dyn std::fmt::Display| Failed::usage(format!("{name}: line {number}: {what}"));
        match (&mut self.samples).take(LINE_BYTES_MAX as u64 + 1).read_line(&mut self.line) {
            Err(error) => Err(fault(&format_args!("cannot be read: {error}"))),
            Ok(0) => Ok(None),
            Ok(n) if n > LINE_BYTES_MAX => Err(fault(&format_args!("is longer than {LINE_BYTES_MAX} bytes"))),
            Ok(_) => Ok(Some(&self.line)),
        }
    }
}

/// Prints what a sample brought; gives the end if it was that.
fn print_said(
    out: &mut impl Write,
    said: Option<(Output, Option<Decision>)>,
) -> Result<Option<(Output, Decision)>, Failed> {
    let Some((output, decision)) = said else {
        return Ok(None);
    };
    print(out, &output)?;
    Ok(decision.map(|decision| (output, decision)))
}

fn finish(replay: &mut Replay<'_>, out: &mut impl Write) -> Result<(Output, Decision), Failed> {
    let (output, decision) = replay.end();
    print(out, &output)?;
    Ok((output, decision))
}

fn print(out: &mut impl Write, output: &Output) -> Result<(), Failed> {
    let failed = |error: std::io::Error| Failed::other(format!("cannot write: {error}"));
    serde_json::to_writer(&mut *out, output).map_err(|error| failed(error.into()))?;
    out.write_all(b"\n").map_err(failed)
}
