//! The reference values of both tests, computed independently of this code: `fixtures/golden/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use assize::evidence::kernel::log_kernel;
use assize::evidence::share::{Grid, Share, ShareTable};
use assize::evidence::shift::SelfNormalised;
use serde_json::Value;

fn golden(name: &str) -> Value {
    let path = format!("{}/fixtures/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

/// Within 1e-9 relative, or 1e-9 absolute near 0.
fn assert_close(found: f64, expected: f64, what: &str) {
    let allowed = 1e-9 * expected.abs().max(1.0);
    assert!((found - expected).abs() <= allowed, "{what}: {found} instead of {expected}");
}

#[test]
fn kernel() {
    let golden = golden("share_test");
    let entries = golden["kernel"].as_array().unwrap();
    assert!(entries.len() >= 8);
    for entry in entries {
        let [k, n, theta, rho, expected] =
            ["k", "n", "theta", "rho", "log_kernel"].map(|key| entry[key].as_f64().unwrap());
        let found = log_kernel(k, n, theta / (1.0 - theta), rho);
        assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{entry}: {found}");
    }
}

#[test]
fn share_test() {
    let golden = golden("share_test");
    let (kappa, nulls, rho) =
        (floats(&golden["kappa"]), floats(&golden["null_multiplier"]), floats(&golden["rho"]));
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 10);
    for case in cases {
        let greater = case["direction"] == "greater";
        let side = |c: &f64| if greater { *c } else { 1.0 / c };
        let multiples: Vec<f64> = nulls.iter().chain(&kappa).map(side).collect();
        let mut table = ShareTable::new(Grid::new(multiples, &rho));
        let (low, all) = if greater {
            (nulls.len(), nulls.len() + kappa.len())
        } else {
            (kappa.len(), nulls.len() + kappa.len())
        };
        let question = if greater {
            ShareTable::question(low..all, 0..low, rho.len())
        } else {
            ShareTable::question(0..low, low..all, rho.len())
        };
        let ticks = case["ticks"].as_array().unwrap();
        for (tick, expected) in ticks.iter().zip(floats(&case["log_e"])) {
            let q = tick[2].as_f64().unwrap();
            let share = Share::new(tick[0].as_u64().unwrap(), tick[1].as_u64().unwrap(), q / (1.0 - q));
            table.add(share.unwrap());
            assert_close(table.log_e(&question), expected, case["name"].as_str().unwrap());
        }
    }
}

#[test]
fn shift_test() {
    let golden = golden("shift_test");
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() >= 7);
    for case in cases {
        let mut test = SelfNormalised::default();
        for (d, expected) in floats(&case["d"]).into_iter().zip(floats(&case["log_e"])) {
            test.add(d);
            assert_close(test.log_e_above(), expected, case["name"].as_str().unwrap());
        }
    }
}
