//! `[traffic]`: what the service usually has, so that it can be known beforehand whether a plan leads anywhere.
//!
//! Nothing is decided from it: a release is judged by what is measured.

use super::model::TrafficRule;
use super::section::Section;
use super::shape::{End, Number};
use super::sink::Read;

/// A hundred million requests a second are more than any service has.
const RATE: Number = Number { low: End::Beyond(0.0), high: End::At(1e8), example: "200" };

/// Without any bad event too; but where all are bad there is nothing to compare.
const ERROR_RATE: Number = Number { low: End::At(0.0), high: End::Beyond(1.0), example: "0.005" };

/// Reads `[traffic]`, which may be left out; with it, both of its keys are needed.
pub(super) fn read(root: &mut Section<'_>) -> Read<Option<TrafficRule>> {
    let Some(mut section) = root.table("traffic", "[traffic]")? else {
        return Ok(None);
    };
    let span = section.span();
    let rate = section.required("rate", &RATE);
    let error_rate = section.required("error_rate", &ERROR_RATE);
    section.finish(&[]);
    Ok(Some(TrafficRule { rate: rate?, error_rate: error_rate?, span: (span.start, span.len()) }))
}
