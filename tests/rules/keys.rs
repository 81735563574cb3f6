//! Every key for itself: its wrong types, its range, and the unknown key beside it.

use crate::common::{BASE, each_brings_one_error, errors, with};

/// Each key's line, as it stands in the base file, and the words of the type that it must have.
const KEYS: &[(&str, &str)] = &[
    ("name = \"checkout\"", "a text in quotes"),
    ("url = \"http://10.0.0.11:8080\"", "a text in quotes"),
    ("labels = { colour = \"blue\" }", "a table"),
    ("kind = \"haproxy\"", "a text in quotes"),
    ("socket = \"/run/haproxy/admin.sock\"", "a text in quotes"),
    ("backend = \"shop\"", "a text in quotes"),
    ("servers = { blue = [\"blue1\"], green = [\"green1\"] }", "a table"),
    ("timeout = \"3s\"", "a duration with its unit, in quotes"),
    ("kind = \"prometheus\"", "a text in quotes"),
    ("url = \"http://127.0.0.1:9090\"", "a text in quotes"),
    ("timeout = \"4s\"", "a duration with its unit, in quotes"),
    ("tick = \"5s\"", "a duration with its unit, in quotes"),
    ("steps = [1, 5, 25.5, 50]", "a list in brackets"),
    ("hold = \"61s\"", "a duration with its unit, in quotes"),
    ("advance = \"healthy\"", "a text in quotes"),
    ("warmup = \"30s\"", "a duration with its unit, in quotes"),
    ("\ndeadline = \"2h\"", "a duration with its unit, in quotes"),
    ("on_deadline = \"promote\"", "a text in quotes"),
    ("on_blind = \"revert\"", "a text in quotes"),
    ("blind_after = \"121s\"", "a duration with its unit, in quotes"),
    ("on_silent = \"hold\"", "a text in quotes"),
    ("silent_after = \"122s\"", "a duration with its unit, in quotes"),
    ("soak = \"11m\"", "a duration with its unit, in quotes"),
    ("false_revert = 0.02", "a number"),
    ("missed_harm = 0.06", "a number"),
    ("\nrate = 300", "a number"),
    ("error_rate = 0.004", "a number"),
    ("name = \"errors\"", "a text in quotes"),
    ("kind = \"ratio\"", "a text in quotes"),
    ("source = \"metrics\"", "a text in quotes"),
    ("bad = 'requests_total{ {{labels}}, code=\"500\"}'", "a text in quotes"),
    ("total = 'requests_total{ {{labels}} }'", "a text in quotes"),
    ("tolerance = 1.5", "a number"),
    ("floor = 0.001", "a number"),
    ("limit = 0.05", "a number"),
    ("histogram = 'seconds_bucket{ {{labels}} }'", "a text in quotes"),
    ("quantiles = { p50 = 1.2, p99 = 1.6 }", "a table"),
    ("limit = { over = \"1500ms\", share = 0.03 }", "a table"),
    ("query = 'avg(cpu{ {{labels}} })'", "a text in quotes"),
    ("direction = \"either\"", "a text in quotes"),
    ("limit = { below = 0.25, for = \"90s\" }", "a table"),
    ("critical = false", "`true` or `false`"),
    ("get = \"/shop\"", "a text in quotes"),
    ("every = \"20s\"", "a duration with its unit, in quotes"),
    ("timeout = \"10s\"", "a duration with its unit, in quotes"),
    ("expect = { status = 204, body_contains = \"yes\", within = \"500ms\" }", "a table"),
    ("limit = 0.3", "a number"),
];

/// A value of every type that is none of the right ones brings one error, which points at the value.
#[test]
fn every_key_of_a_wrong_type() {
    let values = [
        ("\"text\"", "a text", "a text"),
        ("7", "a whole number", "a number"),
        ("true", "true or false", "`true` or `false`"),
        ("[7]", "a list", "a list"),
        ("{ a = 7 }", "a table", "a table"),
        ("1979-05-27", "a date or time", "-"),
    ];
    for (line, expected) in KEYS {
        let key = line.split(" =").next().unwrap();
        for (value, found, kind) in values {
            if expected.starts_with(kind) || (kind == "a text" && expected.contains("in quotes")) {
                continue;
            }
            let changed = with(BASE, line, &format!("{key} = {value}"));
            let errors = errors(&changed);
            let at = BASE.find(line).unwrap() + key.len() + 3;
            let (row, column) =
                (changed[..at].matches('\n').count() + 1, at - changed[..at].rfind('\n').unwrap());
            let start = format!("{row}:{column} `{value}` `{}` in ", key.trim());
            assert_eq!(errors.len(), 1, "{key} = {value}: {errors:#?}");
            assert!(errors[0].starts_with(&start), "{key} = {value}: {errors:#?}");
            assert!(
                errors[0].contains(&format!(" must be {expected}, not {found} | ")),
                "{key} = {value}: {errors:#?}"
            );
        }
    }
}

