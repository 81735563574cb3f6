//! `[colours.NAME]`: the two environments.
//!
//! Whether a colour needs a `url` or `labels` depends on who asks for them, so that is judged when the rest is read.

use std::ops::Range;

use url::Url;

use super::address::Address;
use super::model::ColourRule;
use super::section::Section;
use super::shape::{NAME_REMEDY, Shape, Text, is_name};
use super::sink::{Read, Reported, Sink};
use crate::sample::Colour;

const URL: Address = Address { path: false, example: "\"http://10.0.0.11:8080\"" };

const LABEL: Text = Text { example: "\"blue\"" };

/// One colour as it was read.
pub(super) struct Draft {
    pub colour: Colour,
    pub span: Range<usize>,
    url: Read<Option<Url>>,
    labels: Read<Vec<(String, String)>>,
}

/// Both colours, sorted by name.
pub(super) type Drafts = Read<[Draft; 2]>;

/// Reads `[colours]`.
pub(super) fn read(root: &mut Section<'_>) -> Drafts {
    let sink = root.sink();
    let Some(section) = root.table("colours", "[colours]")? else {
        return Err(root.missing("colours", "[colours.blue]"));
    };
    let drafts: Vec<Read<Draft>> = section
        .entries()
        .into_iter()
        .map(|item| {
            let place = format!("colour `{}`", item.key);
            let is_valid = is_name(&item.key);
            if !is_valid {
                sink.fault(
                    item.key_span.clone(),
                    format!("`{}` cannot name a colour", item.key),
                    NAME_REMEDY,
                );
            }
            let draft = item.section(place).map(|section| read_one(section, &item.key))?;
            if is_valid { draft } else { Err(Reported) }
        })
        .collect();
    exactly_two(sink, section.span(), drafts)
}

fn exactly_two(sink: &Sink<'_>, span: Range<usize>, drafts: Vec<Read<Draft>>) -> Drafts {
    let count = drafts.len();
    if count < 2 {
        let message = format!("a release is between two colours, and {count} is given");
        sink.absent_anywhere(span.clone(), message, "add the other one, such as `[colours.green]`");
    }
    let drafts: Vec<Draft> = drafts.into_iter().collect::<Read<_>>()?;
    if count > 2 {
        // The one that was written last is the one too many.
        let last =
            drafts.iter().map(|draft| draft.span.clone()).max_by_key(|span| span.start).unwrap_or(span);
        let message = format!("a release is between two colours, and {count} are given");
        return Err(sink.fault(last, message, "keep two; another pair is another service with its own file"));
    }
    drafts.try_into().map_err(|_| Reported)
}

fn read_one(mut section: Section<'_>, name: &str) -> Read<Draft> {
    let url = section.optional("url", &URL);
    let labels = labels(&mut section, name);
    let span = section.span();
    // A misspelt key is reported, and then the right one is not missing.
    let misspelt = section.finish(&[]);
    let url = if misspelt.contains(&"url") { Err(Reported) } else { url };
    let labels = if misspelt.contains(&"labels") { Err(Reported) } else { labels };
    Ok(Draft { colour: Colour::new(name).map_err(|_| Reported)?, span, url, labels })
}

fn labels(section: &mut Section<'_>, colour: &str) -> Read<Vec<(String, String)>> {
    let Some(table) = section.table("labels", format!("`labels` of colour `{colour}`"))? else {
        return Ok(Vec::new());
    };
    let labels: Vec<Read<(String, String)>> = table
        .entries()
        .into_iter()
        .map(|item| {
            if !is_label(&item.key) {
                let message = format!("`{}` cannot name a label", item.key);
                return Err(item.sink().fault(
                    item.key_span,
                    message,
                    "use letters, digits and `_`, not starting with a digit",
                ));
            }
            let value = LABEL.read(&item)?;
            Ok((item.key, value))
        })
        .collect();
    labels.into_iter().collect()
}

fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Both colours must say where they are reached, because `who` asks.
pub(super) fn need_urls(sink: &Sink<'_>, drafts: &Drafts, who: &str) {
    for draft in drafts.iter().flatten() {
        if draft.url == Ok(None) {
            let message = format!("colour `{}` has no `url`, and {who} needs it", draft.colour);
            sink.absent(draft.span.clone(), message, format!("add `url = {}`", URL.example));
        }
    }
}

/// The colours' series must be told apart, because `who` asks.
///
/// Different labels are not enough: `{a="1"}` also selects every series of `{a="1", b="2"}`, so one label that both
/// have must differ.
pub(super) fn need_labels(sink: &Sink<'_>, drafts: &Drafts, who: &str) {
    let Ok(drafts) = drafts else {
        return;
    };
    let mut is_missing = false;
    for draft in drafts {
        if draft.labels.as_ref().is_ok_and(Vec::is_empty) {
            is_missing = true;
            let message =
                format!("colour `{}` has no `labels`, and {who} needs them to tell its series", draft.colour);
            sink.absent(
                draft.span.clone(),
                message,
                format!("add `labels = {{ colour = \"{}\" }}`", draft.colour),
            );
        }
    }
    let [Draft { labels: Ok(first), .. }, Draft { labels: Ok(second), span, colour, .. }] = drafts else {
        return;
    };
    let differs = first.iter().any(|(key, value)| second.iter().any(|(k, v)| k == key && v != value));
    if !is_missing && !differs {
        let message = format!(
            "the labels of colour `{colour}` do not tell its series from those of `{}`",
            drafts[0].colour
        );
        sink.fault(span.clone(), message, "give one label that both have different values, such as `colour = \"blue\"` and `colour = \"green\"`");
    }
}

/// The colour that comes first in the file.
pub(super) fn first_written(drafts: &Drafts) -> Read<Colour> {
    let [first, second] = drafts.as_ref().map_err(|reported| *reported)?;
    let first = if second.span.start < first.span.start { second } else { first };
    Ok(first.colour.clone())
}

/// The colours as the daemon uses them.
pub(super) fn finish(drafts: Drafts) -> Read<[ColourRule; 2]> {
    let [first, second] =
        drafts?.map(|draft| Ok(ColourRule { colour: draft.colour, url: draft.url?, labels: draft.labels? }));
    Ok([first?, second?])
}
