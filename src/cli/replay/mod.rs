//! `assize replay`: recorded samples judged again, and in `picture` drawn.

mod picture;

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failed};
use super::rule_files;
use crate::replay::film::Film;
use crate::replay::line::Names;
use crate::replay::reader::Reader;
use crate::replay::{Decision, Output, Replay, ReplayError};
use crate::sample::Colour;

/// Arguments of `assize replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Rule file
    rules: PathBuf,
    /// Recorded samples as JSON lines; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    /// The colour that was live [default: what the samples say, else the first of the rules' colours]
    #[arg(long, value_name = "COLOUR")]
    live: Option<String>,
    /// Also draw rates, ratio and evidence over time up to the decision, of at most six checks
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
    let reader = Reader::start(samples(args)?, Names::new(&file.rules));
    let mut replay = Replay::new(&file.rules, live.as_ref());
    if args.svg.is_some() {
        replay = replay.filmed();
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (last, decision) = judge(&mut replay, reader, &mut out, args)?;
    print(&mut out, &last)?;
    flush(&mut out)?;
    if let (Some(path), Some(film)) = (&args.svg, replay.film()) {
        draw(path, film, &last)?;
    }
    Ok(decision.into())
}

fn samples(args: &ReplayArgs) -> Result<Box<dyn Read + Send>, Failed> {
    if args.samples.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    let failed = |error| Failed::usage(format!("cannot read {}: {error}", args.samples.display()));
    Ok(Box::new(File::open(&args.samples).map_err(failed)?))
}

fn draw(path: &Path, film: &Film, last: &Output) -> Result<(), Failed> {
    let picture = picture::svg(film, last).map_err(|error| Failed::other(error.to_string()))?;
    std::fs::write(path, picture)
        .map_err(|error| Failed::other(format!("cannot write {}: {error}", path.display())))
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

/// Prints everything up to the decision; gives the decision.
fn judge(
    replay: &mut Replay<'_>,
    reader: Reader,
    out: &mut impl Write,
    args: &ReplayArgs,
) -> Result<(Output, Decision), Failed> {
    let name = args.samples.display();
    let failed = |error: ReplayError| Failed::usage(format!("{name}: {error}"));
    for entries in reader {
        let mut printed = false;
        for entry in entries.map_err(failed)? {
            match replay.take(entry).map_err(failed)? {
                None => {}
                Some((output, Some(decision))) => return Ok((output, decision)),
                Some((output, None)) => {
                    print(out, &output)?;
                    printed = true;
                }
            }
        }
        // Samples may come as they are taken, over a pipe.
        if printed {
            flush(out)?;
        }
    }
    Ok(replay.end())
}

fn flush(out: &mut impl Write) -> Result<(), Failed> {
    out.flush().map_err(|error| Failed::other(format!("cannot write: {error}")))
}

fn print(out: &mut impl Write, output: &Output) -> Result<(), Failed> {
    let failed = |error: std::io::Error| Failed::other(format!("cannot write: {error}"));
    serde_json::to_writer(&mut *out, output).map_err(|error| failed(error.into()))?;
    out.write_all(b"\n").map_err(failed)
}
