//! The published schema of the verdict log, held against what the daemon really says.

use serde_json::Value;

use crate::stage::{Faults, Plan, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_verdict_of_a_release_fits_the_published_schema() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verdict.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let bad = Faults { error_rate: 0.1, ..Faults::good() };
    let stage = Stage::start(Plan::default(), Faults::good(), bad);
    let release = stage.release();
    assert!(release.verdicts.len() >= 4, "{release:?}");
    for verdict in &release.verdicts {
        let errors: Vec<String> = validator.iter_errors(verdict).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {verdict:#}");
    }
    let mut wrong = release.verdicts[0].clone();
    wrong["decision"] = Value::from("perhaps");
    assert!(!validator.is_valid(&wrong), "the schema must be able to say no");
}
