//! A light look at PromQL before anything asks Prometheus: are braces and quotes closed, and is `{{labels}}` where it
//! can become matchers?
//!
//! This is no parser. It catches the slips that would otherwise show only in the middle of a release.

/// What stands for the colour's labels.
pub(super) const PLACEHOLDER: &str = "{{labels}}";

/// What is wrong, and where (byte offset and length in the query).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub at: usize,
    pub length: usize,
    pub message: String,
    pub remedy: &'static str,
}

fn flaw(at: usize, length: usize, message: impl Into<String>, remedy: &'static str) -> Flaw {
    Flaw { at, length, message: message.into(), remedy }
}

/// Whether a query is whole and tells the colours apart.
pub(super) fn check(query: &str) -> Result<(), Flaw> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut placeholders = 0;
    let mut at = 0;
    while let Some(c) = query[at..].chars().next() {
        match c {
            '"' | '\'' | '`' => at = end_of_quote(query, at, c)?,
            // `{{{labels}}}`: the first brace opens the selector.
            '{' if query[at..].starts_with("{{") && !query[at..].starts_with("{{{") => {
                at = end_of_placeholder(query, at, &open)?;
                placeholders += 1;
                continue;
            }
            '{' | '(' | '[' => open.push((at, c)),
            '}' | ')' | ']' => close(&mut open, at, c)?,
            _ => {}
        }
        at += query[at..].chars().next().map_or(0, char::len_utf8);
    }
    if let Some((at, c)) = open.pop() {
        return Err(flaw(at, 1, format!("`{c}` is never closed"), "close it, or remove it"));
    }
    if placeholders == 0 {
        let message = format!("no `{PLACEHOLDER}`, so both colours would be the same series");
        return Err(flaw(
            0,
            query.len(),
            message,
            "put `{{labels}}` inside the braces, such as `{service=\"checkout\", {{labels}}}`",
        ));
    }
    Ok(())
}

/// Whether a query is one counter (`name{…}`) and nothing more.
pub(super) fn check_selector(query: &str) -> Result<(), Flaw> {
    check(query)?;
    let start = query.find('{').unwrap_or(query.len());
    let end = query.rfind('}').map_or(start, |at| at + 1);
    let name = query[..start].trim();
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    // A second pair of braces means a second selector.
    let inner_close = closing_brace(query, start);
    if is_name && inner_close == Some(end - 1) && query[end..].trim().is_empty() {
        return Ok(());
    }
    Err(flaw(
        0,
        query.len(),
        "an expression where a counter is needed",
        "write the counter alone, such as `http_requests_total{ {{labels}} }`: differences and sums are taken by the daemon, series by series",
    ))
}

/// The metric's name in a selector; empty if it has none.
pub(super) fn metric(selector: &str) -> &str {
    selector.split('{').next().unwrap_or_default().trim()
}

/// Where the brace at `start` closes, in a query that [`check`] found whole.
fn closing_brace(query: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in query.char_indices().skip_while(|(at, _)| *at < start) {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(q), '\\') if q != '`' => escaped = true,
            (Some(q), _) if q == c => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 1 => return Some(at),
            (None, '}') => depth -= 1,
            // Inside quotes, or of no weight.
            _ => {}
        }
    }
    None
}

fn end_of_quote(query: &str, start: usize, quote: char) -> Result<usize, Flaw> {
    let mut escaped = false;
    for (at, c) in query[start..].char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if c == quote => {
                let inside = &query[start..start + at];
                if let Some(placeholder) = inside.find(PLACEHOLDER) {
                    let message = format!("`{PLACEHOLDER}` stands in quotes");
                    return Err(flaw(
                        start + placeholder,
                        PLACEHOLDER.len(),
                        message,
                        "take it out of the quotes: it becomes whole matchers, such as `colour=\"blue\"`",
                    ));
                }
                return Ok(start + at);
            }
            _ => {}
        }
    }
    Err(flaw(start, 1, format!("the quote `{quote}` is never closed"), "close it"))
}

