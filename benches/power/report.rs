//! What a measurement leaves behind: tables on standard output and one JSON file.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::lab::Lab;
use super::stats::Share;

/// Whether a row keeps what was promised or aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Shown for comparison.
    None,
    /// A promise, and nothing speaks against it.
    Kept,
    /// A promise, and the interval lies wholly beyond it.
    Broken,
    /// A goal, reached.
    Met,
    /// A goal, missed.
    Missed,
}

impl Mark {
    /// A promise that a share stays at or below `promised`: broken when even the interval's low end lies above.
    pub fn promise(share: &Share, promised: f64) -> Self {
        if share.low > promised { Self::Broken } else { Self::Kept }
    }

    pub const fn goal(met: bool) -> Self {
        if met { Self::Met } else { Self::Missed }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Kept => "kept",
            Self::Broken => "BROKEN",
            Self::Met => "met",
            Self::Missed => "missed",
        }
    }
}

/// One row: cells to read, numbers for machines.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub cells: Vec<String>,
    pub numbers: Map<String, Value>,
    pub mark: Mark,
}

impl Row {
    /// `numbers` is an object.
    pub fn new(name: impl Into<String>, cells: Vec<String>, numbers: Value, mark: Mark) -> Self {
        let Value::Object(numbers) = numbers else { unreachable!("rows are made from objects") };
        Self { name: name.into(), cells, numbers, mark }
    }
}

/// One family's table.
#[derive(Clone, Debug)]
pub struct Table {
    /// As `--only` knows it.
    pub family: &'static str,
    /// What is measured and what was promised of it.
    pub title: String,
    /// Headings of the cells.
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

impl Table {
    pub fn new(family: &'static str, title: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { family, title: title.into(), columns, rows: Vec::new() }
    }

    /// As text: rows numbered as the plots number them, names to the left and cells to the right.
    pub fn text(&self) -> String {
        let heading: Vec<&str> =
            [""].into_iter().chain(self.columns.iter().map(String::as_str)).chain([""]).collect();
        let names: Vec<String> =
            (1..).zip(&self.rows).map(|(number, row)| format!("{number:>2}  {}", row.name)).collect();
        let body = self.rows.iter().zip(&names).map(|(row, name)| {
            let cells = row.cells.iter().map(String::as_str);
            [name.as_str()].into_iter().chain(cells).chain([row.mark.word()]).collect::<Vec<&str>>()
        });
        let lines: Vec<Vec<&str>> = [heading].into_iter().chain(body).collect();
        let width = |i: usize| {
            lines.iter().filter_map(|l| l.get(i)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..=self.columns.len() + 1).map(width).collect();
        let line = |cells: &Vec<&str>| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(i, (cell, width))| {
                if i == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") }
            });
            padded.collect::<String>().trim_end().to_owned() + "\n"
        };
        format!("\n{}: {}\n{}", self.family, self.title, lines.iter().map(line).collect::<String>())
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let mut numbers = row.numbers.clone();
            numbers.insert("row".into(), row.name.clone().into());
            if row.mark != Mark::None {
                numbers.insert("mark".into(), row.mark.word().to_lowercase().into());
            }
            Value::Object(numbers)
        });
        json!({ "family": self.family, "title": self.title, "rows": rows.collect::<Vec<_>>() })
    }
}

/// `0.45% [0.21%, 0.85%]`.
pub fn share_cell(share: &Share) -> String {
    format!("{} [{}, {}]", percent(share.value()), percent(share.low), percent(share.high))
}

/// A share for machines.
pub fn share_json(share: &Share) -> Value {
    json!({ "hits": share.hits, "runs": share.runs, "share": share.value(), "low": share.low, "high": share.high })
}

pub fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// A whole number of ticks or seconds, or a dash.
pub fn time(ticks: Option<u32>) -> String {
    ticks.map_or_else(|| "–".into(), |ticks| ticks.to_string())
}

/// Where JSON and plots go: `target/power`, or below `CARGO_TARGET_DIR`.
pub fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    target.join("power")
}

/// All tables and how they were made.
pub fn document(lab: &Lab, tables: &[Table]) -> Value {
    json!({
        "seed": lab.seed,
        "runs": lab.runs,
        "quick": lab.quick,
        "only": lab.only,
        "version": env!("CARGO_PKG_VERSION"),
        "tables": tables.iter().map(Table::json).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_broken_only_beyond_doubt() {
        assert_eq!(Mark::promise(&Share::of(0, 100), 0.01), Mark::Kept);
        assert_eq!(Mark::promise(&Share::of(2, 100), 0.01), Mark::Kept);
        assert_eq!(Mark::promise(&Share::of(10, 100), 0.01), Mark::Broken);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new("few", "one tick", &["share", "median"]);
        let cells = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        table.rows.push(Row::new("long name", cells("1%", "12"), json!({ "share": 0.01 }), Mark::Met));
        table.rows.push(Row::new("b", cells("100%", "–"), json!({ "share": 1 }), Mark::None));
        assert_eq!(
            table.text(),
            "\nfew: one tick\n               share  median\n 1  long name     1%      12  met\n 2  b           100%       –\n"
        );
        assert_eq!(table.json()["rows"][0], json!({ "row": "long name", "mark": "met", "share": 0.01 }));
    }
}
