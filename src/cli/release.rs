//! `assize release …`: talk to the daemon.

use std::time::Duration;

use serde::Serialize;

use super::exit::{Exit, Failed};
use super::place::person;
use super::{OutputArgs, StateArgs, table};
use crate::api::client::{ApiClient, CallError};
use crate::daemon::request::{Accepted, Refusal, ServiceStatus};
use crate::daemon::verdict_log::pretty;
use crate::release::event::Command;
use crate::release::state::Outcome;
use crate::release::verdict::Happening;
use crate::sample::Colour;

/// A watcher whose daemon has gone tries again so many times, a second apart: a restart takes less.
const RECONNECTS_MAX: u32 = 30;

/// Arguments of `assize release`.
#[derive(Debug, clap::Args)]
pub struct ReleaseArgs {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Start a release: the colour that is not live becomes the candidate
    Start {
        /// The service's name in its rules
        service: String,
        /// Stay and watch until it ends
        #[arg(long)]
        watch: bool,
    },
    /// How a service and its release are; all services without a name
    Status {
        /// The service's name in its rules
        service: Option<String>,
    },
    /// Print verdicts as they are said, until the release ends
    Watch {
        /// The service's name in its rules
        service: String,
    },
    /// Stay on this step; judging goes on and harm still reverts
    Pause {
        /// The service's name in its rules
        service: String,
    },
    /// Go on after a pause
    Resume {
        /// The service's name in its rules
        service: String,
    },
    /// All traffic to the candidate now, without waiting for the judge
    Promote {
        /// The service's name in its rules
        service: String,
    },
    /// All traffic back to the live colour now
    Revert {
        /// The service's name in its rules
        service: String,
    },
    /// Give the release up: all traffic back to the live colour
    Cancel {
        /// The service's name in its rules
        service: String,
    },
    /// Say which colour is live, where router and journal disagree
    Live {
        /// The service's name in its rules
        service: String,
        /// The colour that is to get all traffic
        colour: String,
    },
}

