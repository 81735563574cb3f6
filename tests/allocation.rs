//! What the judge costs in memory: a bounded state, and nothing allocated while it takes in ticks.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use assize::judge::Judge;
use assize::judge::spec::{
    CheckKind, CheckSpec, Direction, JudgeSpec, LatencySpec, QuantileSpec, RatioSpec, ValueSpec,
};
use assize::sample::{Pair, Reading, Tick, Timestamp, Weight};

/// State of one check, in bytes.
const STATE_MAX: u64 = 16 * 1024;

fn judge(kind: CheckKind) -> JudgeSpec {
    JudgeSpec {
        checks: vec![CheckSpec { name: "check".into(), critical: true, probe: false, kind }],
        false_revert: 0.01,
        missed_harm: 0.05,
        warmup_ms: 0,
        blind_after_ms: 60_000,
        silent_after_ms: 60_000,
    }
}

fn ratio() -> CheckKind {
    CheckKind::Ratio(RatioSpec { tolerance: 1.5, floor: Some(0.001), limit: Some(0.2) })
}

fn latency() -> CheckKind {
    let quantile = |name: &str, quantile| QuantileSpec { name: name.into(), quantile, tolerance: 1.5 };
    CheckKind::Latency(LatencySpec { quantiles: vec![quantile("p99", 0.99)], limit: None })
}

fn value() -> CheckKind {
    CheckKind::Value(ValueSpec { tolerance: 1.3, direction: Direction::Increase, limit: None })
}

/// Ticks of every size: none bad, a few, many, more than a product is taken of.
fn ticks(reading: impl Fn(u64) -> Reading) -> Vec<Tick> {
    (0..600_u64)
        .map(|i| {
            let pair = Pair { check: "check".into(), live: reading(i), candidate: reading(i * 7 + 1) };
            let at = Timestamp::from_ms(i64::try_from(i).unwrap() * 1_000);
            Tick { at, weight: Weight::from_basis_points(5_000), pairs: vec![pair] }
        })
        .collect()
}

fn readings(kind: &CheckKind) -> Vec<Tick> {
    match kind {
        CheckKind::Ratio(_) => ticks(|i| Reading::Counts {
            bad: [0, 1, 3, 20, 150, 9_000][usize::try_from(i % 6).unwrap()],
            total: 10_000 + i,
        }),
        CheckKind::Latency(_) => ticks(|i| Reading::Histogram {
            bounds: vec![0.1, 0.25, 1.0],
            counts: vec![900, 80 + i % 9, 9 + i % 5, i % 3],
        }),
        CheckKind::Value(_) => {
            ticks(|i| Reading::value(0.4 + 0.01 * f64::from(u32::try_from(i * i % 13).unwrap())).unwrap())
        }
    }
}

fn measured(kind: CheckKind) -> (u64, u64) {
    let ticks = readings(&kind);
    let mut judge_of = None;
    let state = allocation_counter::measure(|| judge_of = Some(Judge::new(judge(kind))));
    let mut judge = judge_of.unwrap();
    // The first ticks may settle what a histogram's bounds are.
    let (first, rest) = ticks.split_at(20);
    let settled = allocation_counter::measure(|| first.iter().for_each(|tick| judge.observe(tick)));
    let later = allocation_counter::measure(|| rest.iter().for_each(|tick| judge.observe(tick)));
    (u64::try_from(state.bytes_current + settled.bytes_current).unwrap(), later.count_total)
}

#[test]
fn a_check_fits_into_16_kib_and_a_tick_allocates_nothing() {
    for (name, kind) in [("ratio", ratio()), ("latency", latency()), ("value", value())] {
        let (state, allocations) = measured(kind);
        println!("{name}: {state} bytes, {allocations} allocations in 580 ticks");
        assert!(state <= STATE_MAX, "{name}: {state} bytes");
        assert_eq!(allocations, 0, "{name}");
    }
}
