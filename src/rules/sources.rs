//! `[sources.NAME]`: where samples come from.

use std::ops::Range;

use super::address::Address;
use super::model::{PrometheusRule, RouterRule, SourceKind, SourceRule};
use super::nearest;
use super::section::{Item, Section};
use super::shape::{Choice, NAME_REMEDY, Text, Time, is_name};
use super::sink::{Read, Reported, Sink};

/// The kinds that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Embedded,
    Prometheus,
}

const KIND: Choice<Kind> = Choice {
    words: &[("embedded", Kind::Embedded), ("prometheus", Kind::Prometheus)],
    planned: &["cloudwatch", "scrape", "http-json"],
    example: "\"prometheus\"",
};

const URL: Address = Address { path: true, example: "\"http://127.0.0.1:9090\"" };

/// Below 100 ms a busy Prometheus never answers; a minute without samples is a blind check.
const TIMEOUT: Time = Time { min_ms: 100, max_ms: 60_000, example: "\"5s\"" };

/// A source as it was read.
pub(super) struct Draft {
    name: String,
    span: Range<usize>,
    /// Known even where the rest is wrong.
    kind: Read<Kind>,
    rule: Read<SourceKind>,
    /// Where a timeout is written.
    timeout: Option<Range<usize>>,
    used: std::cell::Cell<bool>,
}

/// Reads `[sources]`; sorted by name.
pub(super) fn read(root: &mut Section<'_>) -> Read<Vec<Draft>> {
    let Some(section) = root.table("sources", "[sources]")? else {
        return Ok(Vec::new());
    };
    Ok(section.entries().iter().filter_map(|item| read_one(item).ok()).collect())
}

fn read_one(item: &Item<'_>) -> Read<Draft> {
    if !is_name(&item.key) {
        return Err(item.sink().fault(
            item.key_span.clone(),
            format!("`{}` cannot name a source", item.key),
            NAME_REMEDY,
        ));
    }
    let mut section = item.section(format!("source `{}`", item.key))?;
    let span = section.span();
    let timeout = section.has("timeout").then(|| section.span_of("timeout"));
    let kind = section.required("kind", &KIND);
    let rule = match kind {
        Ok(Kind::Prometheus) => prometheus(section).map(SourceKind::Prometheus),
        Ok(Kind::Embedded) => {
            section.finish(&[]);
            Ok(SourceKind::Embedded)
        }
        // Which keys are valid depends on the kind.
        Err(Reported) => {
            section.finish_partly();
            Err(Reported)
        }
    };
    Ok(Draft { name: item.key.clone(), span, kind, rule, timeout, used: false.into() })
}

fn prometheus(mut section: Section<'_>) -> Read<PrometheusRule> {
    let url = section.required("url", &URL);
    let timeout_ms = section.or("timeout", &TIMEOUT, 5_000);
    section.finish(&[]);
    Ok(PrometheusRule { url: url?, timeout_ms: timeout_ms? })
}

/// The source that a check names, or the only one: its index, and its kind if that is known.
pub(super) fn resolve(check: &mut Section<'_>, sources: &Read<Vec<Draft>>) -> Read<(usize, Read<Kind>)> {
    let named = check.optional("source", &Text { example: "\"metrics\"" })?;
    let Ok(sources) = sources else {
        return Err(Reported);
    };
    let sink = check.sink();
    let known: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let at = match (named, sources.as_slice()) {
        (Some(name), _) => known.iter().position(|known| *known == name).ok_or_else(|| {
            let message =
                format!("{} names the source `{name}`, which this file does not have", check.place());
            let remedy = if known.is_empty() {
                format!("add `[sources.{name}]` with its `kind`")
            } else {
                nearest::remedy(&name, &known)
            };
            sink.absent_anywhere(check.span_of("source"), message, remedy)
        })?,
        (None, [_]) => 0,
        (None, []) => {
            let message = format!("{} has no source, and the file has none", check.place());
            return Err(sink.absent_anywhere(
                check.span(),
                message,
                "add `[sources.metrics]` with its `kind`",
            ));
        }
        (None, _) => {
            let all = nearest::list(&known);
            let remedy = format!("add `source = \"{}\"`: the file has {all}", known[0]);
            return Err(check.missing_one_of(&["source"], remedy));
        }
    };
    sources[at].used.set(true);
    Ok((at, sources[at].kind))
}

/// The sources as the daemon uses them.
pub(super) fn finish(
    sink: &Sink<'_>,
    drafts: Read<Vec<Draft>>,
    router: &Read<RouterRule>,
    tick_ms: Read<u64>,
) -> Read<Vec<SourceRule>> {
    let mut rules = Vec::new();
    for draft in drafts? {
        remark(sink, &draft, router, tick_ms);
        rules.push(draft.rule.map(|kind| SourceRule { name: draft.name, kind }));
    }
    rules.into_iter().collect()
}

fn remark(sink: &Sink<'_>, draft: &Draft, router: &Read<RouterRule>, tick_ms: Read<u64>) {
    let Draft { name, span, .. } = draft;
    if draft.kind == Ok(Kind::Embedded) && matches!(router, Ok(RouterRule::Haproxy(_))) {
        let message =
            format!("source `{name}` tells what the embedded router saw, and the router is another one");
        sink.fault(
            span.clone(),
            message,
            "use `[router] kind = \"embedded\"`, or a source of kind `prometheus`",
        );
    }
    if !draft.used.get() {
        sink.note(
            span.clone(),
            format!("source `{name}` is not used by any check"),
            "remove it, or name it in a check",
        );
    }
    if let (Ok(SourceKind::Prometheus(rule)), Some(at), Ok(tick_ms)) = (&draft.rule, &draft.timeout, tick_ms)
        && rule.timeout_ms > tick_ms
    {
        let message = format!("source `{name}` may take longer than a tick, and the tick waits for it");
        sink.note(at.clone(), message, "choose a `timeout` not above `tick` in [plan]");
    }
}
