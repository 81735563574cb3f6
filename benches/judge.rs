//! The judge's speed: one tick of one ratio check, and the update of one table, beside a fixed-sample Mann-Whitney test
//! of 60 points a side, which other judges run at every look.

#![allow(missing_docs, reason = "a program")]

use std::hint::black_box;
use std::sync::Arc;

use assize::evidence::kernel::Tally;
use assize::evidence::share::{RHO, ShareGrid, ShareTable};
use assize::judge::Judge;
use assize::judge::spec::{CheckKind, CheckSpec, JudgeSpec, RatioSpec};
use assize::sample::{Pair, Reading, Tick, Timestamp, Weight};
use criterion::{Criterion, criterion_group, criterion_main};

fn spec() -> JudgeSpec {
    let kind = CheckKind::Ratio(RatioSpec { tolerance: 1.5, floor: Some(0.001), limit: Some(0.2) });
    JudgeSpec {
        checks: vec![CheckSpec { name: "errors".into(), critical: true, probe: false, kind }],
        false_revert: 0.01,
        missed_harm: 0.05,
        warmup_ms: 0,
        blind_after_ms: 60_000,
        silent_after_ms: 60_000,
    }
}

fn tick(at_ms: i64) -> Tick {
    let reading = |bad| Reading::Counts { bad, total: 100 };
    let pair =
        Pair { check: "errors".into(), live: reading(1), candidate: reading(u64::from(at_ms % 2_000 == 0)) };
    Tick { at: Timestamp::from_ms(at_ms), weight: Weight::from_basis_points(5_000), pairs: vec![pair] }
}

/// U by counting pairs with ranks: sort both, sum the ranks of one side.
fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|x| (*x, true)).chain(b.iter().map(|x| (*x, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let ranks = (1_u32..).zip(&all).filter(|(_, (_, ours))| *ours).map(|(rank, _)| f64::from(rank));
    ranks.sum()
}

fn bench(c: &mut Criterion) {
    for (k, n) in [(2, 3), (16, 32), (60, 100), (5_000, 10_000)] {
        c.bench_function(&format!("share table update, {k} of {n} events"), |bencher| {
            let points = ShareGrid::spread(1.0 / 40.0, 60.0, 14).chain([1.0, 1.5]);
            let mut table = ShareTable::new(Arc::new(ShareGrid::new(points, &RHO, |_, _| 1.0)));
            // Odds as they come: the two colours never have the very same number of requests.
            let share = Tally::with_odds(k, n, 1.01).unwrap_or_else(|error| unreachable!("{error}"));
            bencher.iter(|| table.add(black_box(share)));
        });
    }
    c.bench_function("one tick of a ratio check: all its tests", |bencher| {
        let (mut judge, mut at) = (Judge::new(spec()), 0);
        bencher.iter(|| {
            at += 1_000;
            judge.observe(black_box(&tick(at)));
            black_box(judge.may_decide())
        });
    });
    c.bench_function("the same with its report and its sentence", |bencher| {
        let (mut judge, mut at) = (Judge::new(spec()), 0);
        bencher.iter(|| {
            at += 1_000;
            judge.observe(black_box(&tick(at)));
            black_box(judge.assess())
        });
    });
    c.bench_function("peer: Mann-Whitney, 60 points a side", |bencher| {
        let a: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 101)).collect();
        let b: Vec<f64> = (0..60).map(|i| f64::from(i * 53 % 103)).collect();
        bencher.iter(|| black_box(mann_whitney(black_box(&a), black_box(&b))));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
