//! How numbers read in a verdict: thousands separators, two significant digits, units.
//!
//! Used by the sentences of every kind of check; decides nothing.

use crate::evidence::Interval;

/// `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A number with so many significant digits, never in exponents unless it is tiny: `9.8`, `0.052`, `1,230`.
#[must_use]
pub fn significant(x: f64, digits: usize) -> String {
    if x == 0.0 {
        return "0".into();
    }
    // The exponent after rounding: 9.96 becomes 1.0e1 with two digits.
    let scientific = format!("{x:.*e}", digits.saturating_sub(1));
    let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse::<i64>().ok()).unwrap_or(0);
    let decimals = i64::try_from(digits).unwrap_or(2) - 1 - exponent;
    if decimals > 12 || exponent > 15 {
        return scientific;
    }
    let plain = format!("{x:.*}", usize::try_from(decimals).unwrap_or(0));
    match plain.parse::<u64>() {
        Ok(whole) => count(whole),
        Err(_) => plain,
    }
}

/// A share as a percentage with two significant digits: `0.52%`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{}%", significant(share * 100.0, 2))
}

/// A share as a percentage, as exactly as it was given: `99.5%`, `0.1%`.
#[must_use]
pub fn exact_percent(share: f64) -> String {
    // Rounded in the tenth digit, so that 0.07 does not read 7.000000000000001%.
    format!("{}%", (share * 1e10).round() / 1e8)
}

/// `5.1% (61 of 1,200)`, or `nothing yet`.
#[must_use]
pub fn rate(bad: u64, n: u64) -> String {
    if n == 0 {
        return "nothing yet".into();
    }
    let share = crate::evidence::count_to_float(bad) / crate::evidence::count_to_float(n);
    format!("{} ({} of {})", percent(share), count(bad), count(n))
}

/// An e-value by its logarithm: `e^9.3`.
#[must_use]
pub fn evidence(log_e: f64) -> String {
    // Adding 0 turns a rounded -0.0 into 0.0.
    format!("e^{:.1}", (log_e * 10.0).round() / 10.0 + 0.0)
}

/// `7 s`, `1 min 30 s`, `2 h`.
#[must_use]
pub fn duration(ms: u64) -> String {
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    if ms < 10_000 && !ms.is_multiple_of(1_000) {
        return format!("{}.{} s", ms / 1_000, ms % 1_000 / 100);
    }
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
    // Seconds no longer matter once there are hours.
    let shown = parts.iter().take(if hours > 0 { 2 } else { 3 });
    let words: Vec<String> = shown.filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    words.join(" ")
}

/// ` (4.1 to 22 at 99%)`, or what of it is known; empty where nothing is.
#[must_use]
pub fn interval(interval: Interval, alpha: f64) -> String {
    let level = exact_percent(1.0 - alpha);
    match (interval.low, interval.high) {
        (Some(low), Some(high)) => {
            format!(" ({} to {} at {level})", significant(low, 2), significant(high, 2))
        }
        (Some(low), None) => format!(" (at least {} at {level})", significant(low, 2)),
        (None, Some(high)) => format!(" (at most {} at {level})", significant(high, 2)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        for (x, expected) in [
            (9.84, "9.8"),
            (9.96, "10"),
            (22.3, "22"),
            (0.0524, "0.052"),
            (1.0, "1.0"),
            (1234.5, "1,234"),
            (0.0, "0"),
            (-0.3, "-0.30"),
            (1e-15, "1.0e-15"),
        ] {
            assert_eq!(significant(x, 2), expected);
        }
        assert_eq!(percent(0.0052), "0.52%");
        assert_eq!(percent(1.0), "100%");
        assert_eq!(exact_percent(0.07), "7%");
        assert_eq!(exact_percent(1.0 - 0.005), "99.5%");
        assert_eq!(rate(61, 1_200), "5.1% (61 of 1,200)");
        assert_eq!(rate(0, 0), "nothing yet");
    }

    #[test]
    fn evidence_and_time_read_well() {
        assert_eq!(evidence(9.31), "e^9.3");
        assert_eq!(evidence(-0.01), "e^0.0");
        for (ms, expected) in [
            (500, "500 ms"),
            (1_500, "1.5 s"),
            (7_000, "7 s"),
            (12_400, "12 s"),
            (90_000, "1 min 30 s"),
            (120_000, "2 min"),
            (3_900_000, "1 h 5 min"),
        ] {
            assert_eq!(duration(ms), expected);
        }
    }

    #[test]
    fn intervals_read_well() {
        let words = |low, high| interval(Interval { low, high }, 0.01);
        assert_eq!(words(Some(4.1), Some(22.0)), " (4.1 to 22 at 99%)");
        assert_eq!(words(Some(4.1), None), " (at least 4.1 at 99%)");
        assert_eq!(words(None, Some(2.0)), " (at most 2.0 at 99%)");
        assert_eq!(words(None, None), "");
    }
}
