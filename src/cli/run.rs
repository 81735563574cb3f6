//! `assize run`: the daemon.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::exit::{Exit, Failed};
use super::{StateArgs, log_to_stderr, rule_files};
use crate::daemon::clock::{Clock, SystemClock};
use crate::daemon::service::Shared;
use crate::daemon::verdict_log::{LogFormat, VerdictLog};
use crate::daemon::{KEEP_SAMPLES_DAYS, Services, systemd, tidy_samples};
use crate::journal::sqlite::SqliteJournal;
use crate::rules::model::Rules;

/// Arguments of `assize run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Rule files, one per service, or directories of them
    #[arg(required = true, value_name = "RULES")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    state: StateArgs,
    /// How verdicts (standard output) and the daemon's own log (standard error) are written
    #[arg(long, value_enum, default_value_t)]
    log: LogFormat,
    /// Write every sample to DIR/RELEASE.jsonl, for `assize replay`
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Days for which samples of ended releases are kept; verdicts are kept for good
    #[arg(long, value_name = "DAYS", default_value_t = KEEP_SAMPLES_DAYS)]
    keep_samples: u64,
}

/// Runs until SIGTERM or SIGINT. Releases under way stay as they are and are taken up at the next start.
pub async fn run(args: RunArgs) -> Result<Exit, Failed> {
    log_to_stderr(args.log);
    let rules = compile(&args.rules)?;
    let dir = args.state.dir();
    let journal = SqliteJournal::open(&dir).await.map_err(|error| Failed::other(error.to_string()))?;
    let log = VerdictLog::start(args.log, Box::new(std::io::stdout()))
        .map_err(|error| Failed::other(format!("cannot start the verdict log: {error}")))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let shared =
        Shared { clock: clock.clone(), journal: Arc::new(journal), log, record: args.record.clone() };
    let socket = args.state.socket();
    let listener = crate::api::listen(&socket).map_err(Failed::other)?;
    let services = Services::default();
    let count = rules.len();
    services.start(rules, &shared).await.map_err(Failed::other)?;
    services.take_up_orphans(&shared).await.map_err(Failed::other)?;
    tracing::info!(state_dir = %dir.display(), socket = %socket.display(), "assize {} watches {count} service(s)", env!("CARGO_PKG_VERSION"));
    systemd::ready(count);
    let api = axum::serve(listener, crate::api::routes(services.clone()));
    let result = tokio::select! {
        result = api.into_future() => result.map_err(|error| Failed::other(format!("the API stopped: {error}"))),
        () = tidy_samples(shared.clone(), args.keep_samples) => Ok(()),
        () = systemd::watchdog(services.clone(), clock) => Ok(()),
        result = signals(&args, &services, &shared) => result,
    };
    systemd::stopping();
    services.shutdown().await;
    shared.log.flush().await;
    let _ = std::fs::remove_file(&socket);
    result.map(|()| Exit::Done)
}

fn compile(paths: &[PathBuf]) -> Result<Vec<Rules>, Failed> {
    let files = rule_files::load(paths)?.all_valid()?;
    Ok(files.into_iter().map(|file| file.rules).collect())
}

/// Reads the rules again on SIGHUP; returns on SIGTERM or SIGINT.
async fn signals(args: &RunArgs, services: &Services, shared: &Shared) -> Result<(), Failed> {
    let on =
        |kind| signal(kind).map_err(|error| Failed::other(format!("cannot listen for signals: {error}")));
    let (mut hangup, mut terminate, mut interrupt) =
        (on(SignalKind::hangup())?, on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    loop {
        tokio::select! {
            _ = hangup.recv() => reload(args, services, shared).await,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("stopping; a release under way stays as it is and is taken up at the next start");
    Ok(())
}

async fn reload(args: &RunArgs, services: &Services, shared: &Shared) {
    systemd::reloading();
    match compile(&args.rules) {
        Ok(rules) => services.reload(rules, shared).await,
        Err(failed) => tracing::error!("{}; the old rules stay", failed.message),
    }
    systemd::ready(services.all().len());
}
