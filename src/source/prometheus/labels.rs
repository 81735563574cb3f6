//! From a rule's text to PromQL: what `{{labels}}` becomes, and whether one query can serve both colours.
//!
//! A selector keeps its series apart, so both colours can be fetched by one query and told apart afterwards by the
//! label in which they differ. That halves the load on the server and shows both colours at one moment.
//! An expression (`avg(...)`) would merge the colours, so it is always asked once per colour.
//! Pure: [`super::ask`] sends what is made here, [`super::series`] splits what comes back.

use crate::sample::Colour;

use crate::rules::model::ColourRule;

/// What the rules write where a colour's label matchers belong.
const PLACE: &str = "{{labels}}";

/// Why a query of the rules cannot be asked for two colours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// The same query would be asked for both colours.
    #[error(
        "check `{check}`: `{query}` does not say where the colour's labels go: write {{{{labels}}}} among its matchers, \
         as in `http_requests_total{{{{{{labels}}}}}}`"
    )]
    NoLabels {
        /// The check's name.
        check: String,
        /// The query as written.
        query: String,
    },
    /// Some other name stands in double braces.
    #[error("check `{check}`: `{query}` has double braces around something else than `labels`")]
    UnknownPlace {
        /// The check's name.
        check: String,
        /// The query as written.
        query: String,
    },
    /// A counter query brings its own range.
    #[error(
        "check `{check}`: `{query}` has a range of its own: write the plain selector without `[...]`, \
         the range is chosen to cover the time since the last tick"
    )]
    Range {
        /// The check's name.
        check: String,
        /// The query as written.
        query: String,
    },
    /// A colour has no labels, so its queries would match the other colour's series too.
    #[error("colour `{0}` has no labels: give it `labels = {{ ... }}` that tell its series apart")]
    Unlabelled(Colour),
    /// All labels of the first are among those of the second (or they are the same).
    #[error(
        "the labels of colour `{0}` match the series of `{1}`, too: at least one label must differ in its value"
    )]
    Overlap(Colour, Colour),
    /// A label key that PromQL has no room for.
    #[error(
        "colour `{colour}`: `{key}` is not a label name: use letters, digits and `_`, not starting with a digit"
    )]
    BadKey {
        /// Whose label.
        colour: Colour,
        /// The key as written.
        key: String,
    },
}

/// How one text of the rules is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// One query for both colours, whose series are told apart by the value of `key`.
    Joint {
        /// The query.
        promql: String,
        /// The label in which the colours differ.
        key: String,
        /// Its value for each colour, in the order of the colours.
        values: [String; 2],
    },
    /// One query for each colour, in the order of the colours.
    Each([String; 2]),
}

/// Checks that the colours can be told apart at all.
///
/// # Errors
/// When one has no labels, or none that the other one has not, or a key is not a label name.
pub fn check_colours(colours: &[ColourRule; 2]) -> Result<(), BadQuery> {
    for rule in colours {
        if rule.labels.is_empty() {
            return Err(BadQuery::Unlabelled(rule.colour.clone()));
        }
        if let Some((key, _)) = rule.labels.iter().find(|(key, _)| !is_label_name(key)) {
            return Err(BadQuery::BadKey { colour: rule.colour.clone(), key: key.clone() });
        }
    }
    let within = |a: usize, b: usize| {
        let all = &colours[b].labels;
        colours[a].labels.iter().all(|label| all.contains(label))
    };
    for (a, b) in [(0, 1), (1, 0)] {
        if within(a, b) {
            let [a, b] = [a, b].map(|i| colours[i].colour.clone());
            return Err(BadQuery::Overlap(a, b));
        }
    }
    Ok(())
}

/// A selector of counters or buckets: one query for both colours where their labels allow it.
///
/// # Errors
/// When the text has no place for the labels, an unknown place, or a range of its own.
pub fn selector(check: &str, text: &str, colours: &[ColourRule; 2]) -> Result<Question, BadQuery> {
    let text = text.trim();
    if text.ends_with(']') {
        return Err(BadQuery::Range { check: check.into(), query: text.into() });
    }
    let Some(at) = differing_label(colours) else {
        return expression(check, text, colours);
    };
    let (key, _) = &colours[0].labels[at];
    let values = [0, 1].map(|i| colours[i].labels[at].1.clone());
    Ok(Question::Joint {
        promql: fill(check, text, &joint_matchers(&colours[0].labels, at, &values))?,
        key: key.clone(),
        values,
    })
}

/// An expression with one number per colour: one query for each.
///
/// # Errors
/// When the text has no place for the labels, or an unknown place.
pub fn expression(check: &str, text: &str, colours: &[ColourRule; 2]) -> Result<Question, BadQuery> {
    let text = text.trim();
    let [first, second] = colours;
    Ok(Question::Each([
        fill(check, text, &matchers(&first.labels))?,
        fill(check, text, &matchers(&second.labels))?,
    ]))
}

fn fill(check: &str, text: &str, matchers: &str) -> Result<String, BadQuery> {
    if !text.contains(PLACE) {
        return Err(BadQuery::NoLabels { check: check.into(), query: text.into() });
    }
    // What is left of the text must not hold double braces; the values that are filled in may.
    if text.replace(PLACE, "").contains("{{") {
        return Err(BadQuery::UnknownPlace { check: check.into(), query: text.into() });
    }
    Ok(text.replace(PLACE, matchers))
}

