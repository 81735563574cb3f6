//! What the parts of a file ask of each other, and of texts in other languages: addresses, PromQL, quantiles.

use crate::common::{BASE, EMBEDDED, each_brings_one_error, errors, with};

#[test]
fn keys_that_contradict_each_other() {
    each_brings_one_error(
        BASE,
        &[
            (
                "floor = 0.001",
                "floor = 0.06",
                "0.06",
                "`floor` (0.06) in check `errors` is above `limit` (0.05)",
                "choose a `floor` of at most 0.05",
            ),
            (
                "timeout = \"10s\"",
                "timeout = \"21s\"",
                "\"21s\"",
                "`timeout` in probe `home` is 21s, above `every` (20s)",
                "choose at most 20s, or a longer `every`",
            ),
            (
                "within = \"500ms\"",
                "within = \"11s\"",
                "\"11s\"",
                "`within` in `expect` of probe `home` is 11s, above `timeout` (10s)",
                "choose at most 10s, or a longer `timeout`",
            ),
            (
                "\ndeadline = \"2h\"",
                "\ndeadline = \"4s\"",
                "\"4s\"",
                "`deadline` in [plan] is 4s, less than one tick (5s)",
                "choose at least `deadline = \"5s\"`, or a shorter tick",
            ),
            (
                "below = 0.25",
                "below = 0.25, above = 1",
                "{ below = 0.25, above = 1, for = \"90s\" }",
                "`limit` of check `cpu` has both `above` and `below`",
                "keep one; another check can watch the other side",
            ),
            (
                "below = 0.25, ",
                "",
                "{ for = \"90s\" }",
                "`above` or `below` is missing in `limit` of check `cpu`",
                "add `above = 0.95` or `below = 0.95`",
            ),
            (
                "name = \"home\"",
                "name = \"errors\"",
                "\"errors\"",
                "the name `errors` is taken already, on line 40",
                "give every check and probe a name of its own",
            ),
            (
                "quantiles = { p50 = 1.2, p99 = 1.6 }\nlimit = { over = \"1500ms\", share = 0.03 }\n",
                "",
                "[[checks]]",
                "`quantiles` or `limit` is missing in check `latency`",
                "add `quantiles = { p50 = 1.2, p99 = 1.5 }`",
            ),
        ],
    );
}

#[test]
fn a_long_tick_makes_the_default_patience_too_short() {
    let found = errors(&with(&with(BASE, "tick = \"5s\"", "tick = \"3m\""), "blind_after = \"121s\"\n", ""));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].contains("`\"3m\"` `blind_after` in [plan] is 2m, less than one tick (3m)"),
        "{found:#?}"
    );
    assert!(found[1].contains("`\"122s\"` `silent_after` in [plan] is 2m2s"), "{found:#?}");
}

#[test]
fn colours() {
    let header = "[colours.green]\nurl = \"http://10.0.0.12:8080\"\nlabels = { colour = \"green\" }\n";
    let without = errors(&with(BASE, header, ""));
    assert_eq!(without.len(), 1, "{without:#?}");
    assert!(
        without[0].contains("a release is between two colours, and 1 is given | add the other one"),
        "{without:#?}"
    );

    let three = errors(&with(BASE, "[router]", "[colours.azure]\n[router]"));
    assert_eq!(three.len(), 1, "{three:#?}");
    assert!(
        three[0].starts_with("11:1 `[colours.azure]` a release is between two colours, and 3 are given"),
        "{three:#?}"
    );

    let named = errors(&with(BASE, "[colours.green]", "[colours.\"light green\"]"));
    assert_eq!(named.len(), 1, "{named:#?}");
    assert!(named[0].starts_with("7:10 `\"light green\"` `light green` cannot name a colour"), "{named:#?}");
}

#[test]
fn what_colours_must_have() {
    let differ = "give one label that both have different values, such as `colour = \"blue\"` and `colour = \"green\"`";
    let confused = "the labels of colour `green` do not tell its series from those of `blue`";
    each_brings_one_error(
        BASE,
        &[
            (
                "url = \"http://10.0.0.12:8080\"\n",
                "",
                "[colours.green]",
                "colour `green` has no `url`, and probe `home` needs it",
                "add `url = \"http://10.0.0.11:8080\"`",
            ),
            (
                "labels = { colour = \"blue\" }\n",
                "",
                "[colours.blue]",
                "colour `blue` has no `labels`, and check `errors` needs them to tell its series",
                "add `labels = { colour = \"blue\" }`",
            ),
            (
                "[colours.green]\nurl = \"http://10.0.0.12:8080\"\nlabels = { colour = \"green\" }",
                "[colours.green]\nurl = \"http://10.0.0.12:8080\"\nlabels = { colour = \"blue\" }",
                "[colours.green]",
                confused,
                differ,
            ),
            // Series of green carry `colour = "blue"` too, so blue's matchers would select them.
            (
                "[colours.green]\nurl = \"http://10.0.0.12:8080\"\nlabels = { colour = \"green\" }",
                "[colours.green]\nurl = \"http://10.0.0.12:8080\"\nlabels = { colour = \"blue\", n = \"1\" }",
                "[colours.green]",
                confused,
                differ,
            ),
            (
                "{ colour = \"green\" }",
                "{ \"1st\" = \"green\" }",
                "\"1st\"",
                "`1st` cannot name a label",
                "use letters, digits and `_`, not starting with a digit",
            ),
        ],
    );
    let found = errors(&EMBEDDED.replace("url = \"http://127.0.0.1:808", "# \""));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("colour `blue` has no `url`, and the embedded router needs it"), "{found:#?}");
}

