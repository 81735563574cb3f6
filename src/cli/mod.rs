//! The commands: what is typed, what is printed, and how a command ends.
//!
//! Results go to standard output, errors to standard error; `--json` prints results for scripts.
//! Exit codes are a contract: see [`exit`].

mod check;
pub mod exit;
mod explain;
mod place;
mod plan;
mod release;
mod replay;
mod rule_files;
mod run;
mod table;

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::daemon::verdict_log::LogFormat;
use exit::Exit;

/// The release judge: promotes or reverts blue/green releases on evidence.
#[derive(Debug, Parser)]
#[command(name = "assize", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 promoted (or done), 10 reverted, 11 undecided or held, 12 cancelled, \
                        2 wrong usage or rules, 1 anything else.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch a whole release on embedded parts: two colours, router, load, daemon; about a minute
    Demo(crate::demo::DemoArgs),
    /// Run the daemon
    Run(run::RunArgs),
    /// Validate rule files; with --live also ask each source and router
    Check(check::CheckArgs),
    /// Simulate the rules on your traffic: how long until harm is found and health proved
    Plan(plan::PlanArgs),
    /// Judge recorded samples
    Replay(replay::ReplayArgs),
    /// Talk to the daemon: start, steer and watch releases
    Release(release::ReleaseArgs),
    /// Tell the whole story of a release from the journal
    Explain(explain::ExplainArgs),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Where a daemon keeps its things, for commands that look there.
#[derive(Clone, Debug, clap::Args)]
struct StateArgs {
    /// State directory of the daemon [default: /var/lib/assize if it exists, else ~/.local/state/assize]
    #[arg(long, global = true, env = "ASSIZE_STATE_DIR", value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Socket of the daemon's API [default: assize.sock in the state directory]
    #[arg(long, global = true, env = "ASSIZE_SOCKET", value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, clap::Args)]
struct OutputArgs {
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
}

/// Whether to use colours.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum ColourChoice {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Runs the command line that the process was started with.
///
/// A reader of standard output that goes away (`assize explain | head -1`) ends it with exit code 1 and without a word:
/// `println!` can only panic then, and unwinding still puts away what a command has made.
#[must_use]
pub fn main() -> Exit {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !tells_of_closed_output(panic.payload()) {
            usual(panic);
        }
    }));
    std::panic::catch_unwind(command).unwrap_or_else(|payload| {
        if tells_of_closed_output(payload.as_ref()) {
            return Exit::Other;
        }
        std::panic::resume_unwind(payload)
    })
}

/// The words are those of the standard library.
fn tells_of_closed_output(payload: &dyn std::any::Any) -> bool {
    payload
        .downcast_ref::<String>()
        .is_some_and(|text| text.starts_with("failed printing to stdout: Broken pipe"))
}

fn command() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            // `--help` and `--version` are no errors.
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    match cli.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "assize", &mut script);
            print!("{}", String::from_utf8_lossy(&script));
            Exit::Done
        }
        Command::Check(args) => in_runtime(check::check(args)),
        Command::Plan(args) => exit::report(plan::plan(&args)),
        Command::Replay(args) => exit::report(replay::replay(&args)),
        Command::Run(args) => in_runtime(run::run(args)),
        Command::Demo(args) => in_runtime(crate::demo::demo(args)),
        Command::Release(args) => in_runtime(release::release(args)),
        Command::Explain(args) => in_runtime(explain::explain(args)),
    }
}

fn in_runtime(work: impl Future<Output = Result<Exit, exit::Failed>>) -> Exit {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Two threads are enough for a daemon that mostly waits, and keep it small.
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = exit::report(runtime.block_on(work));
            // A task that hangs in a system call must not hold the process.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            exit
        }
        Err(error) => exit::report(Err(exit::Failed::other(format!("cannot start: {error}")))),
    }
}

/// Sends the daemon's own log (not the verdicts) to standard error.
fn log_to_stderr(format: LogFormat) {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_env("ASSIZE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    // A subscriber that is set already (in tests) serves as well.
    let _ = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => builder.try_init(),
    };
}

/// The checks as a table, for the demo's last picture.
#[must_use]
pub fn checks_table(checks: &[crate::judge::report::CheckReport]) -> String {
    table::checks(checks)
}
