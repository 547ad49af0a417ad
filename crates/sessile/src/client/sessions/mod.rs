//! `sessile sessions`: the sessions of a running node, through its admin listener.

mod admin;
mod exec;
mod render;
mod view;

use crate::client::error::ClientError;
use crate::client::escape::{one_line, pretty};
use crate::client::printer::{Printer, stdout_width};
use admin::Admin;
use clap::{Args, Subcommand};
use exec::ExecArgs;
use serde_json::json;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use view::Session;

/// How often a session that stops is looked at.
const POLL: Duration = Duration::from_millis(100);

/// `sessile sessions [list|show NAME|stop NAME|hibernate NAME|resume NAME|exec NAME -- COMMAND]`
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct SessionsArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// The admin listener of the node
    #[arg(long, global = true, env = "SESSILE_ADMIN", default_value = "http://127.0.0.1:8301", value_name = "URL")]
    admin: String,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List live sessions, and sandboxes kept warm for others (the default)
    List(ListArgs),
    /// Show one session, live or ended, with the last lines of its stderr
    Show {
        /// The session, as the list names it
        name: String,
    },
    /// Stop one session and say how it ended
    Stop {
        /// The session, as the list names it
        name: String,
        /// How long to wait for the end
        #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
        timeout: Duration,
    },
    /// Let one session rest: it is written to the disk, or frozen, until the next request
    Hibernate(RestArgs),
    /// Wake one session that rests
    Resume(RestArgs),
    /// Run a command inside a live session, held exactly as its server is; its exit code becomes this one's
    Exec(ExecArgs),
}

#[derive(Clone, Copy, Debug, Args)]
struct ListArgs {
    /// List ended sessions as well, and why they ended
    #[arg(long)]
    all: bool,
}

/// Which session is to rest, or to wake.
#[derive(Debug, Args)]
struct RestArgs {
    /// The session, as the list names it
    name: String,
    /// How long to wait for it
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// Lists, shows or stops sessions, lets them rest or wakes them, or runs a command in one.
///
/// # Errors
/// When no node answers, the session is not known, it does not stop in time, or the command is not run.
pub(crate) async fn sessions(args: SessionsArgs) -> Result<ExitCode, ClientError> {
    let admin = Admin::at(&args.admin)?;
    let printer = Printer::new();
    match args.command.unwrap_or(Command::List(args.list)) {
        Command::List(list) => {
            let mut sessions = admin.sessions().await?;
            if !(list.all || args.list.all) {
                let ended = sessions.len();
                sessions.retain(Session::is_live);
                if sessions.is_empty() && ended > 0 && !args.json {
                    printer.note(&format!("no live sessions; --all lists {ended} that ended"));
                }
            }
            if args.json {
                let raw: Vec<_> = sessions.iter().map(|session| &session.raw).collect();
                printer.result(&pretty(&json!({ "sessions": raw })));
            } else if !sessions.is_empty() {
                printer.result(&render::list(&sessions, stdout_width()));
            }
        }
        Command::Show { name } => {
            let session = admin.session(&name).await?;
            let text = if args.json { pretty(&session.raw) } else { render::whole(&session) };
            printer.result(&text);
        }
        Command::Stop { name, timeout } => {
            let session = stop(&admin, &name, timeout).await?;
            let text = if args.json { pretty(&session.raw) } else { render::end(&session) };
            printer.result(&text);
        }
        Command::Hibernate(rest) => change(&admin, &printer, &rest, "hibernate", args.json).await?,
        Command::Resume(rest) => change(&admin, &printer, &rest, "resume", args.json).await?,
        Command::Exec(exec) => return exec::run(&admin, exec, args.json, &printer).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets a session rest, or wakes it, and shows it then.
async fn change(
    admin: &Admin,
    printer: &Printer,
    RestArgs { name, timeout }: &RestArgs,
    act: &str,
    json: bool,
) -> Result<(), ClientError> {
    admin.rest(name, act, *timeout).await?;
    let session = admin.session(name).await?;
    let text = if json { pretty(&session.raw) } else { render::whole(&session) };
    printer.result(&text);
    Ok(())
}

/// Asks for the end of a session and waits for it. One that has ended already is as good.
async fn stop(admin: &Admin, name: &str, timeout: Duration) -> Result<Session, ClientError> {
    let session = admin.session(name).await?;
    if !session.is_live() {
        return Ok(session);
    }
    match admin.stop(name).await {
        // It may end on its own between the two requests.
        Ok(()) | Err(ClientError::NoSession { .. }) => {}
        Err(error) => return Err(error),
    }
    if session.is_warm() {
        return Ok(session);
    }
    let start = Instant::now();
    loop {
        let session = admin.session(name).await?;
        if !session.is_live() {
            return Ok(session);
        }
        if start.elapsed() >= timeout {
            let name = one_line(name);
            return Err(ClientError::StillStopping { name, waited: timeout, in_flight: session.view.in_flight });
        }
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests;
