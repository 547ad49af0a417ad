//! The log view: correlated streams, told apart by their target.
//!
//! | target | what |
//! | --- | --- |
//! | `sessile::runtime` | sessions started, ended, limits hit |
//! | `sessile::request` | one line per request, at debug level |
//! | `sessile::server` | what servers write to stderr, line by line |
//! | `sessile::audit` | what operators did inside of sessions |

use crate::{EgressTold, Event, TemplateOutcome, WarmEnd};
use std::io::IsTerminal;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that may wait for a slow reader of the log before further ones are shed.
const QUEUE_LINES: usize = 16_384;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: one line each, coloured on a terminal.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Keeps the log writer alive; flushes what is queued when dropped.
#[derive(Debug)]
pub struct LogGuard {
    _worker: WorkerGuard,
    shed: ErrorCounter,
}

impl LogGuard {
    /// How many lines were shed because the reader of the log was too slow.
    #[must_use]
    pub fn shed_lines(&self) -> usize {
        self.shed.dropped_lines()
    }
}

/// Sends logs to stderr. `filter` is a `tracing` directive list such as `info,sessile::request=debug`.
///
/// # Errors
/// A text that says what is wrong with `filter`, or that logging was set up already.
pub fn init(filter: &str, format: Format) -> Result<LogGuard, String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("bad log filter {filter:?}: {error}"))?;
    let (writer, worker): (NonBlocking, WorkerGuard) = NonBlockingBuilder::default()
        .buffered_lines_limit(QUEUE_LINES)
        .lossy(true)
        .thread_name("log")
        .finish(std::io::stderr());
    let shed = writer.error_counter();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let set = match format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    set.map_err(|error| format!("logging is already set up: {error}"))?;
    Ok(LogGuard { _worker: worker, shed })
}

/// Writes the log line of one event.
pub(crate) fn write(event: &Event<'_>) {
    match *event {
        Event::SessionStarting { server, session, principal } => {
            tracing::debug!(target: "sessile::runtime", server, session, principal, "session starting");
        }
        Event::SessionStarted { server, session, took, kind } => {
            tracing::info!(
                target: "sessile::runtime", server, session, took_ms = millis(took), kind = kind.as_str(),
                "session started"
            );
        }
        Event::Warmed { server, session, took } => {
            tracing::debug!(target: "sessile::runtime", server, session, took_ms = millis(took), "sandbox is warm");
        }
        Event::WarmEnded { server, session, why: WarmEnd::Died, detail } => {
            tracing::warn!(target: "sessile::runtime", server, session, detail, "warm sandbox ended before it was used");
        }
        Event::WarmEnded { server, session, why, detail } => {
            let why = why.as_str();
            tracing::debug!(target: "sessile::runtime", server, session, why, detail, "sandbox is warm no more");
        }
        Event::Waited { took, how } => {
            let how = how.as_str();
            tracing::debug!(target: "sessile::runtime", took_ms = millis(took), how, "start waited for room");
        }
        Event::StartFailed { server, session, error } => {
            tracing::warn!(target: "sessile::runtime", server, session, error, "session did not start");
        }
        Event::SessionEnded { server, session, reason, exit, lived, cpu, memory_peak } => {
            tracing::info!(
                target: "sessile::runtime", server, session, reason, exit,
                lived_ms = millis(lived), cpu_ms = millis(cpu), memory_peak, "session ended"
            );
        }
        Event::SessionRests { server, session, kind, bytes, took } => {
            let kind = kind.as_str();
            tracing::info!(
                target: "sessile::runtime", server, session, kind, bytes, took_ms = millis(took), "session hibernates"
            );
        }
        Event::SessionWoken { server, session, kind, took } => {
            let kind = kind.as_str();
            tracing::info!(target: "sessile::runtime", server, session, kind, took_ms = millis(took), "session runs again");
        }
        Event::RestFailed { server, session, what, error } => {
            tracing::warn!(target: "sessile::runtime", server, session, what, error, "session cannot change between rest and running");
        }
        Event::SleeperEnded { server, session, reason, why, lived } => {
            tracing::info!(
                target: "sessile::runtime", server, session, reason, why, lived_ms = millis(lived), "hibernated session ended"
            );
        }
        Event::CallEnded { server, session, request, method, subject, outcome, took } => {
            tracing::debug!(
                target: "sessile::request", server, session, request, method, subject,
                outcome = outcome.as_str(), took_ms = millis(took), "call"
            );
        }
        Event::Refused { cause } => tracing::debug!(target: "sessile::request", cause, "refused"),
        Event::Dropped { server, session, cause, count, detail } => {
            tracing::debug!(
                target: "sessile::runtime", server, session, cause = cause.as_str(), count, detail, "dropped"
            );
        }
        Event::ServerOutput { server, session, stream, line } => {
            tracing::info!(target: "sessile::server", server, session, stream, "{line}");
        }
        Event::EgressOpened { server, session, target, rule, address } => {
            let address = address.map(tracing::field::display);
            tracing::debug!(target: "sessile::runtime", server, session, to = target, rule, address, "egress opened");
        }
        Event::EgressClosed { server, session, target, sent, received, lasted } => {
            tracing::debug!(
                target: "sessile::runtime", server, session, to = target, sent, received,
                lasted_ms = millis(lasted), "egress closed"
            );
        }
        Event::EgressRefused { server, session, rule, told: Some(EgressTold { reason, detail }) } => {
            tracing::warn!(target: "sessile::runtime", server, session, rule, reason, detail, "egress refused");
        }
        Event::EgressUnreachable { server, session, target, problem } => {
            tracing::debug!(target: "sessile::runtime", server, session, to = target, problem, "egress unreachable");
        }
        Event::ExecStarted { server, session, exec, who, command, env, terminal } => {
            tracing::info!(
                target: "sessile::audit", server, session, exec, who, command, env, terminal, "exec started"
            );
        }
        Event::ExecRefused { server, session, who, command, env, error } => {
            tracing::warn!(target: "sessile::audit", server, session, who, command, env, error, "exec refused");
        }
        Event::ExecEnded { server, session, exec, who, outcome: _, exit, took } => {
            tracing::info!(
                target: "sessile::audit", server, session, exec, who, exit, took_ms = millis(took), "exec ended"
            );
        }
        Event::Template { outcome: TemplateOutcome::Made, kind, detail, bytes, .. } => {
            tracing::info!(target: "sessile::runtime", kind, took = detail, bytes, "template made");
        }
        Event::Template { outcome: TemplateOutcome::Gone, kind, bytes, .. } => {
            tracing::info!(target: "sessile::runtime", kind, bytes, "template let go of");
        }
        Event::Template { outcome: TemplateOutcome::NotMade, kind, detail, .. } => {
            tracing::warn!(target: "sessile::runtime", kind, why = detail, "no template was made, sessions boot");
        }
        Event::Template { outcome: TemplateOutcome::NotCopied, kind, detail, .. } => {
            tracing::warn!(target: "sessile::runtime", kind, why = detail, "a template could not be copied, the session boots");
        }
        Event::Template { outcome: TemplateOutcome::NotShared, kind, detail, .. } => {
            tracing::warn!(target: "sessile::runtime", kind, why = detail, "a copy does not share its template's memory");
        }
        Event::EgressRefused { told: None, .. }
        | Event::Http { .. }
        | Event::Capacity { .. }
        | Event::HibernationDisk { .. } => {}
    }
}

fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