fn end_of_placeholder(query: &str, start: usize, open: &[(usize, char)]) -> Result<usize, Flaw> {
    let Some(length) = query[start..].find("}}").map(|at| at + 2) else {
        return Err(flaw(start, 2, "`{{` is never closed", "write `{{labels}}`"));
    };
    let found = &query[start..start + length];
    if found != PLACEHOLDER {
        return Err(flaw(
            start,
            length,
            format!("`{found}` stands for nothing"),
            "write `{{labels}}`, exactly so; it is the only one",
        ));
    }
    if open.last().is_none_or(|(_, c)| *c != '{') {
        let message = format!("`{PLACEHOLDER}` stands outside the braces of a selector");
        return Err(flaw(
            start,
            length,
            message,
            "put it inside, such as `http_requests_total{ {{labels}} }`",
        ));
    }
    Ok(start + length)
}

fn close(open: &mut Vec<(usize, char)>, at: usize, c: char) -> Result<(), Flaw> {
    let partner = match c {
        '}' => '{',
        ')' => '(',
        _ => '[',
    };
    match open.pop() {
        Some((_, opened)) if opened == partner => Ok(()),
        Some((from, opened)) => Err(flaw(
            from,
            at + 1 - from,
            format!("`{opened}` is closed by `{c}`"),
            "close what was opened last first",
        )),
        None => Err(flaw(at, 1, format!("`{c}` closes nothing"), "remove it, or open it before")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_queries() {
        for right in [
            r#"http_requests_total{service="checkout", {{labels}}, code=~"5.."}"#,
            "x{{{labels}}}",
            "x{ {{labels}} }",
            r#"avg(rate(cpu{service="a}\"b", {{labels}}}[1m])) / 2"#,
        ] {
            assert_eq!(check(right), Ok(()), "{right}");
        }
    }

    #[test]
    fn flaws_are_placed() {
        let cases = [
            ("x{a=\"b\", {{labels}}", "`{` is never closed", 1..2),
            ("x{ {{labels}} }}", "`}` closes nothing", 15..16),
            ("rate(x{ {{labels}} }[1m]", "`(` is never closed", 4..5),
            ("x{a=\"b, {{labels}}}", "the quote `\"` is never closed", 4..5),
            ("x{a=\"b\"}", "no `{{labels}}`, so both colours would be the same series", 0..8),
            ("x{a=\"{{labels}}\"}", "`{{labels}}` stands in quotes", 5..15),
            ("x{{labels}}", "`{{labels}}` stands outside the braces of a selector", 1..11),
            ("x{ {{ labels }} }", "`{{ labels }}` stands for nothing", 3..15),
            ("x{ {{labels }", "`{{` is never closed", 3..5),
            ("x(y{ {{labels}} )}", "`{` is closed by `)`", 3..17),
        ];
        for (query, message, place) in cases {
            let flaw = check(query).expect_err(query);
            assert_eq!((flaw.message.as_str(), flaw.at..flaw.at + flaw.length), (message, place), "{query}");
        }
    }

    #[test]
    fn selectors_are_one_counter() {
        for right in ["a:b_total{x=\"}\", {{labels}}}", " { __name__=\"a\", {{labels}} } "] {
            assert_eq!(check_selector(right), Ok(()), "{right}");
        }
        for wrong in [
            "rate(a{ {{labels}} }[1m])",
            "a{ {{labels}} }[1m]",
            "a{ {{labels}} } + b{ {{labels}} }",
            "a{ {{labels}} } offset 5m",
            "-a{ {{labels}} }",
        ] {
            assert!(check_selector(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn flaws_lie_within_the_query(query in "[a-z{}()\\[\\]\"'`\\\\ é]{0,30}") {
            if let Err(flaw) = check_selector(&query) {
                prop_assert!(query.get(flaw.at..flaw.at + flaw.length).is_some());
            }
        }
    }
}
