//! `assize run --record DIR`: every sample as a JSON line that `assize replay` can judge again.
//!
//! Recording is a convenience: when it fails it says so once and stops, and the release goes on.

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
        Self { file: file.ok().map(BufWriter::new), path, started_at, weight: None, colours }
    }

    /// Writes one tick.
    pub fn write(&mut self, tick: &Tick) {
        let Some(file) = &mut self.file else { return };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of one release fit a double exactly")]
        let at = tick.at.ms_since(self.started_at) as f64 / 1_000.0;
        let mut lines: Vec<Value> = Vec::new();
        if self.weight != Some(tick.weight) {
            self.weight = Some(tick.weight);
            lines.push(json!({"at": at, "weight": tick.weight}));
        }
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
