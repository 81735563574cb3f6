//! `[router]`: where traffic is split.

use super::address::{HostPort, Socket};
use super::colours::Drafts;
use super::model::{EmbeddedRule, HaproxyRule, RouterRule};
use super::nearest;
use super::section::Section;
use super::shape::{Choice, List, Shape, Text, Time};
use super::sink::{Read, Reported};
use crate::sample::Colour;

#[derive(Clone, Copy)]
enum Kind {
    Embedded,
    Haproxy,
}

const KIND: Choice<Kind> = Choice {
    words: &[("embedded", Kind::Embedded), ("haproxy", Kind::Haproxy)],
    planned: &["nginx", "alb", "route53", "envoy", "caddy", "webhook", "exec"],
    example: "\"haproxy\"",
};

const LISTEN: HostPort = HostPort { example: "\"127.0.0.1:8080\"" };

/// More than any backend has; keeps one change of weight to a bounded number of commands.
const SERVERS_MAX: usize = 256;

const SERVERS: List<HaproxyName> =
    List { of: HaproxyName { example: "\"blue1\"" }, max: SERVERS_MAX, example: "[\"blue1\"]" };

/// An exchange over a local socket takes a millisecond; a minute would outlast every tick.
const SOCKET_TIMEOUT: Time = Time { min_ms: 10, max_ms: 60_000, example: "\"2s\"" };

/// Up to what the slowest of uploads may take.
const PROXY_TIMEOUT: Time = Time { min_ms: 10, max_ms: 600_000, example: "\"30s\"" };

/// Reads `[router]`.
pub(super) fn read(root: &mut Section<'_>, colours: &Drafts) -> Read<RouterRule> {
    let Some(mut section) = root.table("router", "[router]")? else {
        return Err(root.missing("router", "[router]"));
    };
    match section.required("kind", &KIND) {
        Ok(Kind::Haproxy) => haproxy(section, colours).map(RouterRule::Haproxy),
        Ok(Kind::Embedded) => {
            super::colours::need_urls(section.sink(), colours, "the embedded router");
            embedded(section, colours).map(RouterRule::Embedded)
        }
        Err(Reported) => {
            // Which keys are valid depends on the kind.
            section.finish_partly();
            Err(Reported)
        }
    }
}

fn haproxy(mut section: Section<'_>, colours: &Drafts) -> Read<HaproxyRule> {
    let socket = section.required("socket", &Socket);
    let backend = section.required("backend", &HaproxyName { example: "\"checkout\"" });
    let servers = servers(&mut section, colours);
    let timeout_ms = section.or("timeout", &SOCKET_TIMEOUT, 2_000);
    section.finish(&[]);
    Ok(HaproxyRule { socket: socket?, backend: backend?, servers: servers?, timeout_ms: timeout_ms? })
}

/// The servers of each colour, in the order of the colours.
fn servers(section: &mut Section<'_>, colours: &Drafts) -> Read<[Vec<String>; 2]> {
    let Some(mut table) = section.table("servers", "`servers` of [router]")? else {
        return Err(section.missing("servers", "{ blue = [\"blue1\"], green = [\"green1\"] }"));
    };
    let Ok(colours) = colours else {
        return Err(Reported);
    };
    let names = colours.each_ref().map(|draft| draft.colour.clone());
    report_strangers(&table, &names);
    let [first, second] = names.each_ref().map(|name| servers_of(&mut table, name));
    let (first, second) = (first?, second?);
    if let Some(shared) = second.iter().find(|server| first.contains(server)) {
        let message = format!("server `{shared}` serves both colours");
        return Err(table.sink().fault(
            table.span_of(names[1].as_str()),
            message,
            "give each server to one colour",
        ));
    }
    Ok([first, second])
}

fn report_strangers(table: &Section<'_>, colours: &[Colour; 2]) {
    let known = colours.each_ref().map(Colour::as_str);
    for item in table.entries() {
        if !known.contains(&item.key.as_str()) {
            let message = format!("`{}` in {} is not a colour of this file", item.key, table.place());
            item.sink().fault(item.key_span.clone(), message, nearest::remedy(&item.key, &known));
        }
    }
}

fn servers_of(table: &mut Section<'_>, colour: &Colour) -> Read<Vec<String>> {
    let items = table.entries();
    let Some(item) = items.iter().find(|item| item.key == colour.as_str()) else {
        // A misspelt colour has been reported already.
        if items.len() < 2 {
            let message = format!("no servers for colour `{colour}`");
            table.sink().absent(table.span(), message, format!("add `{colour} = [\"{colour}1\"]`"));
        }
        return Err(Reported);
    };
    let servers = SERVERS.read(item)?;
    let twice = (1..servers.len()).find(|at| servers[..*at].contains(&servers[*at]));
    match twice {
        Some(at) => {
            Err(item.fault(format!("server `{}` is given twice", servers[at]), "name each server once"))
        }
        None => Ok(servers),
    }
}

/// The name of a backend or server: it stands in a command, where anything else could start another one.
struct HaproxyName {
    example: &'static str,
}

impl Shape for HaproxyName {
    type Out = String;
    fn read(&self, item: &super::section::Item<'_>) -> Read<String> {
        let text = Text { example: self.example }.read(item)?;
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c)) {
            let message = format!("{} is not a name that HAProxy takes", item.name);
            return Err(item.fault(
                message,
                "use letters, digits, `-`, `_`, `.` or `:`, as in HAProxy's own configuration",
            ));
        }
        Ok(text)
    }
    fn example(&self) -> &'static str {
        self.example
    }
}

fn embedded(mut section: Section<'_>, colours: &Drafts) -> Read<EmbeddedRule> {
    let listen = section.required("listen", &LISTEN);
    let live = live(&mut section, colours);
    let timeout_ms = section.or("timeout", &PROXY_TIMEOUT, 30_000);
    section.finish(&[]);
    Ok(EmbeddedRule { listen: listen?, live: live?, timeout_ms: timeout_ms? })
}

fn live(section: &mut Section<'_>, colours: &Drafts) -> Read<Colour> {
    let written = section.optional("live", &Text { example: "\"blue\"" })?;
    let Ok(colours) = colours else {
        return Err(Reported);
    };
    let Some(name) = written else {
        return Ok(colours[0].colour.clone());
    };
    let found = colours.iter().find(|draft| draft.colour.as_str() == name);
    found.map(|draft| draft.colour.clone()).ok_or_else(|| {
        let known = colours.each_ref().map(|draft| draft.colour.as_str());
        let message = format!("`live` in [router]: `{name}` is not a colour of this file");
        section.sink().fault(section.span_of("live"), message, nearest::remedy(&name, &known))
    })
}
