//! Addresses in the rules: URLs without secrets, `host:port`, the path of a socket, the path of a probe.

use url::Url;

use super::section::Item;
use super::shape::{Shape, Text};
use super::sink::{Read, Reported};

/// Longer ones are refused by many servers (8,000 is the usual limit for the whole request line).
const PATH_LENGTH_MAX: usize = 2_048;

/// Where something speaks HTTP.
pub(super) struct Address {
    /// Whether a path may follow the host and port.
    pub path: bool,
    pub example: &'static str,
}

impl Shape for Address {
    type Out = Url;
    fn read(&self, item: &Item<'_>) -> Read<Url> {
        let text = Text { example: self.example }.read(item)?;
        let remedy = || format!("write `{} = {}`", item.key, self.example);
        let url = Url::parse(&text)
            .map_err(|why| item.fault(format!("{} is not an address: {why}", item.name), remedy()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(secret(item));
        }
        if !matches!(url.scheme(), "http" | "https") {
            let message =
                format!("{} must start with `http://` or `https://`, not `{}:`", item.name, url.scheme());
            return Err(item.fault(message, remedy()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(item.fault(
                format!("{} must not have a query or a fragment", item.name),
                "remove what follows `?` or `#`",
            ));
        }
        if !self.path && url.path() != "/" {
            let message = format!(
                "{} must be only scheme, host and port, without the path `{}`",
                item.name,
                url.path()
            );
            return Err(item.fault(message, "remove the path: probes and the router add theirs"));
        }
        Ok(url)
    }
    fn example(&self) -> &'static str {
        self.example
    }
}

fn secret(item: &Item<'_>) -> Reported {
    item.fault(
        format!("{} holds a user name or password: secrets never stand in rules, which are copied, logged and journaled", item.name),
        "remove `user:password@` and change that password; let a proxy on this host add it to the requests",
    )
}

/// `host:port`.
pub(super) struct HostPort {
    pub example: &'static str,
}

impl Shape for HostPort {
    type Out = String;
    fn read(&self, item: &Item<'_>) -> Read<String> {
        let text = Text { example: self.example }.read(item)?;
        if !is_host_port(&text) {
            let message = format!("{} is not `host:port`", item.name);
            return Err(item.fault(message, format!("write `{} = {}`", item.key, self.example)));
        }
        Ok(text)
    }
    fn example(&self) -> &'static str {
        self.example
    }
}

/// The runtime socket of HAProxy: an absolute path or `host:port`.
pub(super) struct Socket;

impl Shape for Socket {
    type Out = String;
    fn read(&self, item: &Item<'_>) -> Read<String> {
        let text = Text { example: self.example() }.read(item)?;
        let is_path = text.starts_with('/') && !text.chars().any(char::is_control);
        if !is_path && !is_host_port(&text) {
            let message = format!("{} is neither an absolute path nor `host:port`", item.name);
            return Err(item.fault(
                message,
                format!("write `{} = {}`, as in HAProxy's `stats socket`", item.key, self.example()),
            ));
        }
        Ok(text)
    }
    fn example(&self) -> &'static str {
        "\"/run/haproxy/admin.sock\""
    }
}

fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else {
        return false;
    };
    let is_v6 = host.starts_with('[') && host.ends_with(']');
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    // `url` knows what a host is, IPv6 in brackets included; without brackets a colon in it would be part of the port.
    let host_is_one = url::Host::parse(host).is_ok() && (is_v6 || !host.contains(':'));
    host_is_one && digits && port.parse::<u16>().is_ok()
}

/// Path and query of a probe.
pub(super) struct PathAndQuery;

impl Shape for PathAndQuery {
    type Out = String;
    fn read(&self, item: &Item<'_>) -> Read<String> {
        let text = Text { example: self.example() }.read(item)?;
        let flaw = if !text.starts_with('/') {
            "must start with `/`"
        } else if text.starts_with("//") || text.starts_with("/\\") {
            "would name another host: it must start with one `/`"
        } else if !text.chars().all(|c| c.is_ascii_graphic() && c != '#') {
            "must be ASCII without blanks and `#`"
        } else if text.len() > PATH_LENGTH_MAX {
            "must have at most 2048 characters"
        } else {
            return Ok(text);
        };
        Err(item.fault(
            format!("{} {flaw}", item.name),
            "write path and query as a browser sends them, such as `get = \"/health?deep=1\"`",
        ))
    }
    fn example(&self) -> &'static str {
        "\"/\""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port() {
        for right in ["127.0.0.1:8080", "[::1]:80", "localhost:0", "haproxy.internal:9999"] {
            assert!(is_host_port(right), "{right}");
        }
        for wrong in ["127.0.0.1", ":80", "::1:80", "host:", "host:70000", "host:+1", "a b:1", "host:80:80"] {
            assert!(!is_host_port(wrong), "{wrong}");
        }
    }
}