/// A letter too many in any key: one error that names the right one.
#[test]
fn every_key_misspelt() {
    for (line, _) in KEYS {
        let (key, rest) = line.trim_start().split_once(" =").unwrap();
        let changed = with(BASE, line.trim_start_matches('\n'), &format!("{key}x ={rest}")).clone();
        let found = errors(&changed);
        let errors: Vec<&String> =
            found.iter().filter(|error| error.contains(&format!("unknown key `{key}x`"))).collect();
        assert_eq!((errors.len(), found.len()), (1, 1), "{key}: {found:#?}");
        assert!(errors[0].ends_with(&format!("did you mean `{key}`?")), "{key}: {found:#?}");
    }
}

/// Without a key that must be there: one error at the head of the table.
#[test]
fn every_key_left_out() {
    let required = [
        "name = \"checkout\"",
        "kind = \"haproxy\"",
        "socket = ",
        "backend = ",
        "servers = ",
        "kind = \"prometheus\"",
        "url = \"http://127",
        "rate = ",
        "error_rate = ",
        "name = \"errors\"",
        "kind = \"ratio\"",
        "bad = ",
        "total = ",
        "tolerance = 1.5",
        "name = \"latency\"",
        "histogram = ",
        "name = \"cpu\"",
        "query = ",
        "tolerance = 1.3",
        "name = \"home\"",
        "get = ",
    ];
    for key in required {
        let line = BASE.lines().find(|line| line.starts_with(key)).unwrap();
        let found = errors(&with(BASE, &format!("{line}\n"), ""));
        let name = key.split(" =").next().unwrap();
        assert_eq!(found.len(), 1, "{key}: {found:#?}");
        assert!(found[0].contains(&format!("]` `{name}` is missing in ")), "{key}: {found:#?}");
        assert!(found[0].contains(&format!("| add `{name} = ")), "{key}: {found:#?}");
    }
    for (key, name) in
        [("over = \"1500ms\", ", "over"), (", share = 0.03", "share"), (", for = \"90s\"", "for")]
    {
        let found = errors(&with(BASE, key, ""));
        assert_eq!(found.len(), 1, "{key}: {found:#?}");
        assert!(found[0].contains(&format!("`{name}` is missing in `limit` of check ")), "{key}: {found:#?}");
    }
}

/// At every level of the file.
#[test]
fn unknown_keys_at_each_level() {
    let unknown = |from: &str, to: &str, at: &str, place: &str, remedy: &str| {
        let found = errors(&with(BASE, from, to));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains(&format!("`{at}` unknown key `{at}` in {place} | {remedy}")), "{found:#?}");
    };
    unknown("[plan]", "[plans]", "plans", "the file", "did you mean `plan`?");
    unknown(
        "[service]",
        "[[webhooks]]\n[service]",
        "webhooks",
        "the file",
        "valid here: `service`, `colours`, `router`, `sources`, `plan`, `traffic`, `checks`, `probes`",
    );
    unknown("[service]", "[service]\nnmae = 1", "nmae", "[service]", "did you mean `name`?");
    unknown(
        "labels = { colour = \"blue\" }",
        "label = { colour = \"blue\" }\nlabels = { colour = \"blue\" }",
        "label",
        "colour `blue`",
        "did you mean `labels`?",
    );
    unknown(
        "status = 204",
        "status = 204, withn = 1",
        "withn",
        "`expect` of probe `home`",
        "did you mean `within`?",
    );
    unknown(
        "share = 0.03",
        "share = 0.03, ovr = 1",
        "ovr",
        "`limit` of check `latency`",
        "did you mean `over`?",
    );
    unknown("below = 0.25", "below = 0.25, For = 1", "For", "`limit` of check `cpu`", "did you mean `for`?");
    unknown(
        "[colours.blue]\nurl",
        "[colours.blue]\nzebra = 1\nurl",
        "zebra",
        "colour `blue`",
        "valid here: `url`, `labels`",
    );
}

