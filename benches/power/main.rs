//! Error rates and power of the judge, by simulation: what it promises, how soon it decides, and what others do.
//!
//! ```text
//! cargo bench --bench power                          # all of it: thousands of runs a row, about an hour on two cores
//! cargo bench --bench power -- --quick               # a look, about a minute
//! cargo bench --bench power -- --only harm side      # families, or any part of a row's name
//! cargo bench --bench power -- --runs 500 --seed 7
//! ```
//!
//! Everything drives the real judge through its public face, looked at on every tick, from a seed.
//! It prints one table per family, and writes `target/power/power.json` and plots beside it.
//! It ends with exit code 1 when a promise is broken beyond doubt; goals that are missed are only named.
//!
//! Generators: [`traffic`], [`slowness`], [`values`], [`petshop`]. Families: [`healthy`], [`shift`], [`edge`],
//! [`delay`] (harm, health, latency), [`few`], [`side`] with [`peers`] and [`kayenta`]. Around them: [`lab`] makes the
//! runs, [`trial`] is one of them, [`stats`], [`report`] and [`plots`] say what came out. `tests/power.rs` runs their
//! tests.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that cannot go on has failed")]
#![allow(missing_docs, reason = "a program")]

mod delay;
mod edge;
mod few;
mod healthy;
mod kayenta;
mod lab;
mod peers;
mod petshop;
mod plots;
mod report;
mod shift;
mod side;
mod slowness;
mod stats;
mod traffic;
mod trial;
mod values;

use std::process::ExitCode;

use clap::Parser;

use lab::Lab;
use report::{Mark, Table};

/// Error rates and power of the judge, by simulation.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
#[command(name = "power")]
struct Arguments {
    /// A look of about a minute: few runs, a quarter of the ticks.
    #[arg(long)]
    quick: bool,
    /// Runs of a row of ordinary cost; dearer rows have fewer.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: Option<u32>,
    /// Only these families, or rows whose `family/name` holds the text.
    #[arg(long, num_args = 1..)]
    only: Vec<String>,
    /// The same seed gives the same numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    /// Only build.
    #[arg(long, hide = true)]
    test: bool,
    /// Only build.
    #[arg(long, hide = true)]
    list: bool,
}

/// In the order of [`lab::FAMILIES`].
const MEASUREMENTS: [fn(&Lab) -> Table; lab::FAMILIES.len()] = [
    healthy::counts,
    healthy::latencies,
    healthy::many,
    healthy::real,
    shift::shift,
    edge::edge,
    delay::harm,
    delay::health,
    delay::latencies,
    few::few,
    side::side,
];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.test || arguments.list {
        return ExitCode::SUCCESS;
    }
    let lab = Lab::new(arguments.seed, arguments.quick, arguments.runs, arguments.only);
    let tables = measure(&lab);
    if tables.is_empty() {
        eprintln!(
            "power: no row holds {:?}; the families are {}, and `-- --quick` shows all rows",
            lab.only,
            lab::FAMILIES.join(", ")
        );
        return ExitCode::from(2);
    }
    write(&lab, &tables);
    close(&tables)
}

/// Measures what is wanted, and prints each table as it is done.
fn measure(lab: &Lab) -> Vec<Table> {
    let mut tables = Vec::new();
    for (family, measurement) in lab::FAMILIES.into_iter().zip(MEASUREMENTS) {
        let table = measurement(lab);
        assert_eq!(table.family, family, "families are named in their order");
        if !table.rows.is_empty() {
            print!("{}", table.text());
            tables.push(table);
        }
    }
    tables
}

fn write(lab: &Lab, tables: &[Table]) {
    let folder = report::folder();
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("power.json");
    std::fs::write(&path, format!("{}\n", report::document(lab, tables))).unwrap();
    println!("\nwrote {}", path.display());
    for (name, picture) in plots::pictures(tables) {
        let path = folder.join(name);
        std::fs::write(&path, picture).unwrap();
        println!("wrote {}", path.display());
    }
}

/// Names what was broken and what was missed.
fn close(tables: &[Table]) -> ExitCode {
    let marked = |mark: Mark| {
        let rows = tables.iter().flat_map(|table| table.rows.iter().map(move |row| (table.family, row)));
        rows.filter(|(_, row)| row.mark == mark)
            .map(|(family, row)| format!("{family}/{}", row.name))
            .collect::<Vec<String>>()
    };
    let (broken, missed) = (marked(Mark::Broken), marked(Mark::Missed));
    println!("promises kept: {}, broken: {}", marked(Mark::Kept).len(), broken.len());
    println!("goals met: {}, missed: {}", marked(Mark::Met).len(), missed.len());
    for name in missed {
        println!("  missed: {name}");
    }
    for name in &broken {
        println!("  BROKEN: {name}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;

    /// Asks every family, of which one has what is wanted.
    #[test]
    fn families_stand_in_their_order_and_measure_what_is_wanted() {
        let only = vec!["one tick, 100 of 100 fail, live 0 of 100".to_owned()];
        let lab = Lab::new(1, true, Some(8), only);
        let tables = measure(&lab);
        assert_eq!(tables.len(), 1);
        assert_eq!((tables[0].family, tables[0].rows.len()), ("few", 1));
        assert_eq!(report::document(&lab, &tables)["tables"][0]["rows"][0]["reverted"]["share"], 1.0);
        assert!(measure(&Lab::new(1, true, Some(8), vec!["no such row".into()])).is_empty());
    }

    #[test]
    fn arguments_are_as_documented() {
        let parse = |words: &[&str]| Arguments::try_parse_from([&["power"], words].concat()).unwrap();
        let asked = parse(&["--bench", "--quick", "--seed", "7", "--only", "harm", "plain, weight 5%"]);
        assert!(asked.quick && asked.seed == 7 && asked.runs.is_none());
        assert_eq!(asked.only, ["harm", "plain, weight 5%"]);
        assert!(Arguments::try_parse_from(["power", "--runs", "0"]).is_err());
    }
}