#[test]
fn servers() {
    let servers = "{ blue = [\"blue1\"], green = [\"green1\"] }";
    each_brings_one_error(
        BASE,
        &[
            (
                servers,
                "{ blue = [\"b\"] }",
                "{ blue = [\"b\"] }",
                "no servers for colour `green`",
                "add `green = [\"green1\"]`",
            ),
            (
                servers,
                "{ blue = [\"b\"], gren = [\"g\"] }",
                "gren",
                "`gren` in `servers` of [router] is not a colour of this file",
                "did you mean `green`?",
            ),
            (
                servers,
                "{ blue = [\"b\"], green = [\"b\"] }",
                "[\"b\"]",
                "server `b` serves both colours",
                "give each server to one colour",
            ),
            (
                servers,
                "{ blue = [\"b\", \"b\"], green = [\"g\"] }",
                "[\"b\", \"b\"]",
                "server `b` is given twice",
                "name each server once",
            ),
            (
                servers,
                "{ blue = \"b\", green = [\"g\"] }",
                "\"b\"",
                "`blue` in `servers` of [router] must be a list in brackets, not a text",
                "write `blue = [\"blue1\"]`",
            ),
            (
                servers,
                "{ blue = [\"b;x\"], green = [\"g\"] }",
                "\"b;x\"",
                "entry 1 of `blue` in `servers` of [router] is not a name that HAProxy takes",
                "use letters, digits, `-`, `_`, `.` or `:`, as in HAProxy's own configuration",
            ),
        ],
    );
}

#[test]
fn sources() {
    each_brings_one_error(
        BASE,
        &[(
            "source = \"metrics\"",
            "source = \"metric\"",
            "\"metric\"",
            "check `errors` names the source `metric`, which this file does not have",
            "did you mean `metrics`?",
        )],
    );
    let several =
        errors(&with(BASE, "[plan]", "[sources.spare]\nkind = \"prometheus\"\nurl = \"http://h\"\n[plan]"));
    assert_eq!(several.len(), 2, "{several:#?}");
    assert!(several[0].ends_with("`source` is missing in check `latency` | add `source = \"metrics\"`: the file has `metrics`, `spare`"), "{several:#?}");

    let mixed = errors(&with(
        BASE,
        "kind = \"prometheus\"\nurl = \"http://127.0.0.1:9090\"\ntimeout = \"4s\"",
        "kind = \"embedded\"",
    ));
    assert!(
        mixed.iter().any(|error| error
            .starts_with("18:1 `[sources.metrics]` source `metrics` tells what the embedded router saw")),
        "{mixed:#?}"
    );

    let none = errors(&with(EMBEDDED, "[sources.edge]\nkind = \"embedded\"\n", ""));
    assert_eq!(none.len(), 2, "{none:#?}");
    assert!(
        none[0].contains("check `errors` has no source, and the file has none | add `[sources.metrics]`"),
        "{none:#?}"
    );
}

#[test]
fn addresses() {
    let url = "url = \"http://10.0.0.11:8080\"";
    let right = "write `url = \"http://10.0.0.11:8080\"`";
    each_brings_one_error(
        BASE,
        &[
            (
                url,
                "url = \"10.0.0.11:8080\"",
                "\"10.0.0.11:8080\"",
                "`url` in colour `blue` is not an address: relative URL without a base",
                right,
            ),
            (
                url,
                "url = \"ftp://h\"",
                "\"ftp://h\"",
                "`url` in colour `blue` must start with `http://` or `https://`, not `ftp:`",
                right,
            ),
            (
                url,
                "url = \"http://h/x\"",
                "\"http://h/x\"",
                "`url` in colour `blue` must be only scheme, host and port, without the path `/x`",
                "remove the path: probes and the router add theirs",
            ),
            (
                url,
                "url = \"http://h?x=1\"",
                "\"http://h?x=1\"",
                "`url` in colour `blue` must not have a query or a fragment",
                "remove what follows `?` or `#`",
            ),
            (
                "socket = \"/run/haproxy/admin.sock\"",
                "socket = \"admin.sock\"",
                "\"admin.sock\"",
                "`socket` in [router] is neither an absolute path nor `host:port`",
                "write `socket = \"/run/haproxy/admin.sock\"`, as in HAProxy's `stats socket`",
            ),
        ],
    );
    for (get, flaw) in [
        ("shop", "must start with `/`"),
        ("//evil.example/", "would name another host: it must start with one `/`"),
        ("/a b", "must be ASCII without blanks and `#`"),
        ("/a#b", "must be ASCII without blanks and `#`"),
    ] {
        let found = errors(&with(BASE, "get = \"/shop\"", &format!("get = \"{get}\"")));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains(&format!("`get` in probe `home` {flaw}")), "{found:#?}");
    }
}

