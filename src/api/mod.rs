//! The daemon's local API: HTTP/1.1 with JSON over a unix socket in the state directory.
//!
//! Whoever may open the socket may steer releases, so the socket's file mode is the access control (0660).
//! `assize release …` speaks it; so may scripts: `curl --unix-socket …/assize.sock http://assize/v1/services`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/services` | every service's status |
//! | `GET /v1/services/{service}` | one service's status |
//! | `POST /v1/services/{service}/releases` `{"by"}` | starts a release |
//! | `POST /v1/services/{service}/commands` `{"command", "by"}` | pause, resume, promote, revert, cancel |
//! | `POST /v1/services/{service}/live` `{"colour", "by"}` | says which colour is live |
//! | `GET /v1/services/{service}/verdicts` | verdicts from now on, one JSON object per line |
//!
//! Refusals are 409 and unknown services 404, both with `{"message"}`.

pub mod client;

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio::sync::{broadcast, oneshot};

use crate::daemon::Services;
use crate::daemon::request::{Accepted, Refusal, Request, ServiceStatus};
use crate::daemon::service::ServiceHandle;
use crate::release::event::Command;
use crate::sample::Colour;

/// Nothing that is sent here is longer than a name and a word.
const BODY_MAX: usize = 4_096;

/// A service that does not answer within this time is stuck; the caller is told so.
const ANSWER_TIME_LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

/// A start that is refused only because the router is just being read is tried again so often.
const SOON_TRIES: u32 = 25;
const SOON: std::time::Duration = std::time::Duration::from_millis(200);

/// `POST …/releases`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartBody {
    /// Who asks; shows in the log.
    pub by: String,
}

/// `POST …/commands`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandBody {
    /// What.
    pub command: Command,
    /// Who asks; shows in the log.
    pub by: String,
}

/// `POST …/live`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveBody {
    /// Which colour.
    pub colour: Colour,
    /// Who says so; shows in the log.
    pub by: String,
}

/// The API's routes over the services.
pub fn routes(services: Services) -> Router {
    Router::new()
        .route("/v1/services", get(all))
        .route("/v1/services/{service}", get(one))
        .route("/v1/services/{service}/releases", post(start))
        .route("/v1/services/{service}/commands", post(command))
        .route("/v1/services/{service}/live", post(live))
        .route("/v1/services/{service}/verdicts", get(verdicts))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(services)
}

/// Listens on a unix socket. A socket file that a dead daemon left behind is replaced; anything else that is there,
/// or a socket on which another daemon answers (with a state directory of its own), is left alone.
///
/// # Errors
/// When the path cannot be listened on: with the path and the remedy.
pub fn listen(path: &Path) -> Result<UnixListener, String> {
    let context = |error: std::io::Error| {
        format!("cannot listen on {}: {error}; choose another place with --socket", path.display())
    };
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path).map_err(context)?;
    }
    let listener = UnixListener::bind(path).map_err(context)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(context)?;
    Ok(listener)
}

/// What goes wrong, as an answer.
enum Failure {
    Unknown(String),
    Refused(Refusal),
    Stuck,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, refusal) = match self {
            Self::Unknown(message) => (StatusCode::NOT_FOUND, Refusal::new(message)),
            Self::Refused(refusal) => (StatusCode::CONFLICT, refusal),
            Self::Stuck => (
                StatusCode::SERVICE_UNAVAILABLE,
                Refusal::new("the service's task does not answer; look at the daemon's log and restart it"),
            ),
        };
        (status, Json(refusal)).into_response()
    }
}

fn find(services: &Services, name: &str) -> Result<ServiceHandle, Failure> {
    services.get(name).ok_or_else(|| {
        let known: Vec<String> = services.all().into_keys().collect();
        Failure::Unknown(format!("no service `{name}` here; this daemon watches: {}", known.join(", ")))
    })
}

async fn ask<T>(
    handle: &ServiceHandle,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Result<T, Failure> {
    let (reply, answer) = oneshot::channel();
    let asked = async {
        handle.requests.send(request(reply)).await.map_err(|_| Failure::Stuck)?;
        answer.await.map_err(|_| Failure::Stuck)
    };
    (tokio::time::timeout(ANSWER_TIME_LIMIT, asked).await).unwrap_or(Err(Failure::Stuck))
}

async fn all(State(services): State<Services>) -> Result<Json<Vec<ServiceStatus>>, Failure> {
    let mut statuses = Vec::new();
    for handle in services.all().values() {
        statuses.push(ask(handle, Request::Status).await?);
    }
    Ok(Json(statuses))
}

async fn one(
    State(services): State<Services>,
    UrlPath(name): UrlPath<String>,
) -> Result<Json<ServiceStatus>, Failure> {
    Ok(Json(ask(&find(&services, &name)?, Request::Status).await?))
}

type Done = Result<Json<Accepted>, Failure>;

async fn start(
    State(services): State<Services>,
    UrlPath(name): UrlPath<String>,
    Json(StartBody { by }): Json<StartBody>,
) -> Done {
    let handle = find(&services, &name)?;
    // A daemon that has just started reads its router first: a script need not know.
    for _ in 0..SOON_TRIES {
        let by = by.clone();
        match ask(&handle, |reply| Request::Start { by, reply }).await? {
            Err(refusal) if refusal.soon => tokio::time::sleep(SOON).await,
            answer => return answer.map(Json).map_err(Failure::Refused),
        }
    }
    let answer = ask(&handle, |reply| Request::Start { by, reply }).await?;
    answer.map(Json).map_err(Failure::Refused)
}

async fn command(
    State(services): State<Services>,
    UrlPath(name): UrlPath<String>,
    Json(CommandBody { command, by }): Json<CommandBody>,
) -> Done {
    let handle = find(&services, &name)?;
    let answer = ask(&handle, |reply| Request::Order { command, by, reply }).await?;
    answer.map(Json).map_err(Failure::Refused)
}

async fn live(
    State(services): State<Services>,
    UrlPath(name): UrlPath<String>,
    Json(LiveBody { colour, by }): Json<LiveBody>,
) -> Done {
    let handle = find(&services, &name)?;
    let answer = ask(&handle, |reply| Request::SetLive { colour, by, reply }).await?;
    answer.map(Json).map_err(Failure::Refused)
}

async fn verdicts(
    State(services): State<Services>,
    UrlPath(name): UrlPath<String>,
) -> Result<Response, Failure> {
    let inbox = find(&services, &name)?.verdicts.subscribe();
    let lines = futures::stream::unfold(inbox, |mut inbox| async move {
        loop {
            match inbox.recv().await {
                Ok(verdict) => {
                    let mut line = serde_json::to_vec(verdict.as_ref()).unwrap_or_default();
                    line.push(b'\n');
                    return Some((Bytes::from(line), inbox));
                }
                // A slow watcher misses some; the journal has them.
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    let body = Body::from_stream(lines.map(Ok::<_, std::convert::Infallible>));
    Ok(([("content-type", "application/x-ndjson")], body).into_response())
}