#[test]
fn ranges_are_stated() {
    each_brings_one_error(
        BASE,
        &[
            (
                "tick = \"5s\"",
                "tick = \"99ms\"",
                "\"99ms\"",
                "`tick` in [plan] must be 100ms to 10m, not 99ms",
                "choose 100ms to 10m, such as `\"5s\"`",
            ),
            (
                "tick = \"5s\"",
                "tick = 5",
                "5",
                "`tick` in [plan] must be a duration with its unit, in quotes, not a whole number",
                "for seconds, write `tick = \"5s\"`",
            ),
            (
                "tick = \"5s\"",
                "tick = \"5 sec\"",
                "\"5 sec\"",
                "`tick` in [plan] is not a duration",
                "write whole numbers with `ms`, `s`, `m`, `h` or `d`, such as `\"500ms\"`, `\"5s\"` or `\"1h30m\"`",
            ),
            (
                "hold = \"61s\"",
                "hold = \"8d\"",
                "\"8d\"",
                "`hold` in [plan] must be 0s to 7d, not 8d",
                "choose 0s to 7d, such as `\"1m\"`",
            ),
            (
                "tolerance = 1.5",
                "tolerance = 1",
                "1",
                "`tolerance` in check `errors` must be above 1 and at most 100, not 1",
                "choose above 1 and at most 100, such as `1.5`",
            ),
            (
                "tolerance = 1.5",
                "tolerance = nan",
                "nan",
                "`tolerance` in check `errors` must be above 1 and at most 100, not NaN",
                "choose above 1 and at most 100, such as `1.5`",
            ),
            (
                "tolerance = 1.3",
                "tolerance = 1e999",
                "1e999",
                "`tolerance` in check `cpu` must be above 1 and at most 100, not inf",
                "choose above 1 and at most 100, such as `1.5`",
            ),
            (
                "limit = 0.05",
                "limit = 5",
                "5",
                "`limit` in check `errors` must be above 0 and below 1, not 5",
                "choose above 0 and below 1, such as `0.05`",
            ),
            (
                "false_revert = 0.02",
                "false_revert = 0.51",
                "0.51",
                "`false_revert` in [plan] must be above 0 and at most 0.5, not 0.51",
                "choose above 0 and at most 0.5, such as `0.01`",
            ),
            (
                "\nrate = 300",
                "\nrate = 0",
                "0",
                "`rate` in [traffic] must be above 0 and at most 100000000, not 0",
                "choose above 0 and at most 100000000, such as `200`",
            ),
            (
                "error_rate = 0.004",
                "error_rate = 1",
                "1",
                "`error_rate` in [traffic] must be at least 0 and below 1, not 1",
                "choose at least 0 and below 1, such as `0.005`",
            ),
            (
                "below = 0.25",
                "below = inf",
                "inf",
                "`below` in `limit` of check `cpu` must be a finite number, not inf",
                "choose a finite number, such as `0.95`",
            ),
            (
                "status = 204",
                "status = 600",
                "600",
                "`status` in `expect` of probe `home` must be 200 to 599, not 600",
                "choose 200 to 599, such as `200`",
            ),
            (
                "every = \"20s\"",
                "every = \"50ms\"",
                "\"50ms\"",
                "`every` in probe `home` must be 100ms to 10m, not 50ms",
                "choose 100ms to 10m, such as `\"5s\"`",
            ),
            (
                "name = \"cpu\"",
                "name = \"the cpu\"",
                "\"the cpu\"",
                "`name` in check 3 is not a name",
                "use 1 to 63 letters, digits, `_` or `-`",
            ),
            (
                "name = \"checkout\"",
                "name = \" \"",
                "\" \"",
                "`name` in [service] is empty",
                "write `name = \"checkout\"`",
            ),
            (
                "on_deadline = \"promote\"",
                "on_deadline = \"promte\"",
                "\"promte\"",
                "`on_deadline` in [plan] cannot be `promte`",
                "did you mean `promote`? valid: `revert`, `hold`, `promote`",
            ),
            (
                "on_blind = \"revert\"",
                "on_blind = \"panic\"",
                "\"panic\"",
                "`on_blind` in [plan] cannot be `panic`",
                "valid: `hold`, `revert`",
            ),
        ],
    );
}

#[test]
fn steps() {
    let rising = "sort them and name each once";
    each_brings_one_error(
        BASE,
        &[
            (
                "[1, 5, 25.5, 50]",
                "[1, 5, 25, 100]",
                "100",
                "entry 4 of `steps` in [plan] is 100: a step is a share of the traffic before the promotion",
                "remove it: 100 percent follows when the last step is healthy",
            ),
            (
                "[1, 5, 25.5, 50]",
                "[5, 1]",
                "[5, 1]",
                "`steps` in [plan] must rise, and 1% follows 5%",
                rising,
            ),
            (
                "[1, 5, 25.5, 50]",
                "[5, 5.001]",
                "[5, 5.001]",
                "`steps` in [plan] must rise, and 5% follows 5%",
                rising,
            ),
            (
                "[1, 5, 25.5, 50]",
                "[0, 5]",
                "0",
                "entry 1 of `steps` in [plan] must be at least 0.01 and at most 99.99, not 0",
                "choose at least 0.01 and at most 99.99, such as `5`",
            ),
            (
                "[1, 5, 25.5, 50]",
                "[1, \"5\"]",
                "\"5\"",
                "entry 2 of `steps` in [plan] must be a number, not a text",
                "choose at least 0.01 and at most 99.99, such as `5`",
            ),
            (
                "[1, 5, 25.5, 50]",
                "[]",
                "[]",
                "`steps` in [plan] must have 1 to 50 entries, not 0",
                "write `steps = [1, 5, 25, 50]`",
            ),
        ],
    );
    let many: Vec<String> = (1..=51).map(|step| step.to_string()).collect();
    let found = errors(&with(BASE, "[1, 5, 25.5, 50]", &format!("[{}]", many.join(", "))));
    assert!(found[0].contains("must have 1 to 50 entries, not 51"), "{found:#?}");
    // Two entries, two errors.
    assert_eq!(errors(&with(BASE, "[1, 5, 25.5, 50]", "[0, 5, 100]")).len(), 2);
}
