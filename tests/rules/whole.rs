//! Whole files with several mistakes: what a person sees.

use std::path::Path;

use assize::rules::diagnostics::{self, Severity};
use assize::rules::{BYTES_MAX, compile, load};

use crate::common::{BASE, EMBEDDED, errors, with};

const FIVE_MISTAKES: &str = include_str!("../../fixtures/rules/five-mistakes.toml");

#[test]
fn five_mistakes_are_five_errors() {
    let faults = compile(FIVE_MISTAKES).unwrap_err();
    let shown = diagnostics::render(
        FIVE_MISTAKES,
        &diagnostics::of_faults(Path::new("checkout.toml"), FIVE_MISTAKES, &faults),
    );
    insta::assert_snapshot!(shown, @r#"
checkout.toml:11:8: error: `kind` in [router]: `nginx` is not available in this version
   |
11 | kind = "nginx"
   |        ^^^^^^^
   = help: available: `embedded`, `haproxy`

checkout.toml:18:8: error: `tick` in [plan] must be a duration with its unit, in quotes, not a whole number
   |
18 | tick = 5
   |        ^
   = help: for seconds, write `tick = "5s"`

checkout.toml:19:20: error: entry 4 of `steps` in [plan] is 100: a step is a share of the traffic before the promotion
   |
19 | steps = [1, 5, 25, 100]
   |                    ^^^
   = help: remove it: 100 percent follows when the last step is healthy

checkout.toml:24:10: error: check `errors` names the source `metrcs`, which this file does not have
   |
24 | source = "metrcs"
   |          ^^^^^^^^
   = help: did you mean `metrics`?

checkout.toml:27:1: error: unknown key `tolerence` in check `errors`
   |
27 | tolerence = 1.5
   | ^^^^^^^^^
   = help: did you mean `tolerance`?
"#);
}

#[test]
fn the_same_for_programs() {
    let diagnostics = load(Path::new("etc/checkout.toml"), FIVE_MISTAKES).unwrap_err();
    assert_eq!(
        serde_json::to_value(&diagnostics[4]).unwrap(),
        serde_json::json!({
            "file": "etc/checkout.toml",
            "line": 27,
            "column": 1,
            "text": "tolerence",
            "message": "unknown key `tolerence` in check `errors`",
            "remedy": "did you mean `tolerance`?",
            "severity": "error",
        })
    );
}

#[test]
fn an_empty_file_says_what_is_needed() {
    insta::assert_snapshot!(errors("").join("\n"), @r#"
1:1 `` no `[[checks]]` and no `[[probes]]`: nothing could ever be proved healthy | add one, such as a check of kind `ratio` on errors
1:1 `` `service` is missing in the file | add `[service]`
1:1 `` `colours` is missing in the file | add `[colours.blue]`
1:1 `` `router` is missing in the file | add `[router]`
"#);
    insta::assert_snapshot!(errors("[[checks]]\n").join("\n"), @r#"
1:1 `[[checks]]` check 1 has no source, and the file has none | add `[sources.metrics]` with its `kind`
1:1 `[[checks]]` `name` is missing in check 1 | add `name = "errors"`
1:1 `[[checks]]` `kind` is missing in check 1 | add `kind = "ratio"`
1:1 `` `service` is missing in the file | add `[service]`
1:1 `` `colours` is missing in the file | add `[colours.blue]`
1:1 `` `router` is missing in the file | add `[router]`
"#);
}

#[test]
fn syntax_and_meaning_are_reported_together() {
    let text = with(BASE, "hold = \"61s\"", "hold 61s");
    let text = with(&text, "false_revert = 0.02", "false_revert = 2");
    let text = with(&text, "every = \"20s\"", "every = 20s");
    let text = with(&text, "kind = \"value\"", "kind = \"values\"");
    insta::assert_snapshot!(errors(&text).join("\n"), @r#"
26:1 `hold 61s` not valid TOML: key with no value | put `=` between key and value
36:16 `2` `false_revert` in [plan] must be above 0 and at most 0.5, not 2 | choose above 0 and at most 0.5, such as `0.01`
58:8 `"values"` `kind` in check `cpu` cannot be `values` | did you mean `value`? valid: `ratio`, `latency`, `value`
68:9 `20s` not valid TOML: string values must be quoted | write `"20s"`
"#);
}

/// What stood in the statement that cannot be read is not reported as missing, and neither is what refers to it.
#[test]
fn a_syntax_error_has_no_consequences() {
    let cases = [
        ("[colours.green]", "[colours.green", "[colours.green", "close the header: `[name]`"),
        ("[sources.metrics]", "[sources.metrics", "[sources.metrics", "close the header: `[name]`"),
        ("tolerance = 1.5\n", "tolerance 1.5\n", "tolerance 1.5", "put `=` between key and value"),
        ("tolerance = 1.5\n", "tolerance = \n", "=", "write a value after it"),
        ("kind = \"haproxy\"", "kind = haproxy", "haproxy", "write `\"haproxy\"`"),
        ("[[probes]]", "[[probes]", "[[probes]", "close the header: `[[name]]`"),
        ("steps = [1, 5, 25.5, 50]", "steps = [1, 5, 25.5, 50", "[1, 5, 25.5, 50", "close it with `]`"),
        ("labels = { colour = \"green\" }", "labels = { colour \"green\" }", "\"green\"", "expected `=`"),
        ("get = \"/shop\"", "get = \"/shop", "\"/shop", "close it with `\"`"),
        (
            "tick = \"5s\"",
            "tick = \"5s\"\ntick = \"6s\"",
            "tick",
            "it stands in this table already: keep one of the two",
        ),
        ("critical = false", "critical = False", "False", "write `true` or `false`"),
    ];
    for (from, to, pointed_at, remedy) in cases {
        let found = errors(&with(BASE, from, to));
        assert_eq!(found.len(), 1, "`{to}`: {found:#?}");
        assert!(found[0].contains(&format!(" `{pointed_at}` not valid TOML: ")), "{found:?}");
        assert!(found[0].ends_with(&format!(" | {remedy}")), "{found:?}");
    }
}

#[test]
fn absence_is_still_reported_elsewhere() {
    let text = with(BASE, "tick = \"5s\"", "tick 5s");
    let text = with(&text, "backend = \"shop\"\n", "");
    insta::assert_snapshot!(errors(&text).join("\n"), @r#"
11:1 `[router]` `backend` is missing in [router] | add `backend = "checkout"`
23:1 `tick 5s` not valid TOML: key with no value | put `=` between key and value
"#);
}

#[test]
fn garbage_ends_with_a_bounded_number_of_errors() {
    let garbage = "= [ { ] ' \"\n".repeat(10_000);
    let found = errors(&garbage);
    assert!((1..=32).contains(&found.len()), "{}", found.len());
    let unknown: String = (0..2_000).map(|i| format!("key{i} = 1\n")).collect();
    assert_eq!(errors(&unknown).len(), 500);
}

#[test]
fn a_file_beyond_the_bound_is_refused() {
    let comment = format!("{EMBEDDED}#{}", "x".repeat(BYTES_MAX - EMBEDDED.len() - 1));
    assert!(compile(&comment).is_ok());
    let faults = compile(&format!("{comment}x")).unwrap_err();
    assert_eq!(faults[0].message, "the file has 1048577 bytes, more than 1048576");
}

#[test]
fn a_password_is_refused_and_not_shown() {
    let text =
        with(BASE, "url = \"http://127.0.0.1:9090\"", "url = \"http://scraper:hunter2@127.0.0.1:9090\"");
    let shown = diagnostics::render(&text, &load(Path::new("x.toml"), &text).unwrap_err());
    assert!(!shown.contains("hunter2") && !shown.contains("scraper"), "{shown}");
    insta::assert_snapshot!(shown, @r#"
x.toml:20:7: error: `url` in source `metrics` holds a user name or password: secrets never stand in rules, which are copied, logged and journaled
   |
20 | url = "http://***************@127.0.0.1:9090"
   |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: remove `user:password@` and change that password; let a proxy on this host add it to the requests
"#);
}

fn notes(text: &str) -> Vec<String> {
    let (_, notes) = compile(text).unwrap_or_else(|faults| panic!("{faults:#?}"));
    diagnostics::of_notes(Path::new("x.toml"), text, &notes)
        .into_iter()
        .map(|d| {
            assert_eq!(d.severity, Severity::Warning);
            format!("{}:{} `{}` {} | {}", d.line, d.column, d.text, d.message, d.remedy)
        })
        .collect()
}

#[test]
fn notes_on_what_is_valid_and_odd() {
    let cases = [
        ("deadline = \"2h\"", "deadline = \"4m\""),
        ("blind_after = \"121s\"", "blind_after = \"3h\""),
        ("timeout = \"4s\"", "timeout = \"6s\""),
        ("seconds_bucket{", "seconds{"),
        ("hold = \"61s\"", "hold = \"0s\""),
        ("[plan]", "[sources.spare]\nkind = \"prometheus\"\nurl = \"http://h\"\n[plan]"),
    ];
    let text = BASE.replace("kind = \"latency\"", "kind = \"latency\"\nsource = \"metrics\"");
    let text = text.replace("kind = \"value\"", "kind = \"value\"\nsource = \"metrics\"");
    let found: Vec<String> = cases.iter().flat_map(|(from, to)| notes(&with(&text, from, to))).collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
29:12 `"4m"` the deadline (4m) comes before warmup and holds are over (4m34s): no release can be promoted by evidence | choose a deadline well above 4m34s, or shorter holds
32:15 `"3h"` `blind_after` in [plan] is not before the deadline, so it never acts | choose `blind_after` below 2h
21:11 `"6s"` source `metrics` may take longer than a tick, and the tick waits for it | choose a `timeout` not above `tick` in [plan]
53:13 `'seconds{ {{labels}} }'` `histogram` in check `latency`: `seconds` does not end in `_bucket`, as a classic histogram's counters do | is `seconds_bucket` meant?
26:8 `"0s"` without a least time on a step the first lucky ticks can promote: bursts that have not come yet look like health | choose a hold of some ten ticks at least
23:1 `[sources.spare]` source `spare` is not used by any check | remove it, or name it in a check
"#);
    let none_critical = EMBEDDED.replace("kind = \"ratio\"", "kind = \"ratio\"\ncritical = false");
    let none_critical = none_critical.replace("kind = \"latency\"", "kind = \"latency\"\ncritical = false");
    insta::assert_snapshot!(notes(&none_critical).join("\n"), @r#"
1:1 `` no check is critical, so promotion asks for proof from every one of them | leave `critical = false` to those that promotion need not wait for
1:1 `` no check has a `limit` and there is no probe: once all traffic is the candidate's there is no live colour to compare with, and the soak watches for silence only | give at least one check a `limit`, or add a probe
"#);
}
