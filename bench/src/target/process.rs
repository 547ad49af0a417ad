//! A target's process, from its start to its end.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// How long a target gets to say where it listens.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a target gets to end after SIGTERM.
const END_LIMIT: Duration = Duration::from_secs(10);

/// A running target. Dropping it kills its process group; [`Running::end`] asks first.
#[derive(Debug)]
pub struct Running {
    /// Its MCP endpoint.
    pub url: String,
    /// The command line that started it.
    pub command: String,
    child: Child,
    group: Option<Pid>,
    drain: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a target that prints its URL, as in `ready http://…`, and waits for that line.
    ///
    /// # Errors
    /// When it cannot be started, ends, or prints no URL in time; the text has the end of its log.
    pub async fn printing(command: &[String], log: &Path) -> anyhow::Result<Self> {
        let mut child = spawn(command, Stdio::piped(), log)?;
        let stdout = child.stdout.take().context("the target has no stdout")?;
        let group = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let mut running = Self { url: String::new(), command: shown(command), child, group, drain: None };
        let mut lines = BufReader::new(stdout).lines();
        let first_url = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(url) = url_in(&line) {
                    return Ok(Some(url));
                }
            }
            std::io::Result::Ok(None)
        };
        match tokio::time::timeout(START_LIMIT, first_url).await {
            Ok(found) => match found? {
                Some(url) => running.url = url,
                None => bail!("{} ended before it printed a URL{}", running.command, tail(log)),
            },
            Err(_) => bail!("{} printed no URL within {START_LIMIT:?}{}", running.command, tail(log)),
        }
        // What it goes on printing is read, so that a full pipe does not stop it.
        running.drain = Some(tokio::spawn(async move {
            let mut rest = lines.into_inner();
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        }));
        Ok(running)
    }

    /// Starts a target that listens where it was told to, and waits until somebody accepts there.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not listen in time; the text has the end of its log.
    pub async fn listening(command: &[String], url: String, port: u16, log: &Path) -> anyhow::Result<Self> {
        let child = spawn(command, Stdio::null(), log)?;
        let group = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let mut running = Self { url, command: shown(command), child, group, drain: None };
        let accepted = async {
            loop {
                if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let outcome = tokio::select! {
            () = accepted => None,
            _ = running.child.wait() => Some("ended before it listened"),
            () = tokio::time::sleep(START_LIMIT) => Some("did not listen in time"),
        };
        match outcome {
            None => Ok(running),
            Some(what) => bail!("{} {what}{}", running.command, tail(log)),
        }
    }

    /// The process id of the target itself, `None` when it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends the target: SIGTERM, then SIGKILL for what is left of its process group.
    pub async fn end(mut self) {
        self.signal(Signal::TERM);
        let _ = tokio::time::timeout(END_LIMIT, self.child.wait()).await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It may be gone already, which is what is wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(drain) = &self.drain {
            drain.abort();
        }
    }
}

fn spawn(command: &[String], stdout: Stdio, log: &Path) -> anyhow::Result<Child> {
    let (program, arguments) = command.split_first().context("no command to start")?;
    let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(log)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {program:?}"))
}

/// The first URL in a line, whatever stands around it.
pub(super) fn url_in(line: &str) -> Option<String> {
    let from = line.get(line.find("http://")?..)?;
    let url = from.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ')')).next()?;
    Some(url.to_owned())
}

/// A command line for people to read and to paste.
pub(super) fn shown(command: &[String]) -> String {
    command.iter().map(|word| super::peer::quoted(word)).collect::<Vec<_>>().join(" ")
}

/// The last lines of a log, for an error text.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(3).collect();
    if lines.is_empty() {
        String::new()
    } else {
        format!(": {}", lines.into_iter().rev().collect::<Vec<_>>().join(" / "))
    }
}