/// Does what was asked.
pub async fn release(args: ReleaseArgs) -> Result<Exit, Failed> {
    let client = ApiClient::new(&args.state.socket()).map_err(failed)?;
    let json = args.output.json;
    match args.action {
        Action::Start { service, watch: false } => {
            print_accepted(&client.start(&service, person()).await.map_err(failed)?, json)
        }
        Action::Start { service, watch: true } => {
            let accepted = client.start(&service, person()).await.map_err(failed)?;
            print_accepted(&accepted, json)?;
            watch(&client, &service, accepted.release.as_deref(), json).await
        }
        Action::Status { service } => status(&client, service.as_deref(), json).await,
        Action::Watch { service } => watch(&client, &service, None, json).await,
        Action::Pause { service } => order(&client, &service, Command::Pause, json).await,
        Action::Resume { service } => order(&client, &service, Command::Resume, json).await,
        Action::Promote { service } => order(&client, &service, Command::Promote, json).await,
        Action::Revert { service } => order(&client, &service, Command::Revert, json).await,
        Action::Cancel { service } => order(&client, &service, Command::Cancel, json).await,
        Action::Live { service, colour } => {
            let colour = Colour::new(&colour).map_err(|error| Failed::usage(error.to_string()))?;
            print_accepted(&client.set_live(&service, colour, person()).await.map_err(failed)?, json)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err calls")]
fn failed(error: CallError) -> Failed {
    Failed::other(error.to_string())
}

async fn order(client: &ApiClient, service: &str, command: Command, json: bool) -> Result<Exit, Failed> {
    print_accepted(&client.command(service, command, person()).await.map_err(failed)?, json)
}

fn print_accepted(accepted: &Accepted, json: bool) -> Result<Exit, Failed> {
    if json {
        print_json(accepted)?;
    } else {
        println!("{}", accepted.message);
    }
    Ok(Exit::Done)
}

fn print_json(value: &impl Serialize) -> Result<(), Failed> {
    let text = serde_json::to_string(value).map_err(|error| Failed::other(error.to_string()))?;
    println!("{text}");
    Ok(())
}

async fn status(client: &ApiClient, service: Option<&str>, json: bool) -> Result<Exit, Failed> {
    let statuses: Vec<ServiceStatus> = match service {
        Some(service) => vec![client.status(service).await.map_err(failed)?],
        None => client.services().await.map_err(failed)?,
    };
    if json {
        match (service, statuses.first()) {
            (Some(_), Some(status)) => print_json(status)?,
            _ => print_json(&statuses)?,
        }
    } else {
        for status in &statuses {
            print!("{}", table::status(status));
        }
    }
    Ok(Exit::Done)
}

/// Prints verdicts until the release ends. A daemon that is restarted in between is waited for.
async fn watch(client: &ApiClient, service: &str, release: Option<&str>, json: bool) -> Result<Exit, Failed> {
    let mut release = release.map(str::to_owned);
    // One that was never there is not waited for.
    client.status(service).await.map_err(failed)?;
    let mut reconnects = 0;
    loop {
        match watch_once(client, service, &mut release, json).await {
            Ok(Some(exit)) => return Ok(exit),
            Ok(None) | Err(CallError::Unreached { .. }) if reconnects < RECONNECTS_MAX => {
                if reconnects == 0 {
                    eprintln!("the daemon has gone; waiting for it to be started again");
                }
                reconnects += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok(None) => {
                return Err(Failed::other(
                    "the daemon has gone; the release is taken up when it is started again",
                ));
            }
            Err(error) => return Err(failed(error)),
        }
    }
}

/// `None` when the daemon went away before the release ended.
async fn watch_once(
    client: &ApiClient,
    service: &str,
    release: &mut Option<String>,
    json: bool,
) -> Result<Option<Exit>, CallError> {
    // First the stream, then the status: so no verdict falls between them.
    let mut verdicts = client.verdicts(service).await?;
    let status = client.status(service).await?;
    // It may have ended while nobody was connected, even before the daemon was started again.
    let present = status.release.as_ref().map(|now| now.release.as_str());
    if let Some(ended) = status.ended.filter(|ended| match release.as_deref() {
        Some(watched) => ended.release == watched && present != Some(watched),
        None => present.is_none(),
    }) {
        if !json {
            let word = if ended.outcome == Outcome::Promoted { "promoted" } else { "not promoted" };
            println!("{0} has ended, {word}: `assize explain {0}` tells how", ended.release);
        }
        return Ok(Some(ended.outcome.into()));
    }
    if let Some(watched) = release.as_deref()
        && present != Some(watched)
    {
        return Err(CallError::Refused(Refusal::new(format!(
            "release {watched} is over; `assize explain {watched}` tells how it ended"
        ))));
    }
    if let Some(now) = &status.release {
        if let Some(outcome) = now.outcome {
            if !json {
                println!("{} has ended: {}", now.release, now.reason);
            }
            return Ok(Some(outcome.into()));
        }
        release.get_or_insert_with(|| now.release.clone());
        if !json {
            println!("{}: {}", now.release, now.reason);
        }
    } else if !json {
        println!("no release of {service} is under way; waiting for one");
    }
    while let Some(verdict) = verdicts.next().await? {
        if json {
            println!("{}", serde_json::to_string(&verdict).unwrap_or_default());
        } else {
            println!("{}", pretty(&verdict));
        }
        if verdict.event == Happening::Ended {
            let status = client.status(service).await?;
            let now = status.release.filter(|now| now.release == verdict.release);
            let ended = status.ended.filter(|ended| ended.release == verdict.release);
            let outcome = now.and_then(|now| now.outcome).or(ended.map(|ended| ended.outcome));
            return Ok(outcome.map(Exit::from));
        }
    }
    Ok(None)
}
