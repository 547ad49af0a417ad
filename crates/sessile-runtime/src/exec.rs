//! Operators' commands in sessions: who may run one where, and the record of it.
//!
//! The record is an event when a command runs, when it was refused and when it has ended, whoever went away in between.

use crate::node::Node;
use crate::registry::Standing;
use crate::session::Session;
use crate::stop::StopReason;
use sessile_sandbox::{Exec, ExecError, ExecSpec, Exit};
use sessile_telemetry::{Event, ExecOutcome};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Commands that may run in one session at a time.
pub(crate) const MOST_EXECS: usize = 8;

/// How long after a command the end of its session is still its reason, and how often it is looked for.
const AFTERWARDS: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(10);

/// What a command dies of when its sandbox ends.
const SIGKILL: i32 = 9;

/// Characters of a command line that are recorded.
const RECORDED: usize = 2000;

/// Why a command was not run.
#[derive(Debug, thiserror::Error)]
pub enum ExecFault {
    /// The node knows no session of that name.
    #[error("there is no session {name:?}")]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// It waits in a pool: whoever gets it is promised that nobody has been there.
    #[error("{name} is kept warm for a session to come, and nobody looks into it before; name a session that is live")]
    Warm {
        /// The name asked for.
        name: String,
    },
    /// It has ended.
    #[error("session {name} has ended: {reason} ({exit})")]
    Ended {
        /// The name asked for.
        name: String,
        /// Why it ended.
        reason: &'static str,
        /// How its server did.
        exit: String,
    },
    /// It is on the disk.
    #[error("session {name} is hibernated; wake it first: `sessile sessions resume {name}`")]
    Asleep {
        /// The name asked for.
        name: String,
    },
    /// It is ending.
    #[error("session {name} is ending")]
    Ending {
        /// The name asked for.
        name: String,
    },
    /// As many commands run in it as may.
    #[error("{MOST_EXECS} commands run in session {name} already, which is the most; end one")]
    Full {
        /// The name asked for.
        name: String,
    },
    /// The sandbox does not run it.
    #[error("{0}")]
    Refused(#[from] ExecError),
}

/// A command that runs in a session. Dropping it kills the command.
#[derive(Debug)]
pub struct SessionExec {
    /// Which command of the session it is, counted from 1.
    pub number: u64,
    /// The command.
    pub exec: Exec,
    /// The session, whose end is the command's.
    pub session: Arc<Session>,
}

impl SessionExec {
    /// Why the session ends or has ended, if it was its end that ended the command. That becomes known a moment later.
    pub async fn session_end(&self, exit: Exit) -> Option<&'static str> {
        if !matches!(exit, Exit::Signal(SIGKILL) | Exit::Lost) {
            return None;
        }
        let until = Instant::now() + AFTERWARDS;
        loop {
            let end = self.session.lock().stop.map(StopReason::as_str);
            if end.is_some() || Instant::now() >= until {
                return end;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Node {
    /// The live session with this public name, to run a command in.
    ///
    /// # Errors
    /// When there is none: [`ExecFault`] says what there is instead.
    pub fn session_to_enter(&self, name: &str) -> Result<Arc<Session>, ExecFault> {
        let name = name.to_owned();
        match self.registry.called(&name) {
            Some(Standing::Live(session)) => return Ok(session),
            Some(Standing::Asleep(_)) => return Err(ExecFault::Asleep { name }),
            Some(Standing::Ended(_)) | None => {}
        }
        let Some(view) = self.session_view(&name) else {
            return Err(ExecFault::Unknown { name });
        };
        Err(match view.end {
            Some(end) => ExecFault::Ended { name, reason: end.reason.as_str(), exit: end.exit },
            None => ExecFault::Warm { name },
        })
    }

    /// Runs a command in a session, for `who`: what is known of who asked. While it runs, the session is not idle.
    ///
    /// # Errors
    /// When it was not run, which is recorded as well.
    pub async fn exec(&self, session: &Arc<Session>, spec: ExecSpec, who: &str) -> Result<SessionExec, ExecFault> {
        let (command, env) = (one_line(&spec.command), names(&spec.env));
        let terminal = spec.terminal.is_some();
        // A session that is frozen runs nothing.
        let visit = session.visit().await;
        let asleep = || ExecFault::Asleep { name: session.name.to_string() };
        let begun = match visit.as_ref().ok_or_else(asleep).and_then(|visit| visit.take_exec_place()) {
            Ok(place) => session.run_inside(spec).await.map(|exec| (place, exec)),
            Err(fault) => Err(fault),
        };
        let (place, exec) = begun.inspect_err(|fault| {
            self.telemetry.emit(&Event::ExecRefused {
                server: session.hosted.name(),
                session: session.name().as_str(),
                who,
                command: &command,
                env: &env,
                error: &fault.to_string(),
            });
        })?;
        let (began, number) = (Instant::now(), place.number);
        self.telemetry.emit(&Event::ExecStarted {
            server: session.hosted.name(),
            session: session.name().as_str(),
            exec: number,
            who,
            command: &command,
            env: &env,
            terminal,
        });
        let (ended, telemetry, who) = (exec.ended(), self.telemetry.clone(), who.to_owned());
        let kept = Arc::clone(session);
        // Waited for with the sessions: the command is gone before its sandbox is.
        self.pumps.spawn(async move {
            let exit = ended.await;
            drop(place);
            telemetry.emit(&Event::ExecEnded {
                server: kept.hosted.name(),
                session: kept.name().as_str(),
                exec: number,
                who: &who,
                outcome: outcome(exit),
                exit: &exit.to_string(),
                took: began.elapsed(),
            });
        });
        Ok(SessionExec { number, exec, session: Arc::clone(session) })
    }
}

fn outcome(exit: Exit) -> ExecOutcome {
    match exit {
        Exit::Code(0) => ExecOutcome::Ok,
        Exit::Code(_) => ExecOutcome::Code,
        Exit::Signal(_) | Exit::Killed | Exit::OutOfMemory { .. } => ExecOutcome::Signal,
        Exit::Lost | Exit::Crashed => ExecOutcome::Lost,
    }
}

/// A command line as a shell would take it, on one line of bounded length.
fn one_line(command: &[String]) -> String {
    let words = command.iter().map(|word| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%^".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            return word.clone();
        }
        let safe: String = word.chars().flat_map(escaped).collect();
        format!("'{safe}'")
    });
    bounded(words.collect::<Vec<_>>().join(" "))
}

/// A character in single quotes.
fn escaped(c: char) -> Vec<char> {
    match c {
        '\'' => "'\\''".chars().collect(),
        c if c.is_control() => c.escape_default().collect(),
        c => vec![c],
    }
}

/// The names of variables.
fn names(env: &[(String, String)]) -> String {
    let names = env.iter().map(|(name, _)| name.chars().flat_map(char::escape_default).collect::<String>());
    bounded(names.collect::<Vec<_>>().join(" "))
}

fn bounded(text: String) -> String {
    match text.char_indices().nth(RECORDED) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_command_line_is_recorded_as_a_shell_would_take_it() {
        assert_eq!(one_line(&words(&["ls", "-la", "/tmp"])), "ls -la /tmp");
        assert_eq!(one_line(&words(&["sh", "-c", "echo it's; x=$Y", ""])), r"sh -c 'echo it'\''s; x=$Y' ''");
    }

    #[test]
    fn what_is_recorded_is_one_line_of_bounded_length() {
        assert_eq!(one_line(&words(&["a\nb\u{1b}[31m"])), r"'a\nb\u{1b}[31m'");
        let long = one_line(&words(&["é".repeat(10_000).as_str()]));
        assert_eq!(long.chars().count(), RECORDED + 1);
    }

    #[test]
    fn of_variables_the_names_alone_are_recorded() {
        let env = [("TOKEN".to_owned(), "secret".to_owned()), ("A\nB".to_owned(), "x".to_owned())];
        assert_eq!(names(&env), r"TOKEN A\nB");
    }
}
