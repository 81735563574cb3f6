//! `[[probes]]`: requests that the daemon makes itself, of both colours alike.
//!
//! To the judge a probe is a ratio: failed probes of all probes.

use std::ops::Range;

use super::address::PathAndQuery;
use super::checks::{self, FLOOR, LIMIT, TOLERANCE};
use super::duration::format_ms;
use super::model::{Expect, ProbeRule};
use super::section::Section;
use super::shape::{Flag, Name, Text, Time, Whole};
use super::sink::Read;
use crate::judge::spec::{CheckKind, CheckSpec, RatioSpec};

const NAME: Name = Name { example: "\"home\"" };

/// Ten a second is the most that a probe may add to a colour's load; a probe every ten minutes says next to nothing.
const EVERY: Time = Time { min_ms: 100, max_ms: 600_000, example: "\"5s\"" };

const TIMEOUT: Time = Time { min_ms: 1, max_ms: 600_000, example: "\"1s\"" };

/// A final status: 1xx is followed by another answer.
const STATUS: Whole = Whole { range: 200..=599, example: "200" };

const EVERY_DEFAULT_MS: u64 = 5_000;
const TIMEOUT_DEFAULT_MS: u64 = 1_000;

/// A probe as it was read.
pub(super) struct Draft {
    pub name: Read<(String, Range<usize>)>,
    pub rule: Read<(CheckSpec, ProbeRule)>,
}

/// Reads `[[probes]]`, in the order of the file.
pub(super) fn read(root: &mut Section<'_>) -> Vec<Draft> {
    root.tables("probes").into_iter().map(read_one).collect()
}

fn read_one(mut section: Section<'_>) -> Draft {
    let name = checks::name(&mut section, "probe", &NAME);
    let get = section.required("get", &PathAndQuery);
    let every_ms = section.or("every", &EVERY, EVERY_DEFAULT_MS);
    // A probe that is made more often than the default timeout lasts gets a timeout to fit.
    let fitting_ms = every_ms.map_or(TIMEOUT_DEFAULT_MS, |every_ms| every_ms.min(TIMEOUT_DEFAULT_MS));
    let timeout_ms = section.or("timeout", &TIMEOUT, fitting_ms);
    let timeout = Term {
        key: "timeout",
        ms: timeout_ms,
        span: section.span_of("timeout"),
        place: section.place().to_owned(),
    };
    not_above(&mut section, timeout, "every", every_ms);
    let expect = expect(&mut section, timeout_ms);
    let critical = section.or("critical", &Flag, true);
    let ratio = ratio(&mut section);
    section.finish(&[]);
    let rule = (|| {
        let (name, _) = name.clone()?;
        let spec = CheckSpec {
            name: name.clone(),
            critical: critical?,
            probe: true,
            kind: CheckKind::Ratio(ratio?),
        };
        let rule =
            ProbeRule { name, get: get?, every_ms: every_ms?, timeout_ms: timeout_ms?, expect: expect? };
        Ok((spec, rule))
    })();
    Draft { name, rule }
}

/// Failures up to the limit do not matter unless a lower floor is given: one lost probe of few is no harm.
fn ratio(section: &mut Section<'_>) -> Read<RatioSpec> {
    let limit = section.or("limit", &LIMIT, 0.2);
    let tolerance = section.or("tolerance", &TOLERANCE, 1.5);
    let floor = section.optional("floor", &FLOOR);
    checks::floor_below_limit(section, floor, limit.map(Some));
    Ok(RatioSpec { tolerance: tolerance?, floor: Some(floor?.unwrap_or(limit?)), limit: Some(limit?) })
}

fn expect(section: &mut Section<'_>, timeout_ms: Read<u64>) -> Read<Expect> {
    let place = format!("`expect` of {}", section.place());
    let Some(mut expect) = section.table("expect", place)? else {
        return Ok(Expect { status: 200, body_contains: None, within_ms: None });
    };
    let status = expect.or("status", &STATUS, 200);
    let body_contains = expect.optional("body_contains", &Text { example: "\"ok\"" });
    let within_ms = expect.optional("within", &TIMEOUT);
    let (span, place) = (expect.span_of("within"), expect.place().to_owned());
    expect.finish(&[]);
    if let Ok(Some(within_ms)) = within_ms {
        let within = Term { key: "within", ms: Ok(within_ms), span, place };
        not_above(section, within, "timeout", timeout_ms);
    }
    Ok(Expect { status: status?, body_contains: body_contains?, within_ms: within_ms? })
}

/// A duration and where it stands.
struct Term {
    key: &'static str,
    ms: Read<u64>,
    span: Range<usize>,
    place: String,
}

fn not_above(section: &mut Section<'_>, term: Term, bound: &'static str, bound_ms: Read<u64>) {
    let Term { key, ms, span, place } = term;
    if let (Ok(ms), Ok(bound_ms)) = (ms, bound_ms)
        && ms > bound_ms
    {
        let (found, most) = (format_ms(ms), format_ms(bound_ms));
        let message = format!("`{key}` in {place} is {found}, above `{bound}` ({most})");
        let remedy = format!("choose at most {most}, or a longer `{bound}`");
        section.conflict(&[key, bound], span, message, remedy);
    }
}
