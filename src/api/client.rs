//! The other end of the local API: what `assize release …` calls.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CommandBody, LiveBody, StartBody};
use crate::daemon::request::{Accepted, Refusal, ServiceStatus};
use crate::release::event::Command;
use crate::release::verdict::Verdict;
use crate::sample::Colour;

/// An ordinary call takes milliseconds; the daemon's own limit for a stuck service is 20 s.
const CALL_TIME_LIMIT: Duration = Duration::from_secs(30);

/// A verdict of 64 checks is about 60 kB; a line longer than this is not a verdict.
const LINE_MAX: usize = 1 << 20;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens there.
    #[error(
        "no daemon answers at {socket}: {why}\n  help: start one with `assize run RULES…`, or name its socket with --socket or ASSIZE_SOCKET"
    )]
    Unreached {
        /// Where.
        socket: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The daemon said no.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer makes no sense, or broke off.
    #[error("the daemon's answer could not be read: {0}; are command and daemon of the same version?")]
    Garbled(String),
}

/// A connection to a daemon's socket.
pub struct ApiClient {
    client: reqwest::Client,
    socket: PathBuf,
}

impl ApiClient {
    /// For the socket at this path; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(socket: &Path) -> Result<Self, CallError> {
        let client = (crate::client::builder().unix_socket(socket).build())
            .map_err(|error| CallError::Garbled(error.to_string()))?;
        Ok(Self { client, socket: socket.to_owned() })
    }

    /// Every service.
    ///
    /// # Errors
    /// See [`CallError`]; the same for all calls.
    pub async fn services(&self) -> Result<Vec<ServiceStatus>, CallError> {
        self.call(self.client.get("http://assize/v1/services")).await
    }

    /// One service.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn status(&self, service: &str) -> Result<ServiceStatus, CallError> {
        self.call(self.client.get(address(service, ""))).await
    }

    /// Starts a release.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn start(&self, service: &str, by: String) -> Result<Accepted, CallError> {
        self.post(address(service, "/releases"), &StartBody { by }).await
    }

    /// Steers a release.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn command(&self, service: &str, command: Command, by: String) -> Result<Accepted, CallError> {
        self.post(address(service, "/commands"), &CommandBody { command, by }).await
    }

    /// Says which colour is live.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn set_live(&self, service: &str, colour: Colour, by: String) -> Result<Accepted, CallError> {
        self.post(address(service, "/live"), &LiveBody { colour, by }).await
    }

    /// The verdicts from now on.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn verdicts(&self, service: &str) -> Result<VerdictStream, CallError> {
        let response = self.checked(self.client.get(address(service, "/verdicts"))).await?;
        Ok(VerdictStream { response, buffer: Vec::new() })
    }

    async fn post<T: DeserializeOwned>(&self, url: String, body: &impl Serialize) -> Result<T, CallError> {
        self.call(self.client.post(url).json(body)).await
    }

    async fn call<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, CallError> {
        let response = self.checked(request.timeout(CALL_TIME_LIMIT)).await?;
        response.json().await.map_err(|error| CallError::Garbled(error.to_string()))
    }

    async fn checked(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, CallError> {
        let response = request
            .send()
            .await
            .map_err(|error| CallError::Unreached { socket: self.socket.clone(), why: root_cause(&error) })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        match response.json().await {
            Ok(refusal) => Err(CallError::Refused(refusal)),
            Err(_) => Err(CallError::Garbled(format!("status {status}"))),
        }
    }
}

fn address(service: &str, rest: &str) -> String {
    // Service names are letters, digits, `_` and `-`; anything else finds no service, and `/` must not find another.
    let name = service.replace(['/', '?', '#', '%'], "_");
    format!("http://assize/v1/services/{name}{rest}")
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Verdicts as they are said.
pub struct VerdictStream {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl VerdictStream {
    /// The next verdict; `None` when the daemon has gone.
    ///
    /// # Errors
    /// When a line is no verdict or too long.
    pub async fn next(&mut self) -> Result<Option<Verdict>, CallError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return (serde_json::from_slice(&line).map(Some))
                    .map_err(|error| CallError::Garbled(error.to_string()));
            }
            if self.buffer.len() > LINE_MAX {
                return Err(CallError::Garbled("a line without end".to_owned()));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }
}
