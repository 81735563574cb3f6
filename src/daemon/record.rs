//! `assize run --record DIR`: every sample as a JSON line that `assize replay` can judge again.
//!
//! The first line says which colour is live, so that a replay need not be told; each tick has an `at` of its own, in the
//! order in which the ticks were judged. Recording is a convenience: when it fails it says so once and stops, and the
//! release goes on.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::sample::{Colour, Pair, Reading, Tick, Timestamp, Weight};

/// Writes one release's samples to `DIR/RELEASE.jsonl`.
pub struct Recording {
    file: Option<BufWriter<File>>,
    path: String,
    started_at: Timestamp,
    weight: Option<Weight>,
    colours: [Colour; 2],
    /// Of the latest tick, since the start.
    at_ms: Option<u64>,
}

impl Recording {
    /// Opens the file, appending to what an earlier run of the same release wrote. `colours`: live, candidate.
    #[must_use]
    pub fn open(dir: &Path, release: &str, started_at: Timestamp, colours: [Colour; 2]) -> Self {
        let path = dir.join(format!("{release}.jsonl"));
        let file =
            std::fs::create_dir_all(dir).and_then(|()| File::options().create(true).append(true).open(&path));
        let path = path.display().to_string();
        if let Err(error) = &file {
            tracing::warn!(path, %error, "samples are not recorded");
        }
        Self { file: file.ok().map(BufWriter::new), path, started_at, weight: None, colours, at_ms: None }
    }

    /// Writes one tick.
    pub fn write(&mut self, tick: &Tick) {
        let Some(file) = &mut self.file else { return };
        // Ticks of one millisecond, as after a delay of the daemon, would read as one tick.
        let at_ms = tick.at.ms_since(self.started_at).max(self.at_ms.map_or(0, |before| before + 1));
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of one release fit a double exactly")]
        let at = at_ms as f64 / 1_000.0;
        let mut lines: Vec<Value> = Vec::new();
        match self.weight {
            None => lines.push(json!({"at": at, "weight": tick.weight, "live": self.colours[0]})),
            Some(before) if before != tick.weight => lines.push(json!({"at": at, "weight": tick.weight})),
            Some(_) => {}
        }
        (self.weight, self.at_ms) = (Some(tick.weight), Some(at_ms));
        for pair in &tick.pairs {
            lines.extend(sample_lines(at, pair, &self.colours));
        }
        let written = (lines.iter()).try_for_each(|line| writeln!(file, "{line}"));
        if let Err(error) = written.and_then(|()| file.flush()) {
            tracing::warn!(path = self.path, %error, "recording of samples stopped");
            self.file = None;
        }
    }
}

fn sample_lines(at: f64, pair: &Pair, colours: &[Colour; 2]) -> Vec<Value> {
    [(&pair.live, &colours[0]), (&pair.candidate, &colours[1])]
        .into_iter()
        .map(|(reading, colour)| {
            let check = &pair.check;
            match reading {
                Reading::Counts { bad, total } => {
                    json!({"at": at, "check": check, "colour": colour, "bad": bad, "total": total})
                }
                Reading::Histogram { bounds, counts } => {
                    json!({"at": at, "check": check, "colour": colour, "bounds": bounds, "counts": counts})
                }
                Reading::Value(value) => json!({"at": at, "check": check, "colour": colour, "value": value}),
                Reading::Gap(gap) => {
                    json!({"at": at, "check": check, "colour": colour, "gap": gap.detail, "gap_kind": gap.kind})
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(at_ms: i64, weight: u16) -> Tick {
        let counts = Reading::Counts { bad: 0, total: 3 };
        let pair = Pair { check: "errors".into(), live: counts.clone(), candidate: counts };
        Tick { at: Timestamp::from_ms(at_ms), weight: Weight::from_basis_points(weight), pairs: vec![pair] }
    }

    #[test]
    fn the_first_line_names_live_and_every_tick_has_its_own_moment() {
        let dir = tempfile::tempdir().unwrap();
        let colours = ["green", "blue"].map(|name| Colour::new(name).unwrap());
        let mut recording = Recording::open(dir.path(), "shop-1", Timestamp::from_ms(5_000), colours);
        // The third and fourth tick come with a clock that stands still, then runs backwards.
        for (at, weight) in [(5_000, 0), (6_000, 500), (6_000, 500), (5_500, 500), (7_000, 500)] {
            recording.write(&tick(at, weight));
        }
        let text = std::fs::read_to_string(dir.path().join("shop-1.jsonl")).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0], json!({"at": 0.0, "weight": 0, "live": "green"}));
        let weights: Vec<&Value> = lines.iter().filter(|line| line.get("weight").is_some()).collect();
        assert_eq!(weights, [&lines[0], &json!({"at": 1.0, "weight": 5})]);
        let of = |colour: &str| -> Vec<f64> {
            let lines = lines.iter().filter(|line| line["colour"] == colour);
            lines.map(|line| line["at"].as_f64().unwrap()).collect()
        };
        assert_eq!(of("green"), [0.0, 1.0, 1.001, 1.002, 2.0]);
        assert_eq!(of("green"), of("blue"));
    }
}
