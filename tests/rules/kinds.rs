//! What each kind of router, source and check takes.

use crate::common::{BASE, EMBEDDED, each_brings_one_error};

#[test]
fn kinds_that_are_planned() {
    each_brings_one_error(
        BASE,
        &[
            (
                "kind = \"haproxy\"",
                "kind = \"nginx\"",
                "\"nginx\"",
                "`kind` in [router]: `nginx` is not available in this version",
                "available: `embedded`, `haproxy`",
            ),
            (
                "kind = \"haproxy\"",
                "kind = \"haprox\"",
                "\"haprox\"",
                "`kind` in [router] cannot be `haprox`",
                "did you mean `haproxy`? valid: `embedded`, `haproxy`",
            ),
            (
                "kind = \"prometheus\"",
                "kind = \"cloudwatch\"",
                "\"cloudwatch\"",
                "`kind` in source `metrics`: `cloudwatch` is not available in this version",
                "available: `embedded`, `prometheus`",
            ),
            (
                "kind = \"ratio\"",
                "kind = \"rate\"",
                "\"rate\"",
                "`kind` in check `errors` cannot be `rate`",
                "valid: `ratio`, `latency`, `value`",
            ),
        ],
    );
}

#[test]
fn what_the_embedded_source_does_not_take() {
    let counted = "the embedded router counts every request itself";
    each_brings_one_error(
        EMBEDDED,
        &[
            (
                "bad = \"5xx, 429\"",
                "total = \"x\"",
                "total",
                &format!("`total` in check `errors` is not allowed: {counted}"),
                "remove it",
            ),
            (
                "bad = \"5xx, 429\"",
                "bad = \"5xx, 4x9\"",
                "\"5xx, 4x9\"",
                "`bad` in check `errors`: `4x9` is neither a class nor a code of status",
                "the embedded source takes a list such as `bad = \"5xx, 429\"`",
            ),
            (
                "quantiles = { p50 = 1.2 }",
                "histogram = 'x'\nquantiles = { p50 = 1.2 }",
                "histogram",
                "`histogram` in check `latency` is not allowed: the embedded router measures every request itself",
                "remove it",
            ),
            (
                "kind = \"latency\"\nquantiles = { p50 = 1.2 }",
                "kind = \"value\"\nquery = 'x'\ntolerance = 2",
                "\"value\"",
                "`kind` in check `latency`: the embedded source cannot measure a `value`",
                "use a source of kind `prometheus`, or a check of kind `ratio` or `latency`",
            ),
            (
                "listen = \"127.0.0.1:8080\"",
                "listen = \"8080\"",
                "\"8080\"",
                "`listen` in [router] is not `host:port`",
                "write `listen = \"127.0.0.1:8080\"`",
            ),
            (
                "live = \"green\"",
                "live = \"gren\"",
                "\"gren\"",
                "`live` in [router]: `gren` is not a colour of this file",
                "did you mean `green`?",
            ),
        ],
    );
}
