//! One question and one answer over HAProxy's runtime socket.
//!
//! HAProxy answers one line of commands and closes the connection, so each exchange is a connection of its own and the
//! end of the answer is the end of the stream. What the answers mean is read in [`super::state`].

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::router::RouterError;

/// Room for the state of some 7,000 servers at 150 bytes each: more is not an answer to what is asked here.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// How much of an unexpected answer an error quotes.
const QUOTE_CHARS_MAX: usize = 200;

/// Where the runtime socket is and how long it may take.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    address: Address,
    timeout_ms: u64,
}

#[derive(Clone, Debug)]
enum Address {
    Path(PathBuf),
    Tcp(String),
}

impl Socket {
    /// `at` is `host:port`, or else a path.
    pub(super) fn new(at: &str, timeout_ms: u64) -> Self {
        let port = at.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        let address = match port {
            Some(Ok(_)) if !at.contains('/') => Address::Tcp(at.to_owned()),
            _ => Address::Path(at.into()),
        };
        Self { address, timeout_ms }
    }

    /// Sends one line of commands and gives the whole answer.
    ///
    /// # Errors
    /// When the socket cannot be reached, breaks off, closes without a byte, says more than 1 MiB, or takes longer than
    /// the rule allows.
    pub(super) async fn ask(&self, commands: &str) -> Result<String, RouterError> {
        let limit = Duration::from_millis(self.timeout_ms);
        let answer = tokio::time::timeout(limit, self.exchange(commands))
            .await
            .map_err(|_| RouterError::TimedOut(self.timeout_ms))?
            .map_err(|error| self.refused(&error))?;
        match answer.len() as u64 {
            0 => Err(RouterError::Answer(format!(
                "HAProxy at {self} closed the connection without an answer to `{commands}`: \
                 it may have been stopping; see its log"
            ))),
            bytes if bytes > ANSWER_BYTES_MAX => Err(RouterError::Answer(format!(
                "{self} answered `{commands}` with more than {ANSWER_BYTES_MAX} bytes: \
                 `socket` in [router] may not be a HAProxy runtime socket"
            ))),
            _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
        }
    }

    async fn exchange(&self, commands: &str) -> io::Result<Vec<u8>> {
        match &self.address {
            Address::Path(path) => converse(UnixStream::connect(path).await?, commands).await,
            Address::Tcp(at) => converse(TcpStream::connect(at).await?, commands).await,
        }
    }

    fn refused(&self, error: &io::Error) -> RouterError {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ": is HAProxy running, with `stats socket … level admin` at this place in its `global` section?"
            }
            io::ErrorKind::PermissionDenied => {
                ": let this user open it (`user`, `group` and `mode` of `stats socket`)"
            }
            _ => "",
        };
        RouterError::Refused { at: self.to_string(), why: format!("{error}{remedy}") }
    }
}

impl std::fmt::Display for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.address {
            Address::Path(path) => path.display().fmt(f),
            Address::Tcp(at) => f.write_str(at),
        }
    }
}

/// Reads one byte beyond the limit, so that an answer which is too long can be told from one that just fits.
async fn converse<S>(mut stream: S, commands: &str) -> io::Result<Vec<u8>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(format!("{commands}\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The beginning of an answer, on one line, for an error message.
pub(super) fn quote(answer: &str) -> String {
    let answer = answer.trim();
    let start: String = answer.chars().take(QUOTE_CHARS_MAX).collect();
    let more = if start.len() < answer.len() { "…" } else { "" };
    format!("`{}{more}`", start.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_port_or_a_path() {
        for tcp in ["127.0.0.1:9999", "localhost:1", "[::1]:70"] {
            assert!(matches!(Socket::new(tcp, 1).address, Address::Tcp(_)), "{tcp}");
        }
        for path in ["/run/haproxy/admin.sock", "admin.sock", "/run/a:99", "/run/x:y"] {
            assert!(matches!(Socket::new(path, 1).address, Address::Path(_)), "{path}");
        }
    }

    #[test]
    fn quotes_are_short_and_on_one_line() {
        assert_eq!(quote("No such server.\n\n"), "`No such server.`");
        let long = quote(&"ab\n".repeat(1000));
        assert!(long.ends_with("…`") && !long.contains('\n') && long.chars().count() < 300);
    }
}
