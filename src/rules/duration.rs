//! Durations as the rules write them: `500ms`, `5s`, `1m`, `1h30m`, `1d`.
//!
//! Whole numbers with a unit each, the larger unit first. A bare number has no unit and is refused, because nobody
//! remembers whether a file counts in seconds or milliseconds.

use std::fmt::Write as _;

/// Units, largest first, in milliseconds. The order is the order in which a text may use them.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration in milliseconds. `None` when `text` is not one or does not fit 64 bits.
#[must_use]
pub fn parse_ms(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum_ms = 0_u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        // The iterator is not rewound, so a unit that came before, or is larger than one before, is not found.
        let (_, unit_ms) = units.find(|(name, _)| *name == &rest[..letters])?;
        rest = &rest[letters..];
        sum_ms = sum_ms.checked_add(number.checked_mul(*unit_ms)?)?;
    }
    (!text.is_empty()).then_some(sum_ms)
}

/// Writes a duration in the form that [`parse_ms`] reads: `90_000` is `1m30s`, `0` is `0s`.
#[must_use]
pub fn format_ms(mut ms: u64) -> String {
    if ms == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    for (name, unit_ms) in UNITS {
        if ms >= unit_ms {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{name}", ms / unit_ms);
            ms %= unit_ms;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_rules_write() {
        let cases = [
            ("500ms", 500),
            ("5s", 5_000),
            ("1m", 60_000),
            ("1h", 3_600_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("1m500ms", 60_500),
            ("0s", 0),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_ms(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let wrong = [
            "",
            "5",
            "s",
            "5 s",
            "1.5s",
            "-1s",
            "5sec",
            "5S",
            "30m1h",
            "1s1s",
            "s5",
            "5s ",
            "999999999999999999d",
            "٥s",
        ];
        for text in wrong {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms: u64) {
            prop_assert_eq!(parse_ms(&format_ms(ms)), Some(ms));
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".{0,40}") {
            let _ = parse_ms(&text);
        }
    }
}