/// The one label in which the colours differ, if all their keys are the same and just one value is not.
fn differing_label(colours: &[ColourRule; 2]) -> Option<usize> {
    let [first, second] = colours.each_ref().map(|rule| &rule.labels);
    let same_keys = first.len() == second.len() && first.iter().zip(second).all(|(a, b)| a.0 == b.0);
    if !same_keys {
        return None;
    }
    let mut differing = (0..first.len()).filter(|&i| first[i].1 != second[i].1);
    let at = differing.next()?;
    // An empty value also matches series without the label, which could not be told apart by it.
    let tellable = !first[at].1.is_empty() && !second[at].1.is_empty();
    (differing.next().is_none() && tellable).then_some(at)
}

fn matchers(labels: &[(String, String)]) -> String {
    let each: Vec<_> = labels.iter().map(|(key, value)| exactly(key, value)).collect();
    each.join(", ")
}

fn joint_matchers(labels: &[(String, String)], at: usize, values: &[String; 2]) -> String {
    let either = values.each_ref().map(|value| escape_regex(value)).join("|");
    let each: Vec<_> = labels
        .iter()
        .enumerate()
        .map(|(i, (key, value))| match value {
            // PromQL anchors the pattern at both ends.
            _ if i == at => format!("{key}=~\"{}\"", escape_string(&either)),
            value => exactly(key, value),
        })
        .collect();
    each.join(", ")
}

fn exactly(key: &str, value: &str) -> String {
    format!("{key}=\"{}\"", escape_string(value))
}

/// For a PromQL string in double quotes, which follows the rules of Go.
fn escape_string(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// As RE2's `QuoteMeta` does.
fn escape_regex(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn is_label_name(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colours(first: &[(&str, &str)], second: &[(&str, &str)]) -> [ColourRule; 2] {
        [("blue", first), ("green", second)].map(|(name, labels)| ColourRule {
            colour: Colour::new(name).unwrap(),
            url: None,
            labels: labels.iter().map(|&(k, v)| (k.into(), v.into())).collect(),
        })
    }

    #[test]
    fn one_query_serves_both_colours_that_differ_in_one_label() {
        let colours =
            colours(&[("app", "shop"), ("colour", "blue")], &[("app", "shop"), ("colour", "green")]);
        let asked = selector("errors", "requests_total{ {{labels}}, code=~\"5..\"} ", &colours);
        let promql = r#"requests_total{ app="shop", colour=~"blue|green", code=~"5.."}"#;
        let joint = Question::Joint {
            promql: promql.into(),
            key: "colour".into(),
            values: ["blue".into(), "green".into()],
        };
        assert_eq!(asked.unwrap(), joint);
    }

    #[test]
    fn colours_that_differ_otherwise_are_asked_one_by_one() {
        let two_labels = colours(&[("a", "1"), ("b", "1")], &[("a", "2"), ("b", "2")]);
        let other_keys = colours(&[("colour", "blue")], &[("version", "2")]);
        let empty_value = colours(&[("canary", "")], &[("canary", "yes")]);
        for colours in [two_labels, other_keys, empty_value] {
            let asked = selector("errors", "x{{{labels}}}", &colours).unwrap();
            assert!(matches!(asked, Question::Each(_)), "{asked:?}");
        }
    }

    #[test]
    fn three_braces_in_a_row_are_a_selector_around_the_labels() {
        let colours = colours(&[("c", "b")], &[("c", "g")]);
        let asked = expression("cpu", "avg(cpu{{{labels}}})", &colours).unwrap();
        let each = [r#"avg(cpu{c="b"})"#.into(), r#"avg(cpu{c="g"})"#.into()];
        assert_eq!(asked, Question::Each(each));
    }

    #[test]
    fn values_are_escaped_for_strings_and_for_patterns() {
        let colours = colours(&[("c", "a.b\"\\\n")], &[("c", "a|{{b}}")]);
        let Question::Joint { promql, .. } = selector("e", "x{{{labels}}}", &colours).unwrap() else {
            panic!("joint expected");
        };
        let pattern = r#"a\\.b\"\\\\\n|a\\|\\{\\{b\\}\\}"#;
        assert_eq!(promql, format!("x{{c=~\"{pattern}\"}}"));
        let Question::Each([first, _]) = expression("e", "x{{{labels}}}", &colours).unwrap() else {
            panic!("one each expected");
        };
        assert_eq!(first, r#"x{c="a.b\"\\\n"}"#);
    }

    #[test]
    fn a_query_that_cannot_tell_the_colours_apart_is_refused() {
        let colours = colours(&[("c", "b")], &[("c", "g")]);
        let refused = |text| selector("e", text, &colours).unwrap_err().to_string();
        assert!(refused("up").contains("{{labels}}"), "{}", refused("up"));
        assert!(refused("up{{{labels}}, {{lables}}}").contains("something else"));
        assert!(refused("up{{{labels}}}[5m]").contains("without `[...]`"));
    }

    #[test]
    fn labels_that_cannot_tell_the_colours_apart_are_refused() {
        let refused = |a, b| check_colours(&colours(a, b)).unwrap_err().to_string();
        assert!(refused(&[], &[("c", "g")]).contains("`blue` has no labels"));
        assert!(refused(&[("c", "g")], &[("c", "g")]).contains("must differ"));
        let subset = refused(&[("a", "1"), ("b", "2")], &[("a", "1")]);
        assert!(subset.contains("`green` match the series of `blue`"), "{subset}");
        assert!(refused(&[("c-d", "g")], &[("c", "g")]).contains("`c-d` is not a label name"));
        assert!(check_colours(&colours(&[("c", "b")], &[("c", "g")])).is_ok());
    }
}
