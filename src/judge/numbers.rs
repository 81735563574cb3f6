//! Numbers as people read them: significant digits, thousands separators, units.

/// A rate as a percentage with two significant digits: `0.52%`, `5.1%`, `12%`.
#[must_use]
pub fn percent(rate: f64) -> String {
    format!("{}%", significant(rate * 100.0))
}

/// Two significant digits, or all digits before the point: `0.0052`, `9.8`, `140`.
#[must_use]
pub fn significant(x: f64) -> String {
    let size = x.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if size >= 99.5 {
        return format!("{x:.0}");
    }
    // Digits after the point that show two significant ones; 0.1% needs no `0.10%`.
    let digits = [9.95, 0.995, 0.0995, 0.009_95, 0.000_995].iter().filter(|bound| size < **bound).count();
    let text = format!("{x:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// With thousands separators: `1,200`.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `e^9.3`; evidence of one in a million reads easier as a power than as 1,000,000.
#[must_use]
pub fn e_value(log_e: f64) -> String {
    format!("e^{log_e:.1}")
}

/// The noun with its number: `1 tick`, `12 ticks`.
#[must_use]
pub fn count(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// A length of time as people write it: `1m 30s`, `250ms`, `2h`.
#[must_use]
pub fn span(ms: u64) -> String {
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    if ms < 60_000 {
        let tenths = ms / 100;
        return if tenths.is_multiple_of(10) {
            format!("{}s", tenths / 10)
        } else {
            format!("{}.{}s", tenths / 10, tenths % 10)
        };
    }
    let seconds = ms / 1_000;
    let parts =
        [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let words: Vec<String> =
        (parts.iter()).filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_well() {
        for (rate, text) in [
            (0.0, "0%"),
            (0.0052, "0.52%"),
            (0.051, "5.1%"),
            (0.1234, "12%"),
            (0.05, "5%"),
            (0.000_1, "0.01%"),
            (1.0, "100%"),
        ] {
            assert_eq!(percent(rate), text);
        }
        for (n, text) in [(0, "0"), (999, "999"), (1_200, "1,200"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), text);
        }
        assert_eq!(significant(9.84), "9.8");
        assert_eq!(significant(139.7), "140");
        assert_eq!(count(1, "tick"), "1 tick");
    }
}
