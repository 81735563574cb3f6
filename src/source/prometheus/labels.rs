//! `{{labels}}` in a query, and which colour a series belongs to.
//!
//! Where the colours' labels differ in one value only, one query serves both: `colour=~"blue|green"`, and the answer is
//! split by that label. Otherwise each colour is asked by itself.

use crate::rules::model::ColourRule;

/// The place in a query for the colour's labels.
const PLACE: &str = "{{labels}}";

/// How both colours are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// One query; a series belongs to the colour whose value its label has.
    Together {
        /// Matchers for both.
        matchers: String,
        /// The label that differs.
        label: String,
        /// Its values, in the order of the colours.
        values: [String; 2],
    },
    /// One query per colour.
    Apart([String; 2]),
}

/// Works out how to ask for both colours.
#[must_use]
pub fn select(colours: &[ColourRule; 2]) -> Selection {
    let [first, second] = [&colours[0].labels, &colours[1].labels];
    let same_keys = first.len() == second.len() && first.iter().zip(second).all(|(a, b)| a.0 == b.0);
    let mut differing = first.iter().zip(second).filter(|(a, b)| a.1 != b.1);
    if let (true, Some((a, b)), None) = (same_keys, differing.next(), differing.next()) {
        let either = format!("{}=~\"{}\"", a.0, quoted(&format!("{}|{}", regex(&a.1), regex(&b.1))));
        let shared = first.iter().filter(|(key, _)| *key != a.0).map(|(key, value)| equal(key, value));
        return Selection::Together {
            matchers: shared.chain([either]).collect::<Vec<_>>().join(","),
            label: a.0.clone(),
            values: [a.1.clone(), b.1.clone()],
        };
    }
    Selection::Apart([matchers(first), matchers(second)])
}

/// Both colours' matchers, each by itself: for expressions, which would merge colours.
#[must_use]
pub fn apart(colours: &[ColourRule; 2]) -> [String; 2] {
    [matchers(&colours[0].labels), matchers(&colours[1].labels)]
}

/// Puts matchers into a query.
#[must_use]
pub fn fill(query: &str, matchers: &str) -> String {
    query.replace(PLACE, matchers)
}

fn matchers(labels: &[(String, String)]) -> String {
    labels.iter().map(|(key, value)| equal(key, value)).collect::<Vec<_>>().join(",")
}

fn equal(key: &str, value: &str) -> String {
    format!("{key}=\"{}\"", quoted(value))
}

/// A value inside a PromQL string in double quotes.
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A value as a regular expression (RE2) that matches nothing else.
fn regex(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Colour;

    fn colour(name: &str, labels: &[(&str, &str)]) -> ColourRule {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        ColourRule { colour: Colour::new(name).unwrap(), url: None, labels }
    }

    #[test]
    fn one_differing_value_is_asked_together() {
        let pair = [
            colour("a", &[("app", "shop"), ("ver", "v1.2")]),
            colour("b", &[("app", "shop"), ("ver", "v\"2")]),
        ];
        let Selection::Together { matchers, label, values } = select(&pair) else { panic!("together") };
        assert_eq!(matchers, r#"app="shop",ver=~"v1\\.2|v\"2""#);
        assert_eq!((label.as_str(), values), ("ver", ["v1.2".to_owned(), "v\"2".to_owned()]));
        assert_eq!(fill("x{a=\"b\", {{labels}}}", &matchers), r#"x{a="b", app="shop",ver=~"v1\\.2|v\"2"}"#);
    }

    #[test]
    fn other_differences_are_asked_apart() {
        let pair = [colour("a", &[("x", "1"), ("y", "1")]), colour("b", &[("x", "2"), ("y", "2")])];
        assert_eq!(select(&pair), Selection::Apart(["x=\"1\",y=\"1\"".into(), "x=\"2\",y=\"2\"".into()]));
        let pair = [colour("a", &[("x", "1")]), colour("b", &[("y", "1")])];
        assert_eq!(select(&pair), Selection::Apart(["x=\"1\"".into(), "y=\"1\"".into()]));
    }
}
