//! Which valid word was meant: for "did you mean" in [`super::Fault`] remedies.

/// The candidate nearest to `word` by edit distance, if one is near enough to be what was meant.
///
/// Near enough: a third of the longer word's letters, at least one. Beyond that a suggestion confuses more than the
/// list of valid words does. Upper case and `-` for `_` are no difference.
pub(crate) fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    // Longer than any valid word with its slack, and cheap to refuse: edit distance is quadratic.
    const LETTERS_MAX: usize = 64;
    if word.len() > LETTERS_MAX {
        return None;
    }
    let word = word.to_lowercase().replace('-', "_");
    candidates
        .iter()
        .map(|candidate| {
            let plain = candidate.to_lowercase().replace('-', "_");
            let slack = (plain.chars().count().max(word.chars().count()) / 3).max(1);
            (strsim::osa_distance(&word, &plain), slack, *candidate)
        })
        .filter(|(distance, slack, _)| distance <= slack)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(.., candidate)| candidate)
}

/// A remedy for an unknown word: the nearest valid one, or all of them.
pub(crate) fn remedy(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if candidates.is_empty() => "remove it: nothing is valid here".into(),
        None => format!("valid here: {}", list(candidates)),
    }
}

/// `` `a`, `b`, `c` ``
pub(crate) fn list<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{}`", word.as_ref())).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let keys = ["tolerance", "floor", "limit", "colours", "on_deadline"];
        let cases = [
            ("tolerence", Some("tolerance")),
            ("Limit", Some("limit")),
            ("colors", Some("colours")),
            ("on-deadline", Some("on_deadline")),
            ("flor", Some("floor")),
            ("threshold", None),
            ("x", None),
        ];
        for (word, meant) in cases {
            assert_eq!(nearest(word, &keys), meant, "{word}");
        }
    }

    #[test]
    fn lists_all_when_none_is_near() {
        assert_eq!(remedy("zebra", &["a", "b"]), "valid here: `a`, `b`");
    }
}
