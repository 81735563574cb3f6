//! One request of a probe, and whether its answer is a good one.

use std::error::Error;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use url::Url;

use crate::rules::model::{Expect, ProbeRule};

/// The most that is read of an answer: a page to look for a text in is smaller, and the rest of a larger one is not
/// asked for.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What is asked of one colour, and what it should answer.
pub(super) struct Ask {
    client: reqwest::Client,
    url: Url,
    timeout_ms: u64,
    expect: Expect,
}

impl Ask {
    pub(super) fn new(probe: &ProbeRule, colour: &Url, client: reqwest::Client) -> Self {
        Self {
            client,
            url: target(colour, &probe.get),
            timeout_ms: probe.timeout_ms,
            expect: probe.expect.clone(),
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// Says in a few words what was not as expected.
    pub(super) async fn run(&self) -> Result<(), String> {
        let begun = Instant::now();
        let body = timeout(Duration::from_millis(self.timeout_ms), self.answer())
            .await
            .map_err(|_| format!("timed out after {} ms", self.timeout_ms))??;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(text) = self.expect.body_contains.as_deref()
            && !String::from_utf8_lossy(&body).contains(text)
        {
            return Err(format!("no `{text}` in the body of {} bytes", body.len()));
        }
        match self.expect.within_ms {
            Some(within_ms) if ms > within_ms => {
                Err(format!("took {ms} ms, expected at most {within_ms} ms"))
            }
            _ => Ok(()),
        }
    }

    /// The body, or its first MiB, of an answer with the right status.
    async fn answer(&self) -> Result<Vec<u8>, String> {
        let request = self.client.get(self.url.clone()).send();
        let mut response = request.await.map_err(|error| {
            let what = if error.is_connect() { "connection" } else { "answer" };
            format!("no {what}: {}", cause(&error))
        })?;
        let status = response.status().as_u16();
        if status != self.expect.status {
            return Err(format!("status {status}, expected {}", self.expect.status));
        }
        let mut body = Vec::new();
        while body.len() < BODY_BYTES_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    return Err(format!("body broke off after {} bytes: {}", body.len(), cause(&error)));
                }
            }
        }
        body.truncate(BODY_BYTES_MAX);
        Ok(body)
    }
}

/// Path and query at the colour's address. Not [`Url::join`], which would take `//host/` for another host.
fn target(colour: &Url, get: &str) -> Url {
    let mut url = colour.clone();
    let (path, query) = get.split_once('?').map_or((get, None), |(path, query)| (path, Some(query)));
    url.set_path(path);
    url.set_query(query);
    url
}

/// The innermost words of an error: the outer ones repeat what the probe already says.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_stays_on_the_colours_host() {
        let colour = Url::parse("https://10.0.0.1:8443").unwrap();
        for (get, url) in [
            ("/", "https://10.0.0.1:8443/"),
            ("/health?deep=1&x=a?b", "https://10.0.0.1:8443/health?deep=1&x=a?b"),
            ("//evil.example/x", "https://10.0.0.1:8443//evil.example/x"),
        ] {
            assert_eq!(target(&colour, get).as_str(), url);
        }
    }
}