#[test]
fn queries_are_pointed_into() {
    let bad = "bad = 'requests_total{ {{labels}}, code=\"500\"}'";
    let braces = "put `{{labels}}` inside the braces, such as `{service=\"checkout\", {{labels}}}`";
    each_brings_one_error(
        BASE,
        &[
            (
                bad,
                "bad = 'requests_total{ {{labels}}, code=\"500\"'",
                "{",
                "`bad` in check `errors`: `{` is never closed",
                "close it, or remove it",
            ),
            (
                bad,
                "bad = 'requests_total{ {{labels}}, code=\"500}'",
                "\"",
                "`bad` in check `errors`: the quote `\"` is never closed",
                "close it",
            ),
            (
                bad,
                "bad = 'requests_total{ {{label}} }'",
                "{{label}}",
                "`bad` in check `errors`: `{{label}}` stands for nothing",
                "write `{{labels}}`, exactly so; it is the only one",
            ),
            (
                bad,
                "bad = 'requests_total{code=\"500\"}'",
                "'requests_total{code=\"500\"}'",
                "`bad` in check `errors`: no `{{labels}}`, so both colours would be the same series",
                braces,
            ),
            (
                bad,
                "bad = 'rate(r{ {{labels}} }[1m])'",
                "'rate(r{ {{labels}} }[1m])'",
                "`bad` in check `errors`: an expression where a counter is needed",
                "write the counter alone, such as `http_requests_total{ {{labels}} }`: differences and sums are taken by the daemon, series by series",
            ),
            (
                "query = 'avg(cpu{ {{labels}} })'",
                "query = 'avg(cpu)'",
                "'avg(cpu)'",
                "`query` in check `cpu`: no `{{labels}}`, so both colours would be the same series",
                braces,
            ),
        ],
    );
}

#[test]
fn quantiles() {
    let quantiles = "quantiles = { p50 = 1.2, p99 = 1.6 }";
    each_brings_one_error(
        BASE,
        &[
            (
                quantiles,
                "quantiles = { p99.9 = 1.5 }",
                "p99",
                "`p99` in `quantiles` of check `latency` is cut at its dot",
                "put it in quotes: `\"p99.9\" = 1.5`",
            ),
            (
                quantiles,
                "quantiles = { p100 = 1.5 }",
                "p100",
                "`p100` in `quantiles` of check `latency` is not a quantile",
                "write `p50`, `p99`, `\"p99.9\"` or `p999`",
            ),
            (
                quantiles,
                "quantiles = { \"p99.9\" = 2, p999 = 2 }",
                "2",
                "`p99.9` and `p999` are the same quantile",
                "keep one",
            ),
            (
                quantiles,
                "quantiles = { p50 = 1 }",
                "1",
                "`p50` in `quantiles` of check `latency` must be above 1 and at most 100, not 1",
                "choose above 1 and at most 100, such as `1.5`",
            ),
        ],
    );
}

#[test]
fn checks_that_are_none_or_too_many() {
    let none = errors(EMBEDDED.split("[[checks]]").next().unwrap());
    assert_eq!(none.len(), 1, "{none:#?}");
    assert!(none[0].contains("nothing could ever be proved healthy"), "{none:#?}");

    let table = errors(&EMBEDDED.split("[[checks]]").take(2).collect::<Vec<_>>().join("[checks]"));
    assert_eq!(table.len(), 1, "{table:#?}");
    assert!(
        table[0].contains(
            "`checks` must be written as `[[checks]]`, not as a table | write `[[checks]]` above each check"
        ),
        "{table:#?}"
    );

    let extra: String = (0..63).map(|i| format!("[[probes]]\nname = \"p{i}\"\nget = \"/\"\n")).collect();
    let many = errors(&format!("{EMBEDDED}{extra}"));
    assert_eq!(many.len(), 1, "{many:#?}");
    assert!(many[0].contains("65 checks and probes, more than 64"), "{many:#?}");
}

/// A misspelt key leaves its default in force, which must not be held against the others.
#[test]
fn a_default_behind_a_misspelt_key_contradicts_nothing() {
    for (from, to) in [
        ("every = \"20s\"", "evry = \"20s\""),
        ("limit = 0.3", "limt = 0.3\nfloor = 0.25"),
        ("tick = \"5s\"\n", "tik = \"100ms\"\nblind_after = \"1s\"\n"),
        ("below = 0.25", "belw = 0.25"),
        ("kind = \"haproxy\"", "kid = \"haproxy\""),
        ("url = \"http://10.0.0.12:8080\"", "ulr = \"http://10.0.0.12:8080\""),
    ] {
        let text = with(BASE, from, to);
        let text = text.replace(
            "blind_after = \"121s\"\n",
            if to.contains("blind") { "" } else { "blind_after = \"121s\"\n" },
        );
        let found = errors(&text);
        assert_eq!(found.len(), 1, "{to}: {found:#?}");
        assert!(found[0].contains("` unknown key `"), "{to}: {found:#?}");
    }
}
