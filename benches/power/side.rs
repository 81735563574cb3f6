//! Side by side: the same streams before the real judge and before [`super::peers`].

use assize::judge::Judge;
use assize::judge::report::Finding;
use assize::sample::{Pair, Tick, Timestamp, Weight};
use serde_json::{Map, Value, json};

use super::lab::{Lab, Rng};
use super::peers;
use super::report::{Mark, Row, Table, percent, share_json, time};
use super::stats::{Share, median_of_happened};
use super::traffic::{Counts, Drift, Model, Shocks, Traffic};
use super::trial::{HOUR, errors, judge};

const FAMILY: &str = "side";

/// Names of the judges, in the order of [`decisions`].
pub const JUDGES: [&str; 7] = [
    "assize",
    "kayenta",
    "kayenta ≥1.25",
    "threshold n=1",
    "threshold n=2",
    "threshold n=5",
    "binomial mixture",
];

const USUAL: Model = Model::healthy(200.0, 0.005);

/// When each judge ended the release; ticks from 1.
pub type Decisions = [Option<u32>; JUDGES.len()];

/// One stream before all judges.
pub fn decisions(model: Model, weight: f64, ticks: u32, random: &mut Rng) -> Decisions {
    let mut traffic = Traffic::new("errors", model);
    let ticks: Vec<(Counts, Counts)> = (0..ticks).map(|_| traffic.counts(weight, random)).collect();
    let minutes = peers::minutes(&ticks);
    let threshold = |in_a_row| peers::threshold(&minutes, 2.0 * model.rate, in_a_row);
    [
        assize(&ticks, weight),
        peers::kayenta(&minutes, 1.0),
        peers::kayenta(&minutes, 1.25),
        threshold(1),
        threshold(2),
        threshold(5),
        peers::mixture(&ticks),
    ]
}

fn assize(ticks: &[(Counts, Counts)], weight: f64) -> Option<u32> {
    let mut judge = Judge::new(judge(errors()));
    let weight = Weight::from_percent(weight * 100.0).unwrap();
    (1_u32..).zip(ticks).find_map(|(number, (live, candidate))| {
        let pair = Pair { check: "errors".into(), live: live.reading(), candidate: candidate.reading() };
        let at = Timestamp::from_ms(i64::from(number) * 1_000);
        judge.observe(&Tick { at, weight, pairs: vec![pair] });
        matches!(judge.assess().finding, Finding::Harmful { .. }).then_some(number)
    })
}

/// One row per stream, one column per judge.
pub fn side(lab: &Lab) -> Table {
    let title = "the same streams before every judge, one hour, 200 requests/s at 0.5%: reverted @ median s of those; \
                 all that is reverted of healthy ones is false";
    let columns: Vec<&str> = ["runs"].into_iter().chain(JUDGES).collect();
    let mut table = Table::new(FAMILY, title, &columns);
    for (name, model) in streams() {
        for (weight_name, weight) in [("50%", 0.5), ("5%", 0.05)] {
            let name = format!("{name}, weight {weight_name}");
            if lab.wants(FAMILY, &name) {
                let ticks = lab.ticks(HOUR);
                let all = lab.each(&name, lab.runs_at(4), |random| decisions(model, weight, ticks, random));
                table.rows.push(row(&name, &all));
            }
        }
    }
    table
}

fn streams() -> Vec<(&'static str, Model)> {
    let bursty = Model { rho: Some(0.01), ..USUAL };
    let drift = Some(Drift { factor: 4.0, period_ticks: f64::from(HOUR) });
    let shocks = Some(Shocks { every_ticks: 300.0, ticks_max: 30, rate: (0.02, 0.15) });
    let times = |ratio| Model { ratio, ..bursty };
    vec![
        ("healthy", USUAL),
        ("healthy, bursty ρ .01", bursty),
        ("healthy, bursty ρ .1", Model { rho: Some(0.1), ..USUAL }),
        ("healthy, drift ×4", Model { drift, ..USUAL }),
        ("healthy, shocks", Model { shocks, ..USUAL }),
        ("×1.5", Model { ratio: 1.5, ..USUAL }),
        ("×2", Model { ratio: 2.0, ..USUAL }),
        ("×5", Model { ratio: 5.0, ..USUAL }),
        ("×1.5, bursty ρ .01", times(1.5)),
        ("×2, bursty ρ .01", times(2.0)),
        ("×5, bursty ρ .01", times(5.0)),
        ("×20, bursty ρ .01", times(20.0)),
    ]
}

/// Where the curve of reversions is read off: finely at first, then every minute.
fn curve_seconds() -> impl Iterator<Item = u32> {
    (1..60).chain((60..300).step_by(10)).chain((300..=HOUR).step_by(60))
}

/// The share that was reverted by this second.
fn reverted_by(times: &[Option<u32>], second: u32) -> f64 {
    Share::count(times, |time| time.is_some_and(|time| time <= second)).value()
}

fn row(name: &str, all: &[Decisions]) -> Row {
    let mut cells = vec![all.len().to_string()];
    let mut judges = Map::new();
    for (i, judge) in JUDGES.iter().enumerate() {
        let times: Vec<Option<u32>> = all.iter().map(|decisions| decisions[i]).collect();
        let reverted = Share::count(&times, Option::is_some);
        let middle = median_of_happened(&times);
        cells.push(format!("{} @ {}", percent(reverted.value()), time(middle)));
        let by_second: Vec<_> =
            curve_seconds().map(|second| json!([second, reverted_by(&times, second)])).collect();
        judges.insert(
            (*judge).to_owned(),
            json!({ "reverted": share_json(&reverted), "median": middle, "by_second": by_second }),
        );
    }
    let numbers = json!({ "healthy": name.starts_with("healthy"), "judges": Value::Object(judges) });
    Row::new(name, cells, numbers, Mark::None)
}

#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "run by tests/power.rs: a bench has no runner of its own")]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// A release that fails twenty times as often is ended by everybody, and by the sequential tests first.
    #[test]
    fn all_see_a_disaster() {
        let model = Model { ratio: 20.0, ..USUAL };
        let all = decisions(model, 0.5, 420, &mut Rng::seed_from_u64(1));
        assert!(all.iter().all(Option::is_some), "{all:?}");
        assert!(all[0] < all[1] && all[0] < all[3] && all[6] < all[3], "{all:?}");
    }
}
