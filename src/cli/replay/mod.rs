//! `assize replay`: recorded samples judged again.

mod picture;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;

use super::exit::{Exit, Failed};
use super::rule_files;
use crate::replay::{Decision, LINE_BYTES_MAX, Output, Replay};
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
    let samples: Box<dyn Read> = if args.samples.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        let failed = |error| Failed::usage(format!("cannot read {}: {error}", args.samples.display()));
        Box::new(File::open(&args.samples).map_err(failed)?)
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let replay = Replay::new(&file.rules, live);
    let mut replay = if args.svg.is_some() { replay.traced() } else { replay };
    let (last, decision) = judge(&mut replay, samples, &mut out, args)?;
    if let (Some(path), Some(trace)) = (&args.svg, replay.trace()) {
        let picture = picture::svg(&file.rules.judge.checks, trace.moments(), &last, decision)
            .map_err(|error| Failed::other(error.to_string()))?;
        std::fs::write(path, picture)
            .map_err(|error| Failed::other(format!("cannot write {}: {error}", path.display())))?;
    }
    out.flush().map_err(|error| Failed::other(format!("cannot write: {error}")))?;
    Ok(decision.into())
}

fn live(args: &ReplayArgs, rules: &crate::rules::model::Rules) -> Result<Option<Colour>, Failed> {
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

fn judge(
    replay: &mut Replay<'_>,
    samples: Box<dyn Read>,
    out: &mut impl Write,
    args: &ReplayArgs,
) -> Result<(Output, Decision), Failed> {
    let mut samples = BufReader::with_capacity(1 << 16, samples);
    let mut line = String::new();
    let name = args.samples.display();
    for number in 1_u64.. {
        line.clear();
        let fault = |what: &dyn std::fmt::Display| Failed::usage(format!("{name}: line {number}: {what}"));
        let read = (&mut samples).take(LINE_BYTES_MAX as u64 + 1).read_line(&mut line);
        match read {
            Err(error) => return Err(fault(&format_args!("cannot be read: {error}"))),
            Ok(0) => break,
            Ok(n) if n > LINE_BYTES_MAX => {
                return Err(fault(&format_args!("is longer than {LINE_BYTES_MAX} bytes")));
            }
            Ok(_) => {}
        }
        let said = replay.line(&line).map_err(|error| Failed::usage(format!("{name}: {error}")))?;
        if let Some((output, decision)) = said {
            print(out, &output)?;
            if let Some(decision) = decision {
                return Ok((output, decision));
            }
        }
    }
    let (output, decision) = replay.end();
    print(out, &output)?;
    Ok((output, decision))
}

fn print(out: &mut impl Write, output: &Output) -> Result<(), Failed> {
    let failed = |error: std::io::Error| Failed::other(format!("cannot write: {error}"));
    serde_json::to_writer(&mut *out, output).map_err(|error| failed(error.into()))?;
    out.write_all(b"\n").map_err(failed)
}
