//! `assize demo`: a whole release on embedded parts, with nothing but this binary.
//!
//! Two small servers stand for blue and green, the embedded router splits real requests between them, and the daemon
//! judges. Only the servers and the load are made up; router, sampling, judge, journal and log are the real ones.

mod backend;
mod load;
mod screen;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, oneshot};

use crate::cli::exit::{Exit, Failed};
use crate::daemon::Services;
use crate::daemon::clock::SystemClock;
use crate::daemon::request::{Request, ServiceStatus};
use crate::daemon::service::{ServiceHandle, Shared};
use crate::daemon::verdict_log::{LogFormat, VerdictLog};
use crate::journal::sqlite::SqliteJournal;
use crate::release::verdict::{Happening, Verdict};
use backend::Backend;
use screen::Screen;

/// The rules, with placeholders for the servers' addresses.
const RULES: &str = include_str!("rules.toml");

/// Requests a second; at half of them a candidate shows within seconds what it is worth.
const LOAD_PER_SECOND: u32 = 300;

/// A demo that has not ended by then never will; the plan's own deadline is three minutes.
const TIME_LIMIT: Duration = Duration::from_mins(5);

/// What is wrong with the candidate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Nothing: it is as good as the live colour.
    #[default]
    None,
    /// It fails 8% of its requests.
    Errors,
    /// A quarter of its requests are slow.
    Latency,
    /// It takes requests and never answers; only its health page does.
    Silent,
    /// It dies in the middle of the release.
    Crash,
}

/// Arguments of `assize demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// What is wrong with the new version
    #[arg(long, value_enum, default_value_t)]
    fault: Fault,
    /// Print the verdict log as JSON lines
    #[arg(long)]
    json: bool,
    /// Print one readable line per verdict instead of the live picture (the default when not on a terminal)
    #[arg(long, conflicts_with = "json")]
    plain: bool,
}

/// Runs the demo to its verdict; exits as the release did.
///
/// # Errors
/// When a port or the temporary directory cannot be had, or there is no verdict in five minutes.
pub async fn demo(args: DemoArgs) -> Result<Exit, Failed> {
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Failed::other(format!("cannot listen for signals: {error}")))?;
    let dir = StateDir::new()?;
    let stopped = || Err(Failed { exit: Exit::Undecided, message: "stopped".into() });
    tokio::select! {
        result = play(&args, &dir) => result,
        () = tokio::time::sleep(TIME_LIMIT) => Err(Failed::other("the demo did not come to a verdict in five minutes")),
        _ = tokio::signal::ctrl_c() => stopped(),
        _ = terminate.recv() => stopped(),
    }
}

async fn play(args: &DemoArgs, dir: &StateDir) -> Result<Exit, Failed> {
    let (blue, green) =
        (Backend::start("blue", Fault::None).await?, Backend::start("green", args.fault).await?);
    let text =
        RULES.replace("BLUE", &blue.address().to_string()).replace("GREEN", &green.address().to_string());
    let (mut rules, _) = crate::rules::compile(&text)
        .map_err(|_| Failed::other("the demo's own rules are not valid; please report this"))?;
    let entrance = free_entrance(&mut rules)?;
    let shared = shared(args, dir).await?;
    let services = Services::default();
    services.start(vec![rules], &shared).await.map_err(Failed::other)?;
    let handle = services.get("demo").ok_or_else(|| Failed::other("the demo's service did not start"))?;
    let socket = dir.0.join("assize.sock");
    let listener = crate::api::listen(&socket).map_err(Failed::other)?;
    let api = tokio::spawn(axum::serve(listener, crate::api::routes(services.clone())).into_future());
    let load = load::Load::start(entrance, LOAD_PER_SECOND);
    let mut verdicts = handle.verdicts.subscribe();
    start_release(&handle).await?;
    let plain = args.plain || !std::io::stdout().is_terminal();
    // With `--json` the log speaks for itself.
    let screen = (!args.json).then(|| Screen::new(args.fault, entrance, &socket, plain));
    let exit = follow(&handle, &mut verdicts, screen).await;
    shared.log.flush().await;
    drop(load);
    api.abort();
    exit
}

/// Picks a free port for the router and puts it into the rules.
fn free_entrance(rules: &mut crate::rules::model::Rules) -> Result<std::net::SocketAddr, Failed> {
    let failed = |error: std::io::Error| Failed::other(format!("no free port on 127.0.0.1: {error}"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let entrance = listener.local_addr().map_err(failed)?;
    if let crate::rules::model::RouterRule::Embedded(rule) = &mut rules.router {
        rule.listen = entrance.to_string();
    }
    Ok(entrance)
}

async fn shared(args: &DemoArgs, dir: &StateDir) -> Result<Shared, Failed> {
    let journal = SqliteJournal::open(&dir.0).await.map_err(|error| Failed::other(error.to_string()))?;
    // The demo prints verdicts itself, unless they are wanted as they are.
    let out: Box<dyn std::io::Write + Send> =
        if args.json { Box::new(std::io::stdout()) } else { Box::new(std::io::sink()) };
    let log = VerdictLog::start(LogFormat::Json, out)
        .map_err(|error| Failed::other(format!("cannot start the verdict log: {error}")))?;
    Ok(Shared { clock: Arc::new(SystemClock), journal: Arc::new(journal), log, record: None })
}

/// Waits until the router is settled, and starts.
async fn start_release(handle: &ServiceHandle) -> Result<(), Failed> {
    for _ in 0..100 {
        if status(handle).await?.live.is_some() {
            let (reply, answer) = oneshot::channel();
            let request = Request::Start { by: "the demo".into(), reply };
            handle.requests.send(request).await.map_err(|_| gone())?;
            match answer.await.map_err(|_| gone())? {
                Ok(_) => return Ok(()),
                Err(refusal) => tracing::debug!("{refusal}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(Failed::other("the router did not settle within five seconds"))
}

async fn status(handle: &ServiceHandle) -> Result<ServiceStatus, Failed> {
    let (reply, answer) = oneshot::channel();
    handle.requests.send(Request::Status(reply)).await.map_err(|_| gone())?;
    answer.await.map_err(|_| gone())
}

fn gone() -> Failed {
    Failed::other("the demo's service has stopped")
}

/// Shows what happens until the release ends.
async fn follow(
    handle: &ServiceHandle,
    verdicts: &mut broadcast::Receiver<Arc<Verdict>>,
    mut screen: Option<Screen>,
) -> Result<Exit, Failed> {
    let mut redraw = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            verdict = verdicts.recv() => {
                let Ok(verdict) = verdict else { continue };
                if let Some(screen) = &mut screen {
                    screen.verdict(&verdict);
                }
                if verdict.event == Happening::Ended {
                    break;
                }
            }
            _ = redraw.tick() => if let Some(screen) = &mut screen {
                screen.draw(&status(handle).await?);
            },
        }
    }
    let end = status(handle).await?;
    let outcome = end.release.as_ref().and_then(|release| release.outcome);
    if let Some(mut screen) = screen {
        screen.end(&end);
    }
    Ok(outcome.map_or(Exit::Other, Exit::from))
}

/// A state directory that goes with the demo.
struct StateDir(PathBuf);

impl StateDir {
    fn new() -> Result<Self, Failed> {
        let dir = std::env::temp_dir().join(format!("assize-demo-{}", std::process::id()));
        std::fs::create_dir_all(&dir)
            .map_err(|error| Failed::other(format!("cannot make {}: {error}; set TMPDIR", dir.display())))?;
        Ok(Self(dir))
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
