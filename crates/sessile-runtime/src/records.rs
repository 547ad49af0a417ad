//! What the bridge records, as events.

use crate::session::Session;
use sessile_bridge::{Kind, Outcome, Record, Side, Why};
use sessile_telemetry::{CallOutcome, DropCause, Event};

/// Tells telemetry what the bridge recorded.
pub(crate) fn emit(session: &Session, record: &Record) {
    match record {
        Record::CallEnded { id, method, subject, outcome, took } => {
            if matches!(outcome, Outcome::Ok) && method.as_str() == "initialize" {
                session.hosted.initialized();
            }
            session.telemetry.emit(&Event::CallEnded {
                server: &session.server,
                session: session.name.as_str(),
                request: id.as_json(),
                method: method.as_str(),
                subject: subject.as_deref(),
                outcome: call_outcome(*outcome),
                took: *took,
            });
        }
        Record::ServerRequestEnded { id, method, outcome, took } => {
            tracing::debug!(
                target: "sessile::request",
                server = &*session.server, session = session.name.as_str(), request = id.as_json(),
                method = method.as_str(), outcome = call_outcome(*outcome).as_str(),
                took_ms = took.as_millis(), "question to the client"
            );
        }
        Record::Undeliverable { kind, id, method, why } => {
            let what = match kind {
                Kind::Answer => "answer",
                Kind::Request => "question",
                Kind::Notification => "notification",
            };
            let name = method.as_ref().map_or("", |method| method.as_str());
            let id = id.as_ref().map_or("", |id| id.as_json());
            dropped(session, cause_of(*why), 1, &format!("{what} {name} {id}: {why:?}"));
        }
        Record::Evicted { events, bytes } => {
            dropped(session, DropCause::RingFull, *events as u64, &format!("{bytes} bytes of notifications"));
        }
        Record::LateAnswer { from, id } => {
            dropped(session, DropCause::LateAnswer, 1, &format!("{} {}", side(*from), id.as_json()));
        }
        Record::UnknownAnswer { from, id } => {
            let id = id.as_ref().map_or("without an id", |id| id.as_json());
            dropped(session, DropCause::UnknownAnswer, 1, &format!("{} {id}", side(*from)));
        }
        Record::ParkedCallEnded { method, subject, outcome, waited } => {
            tracing::info!(
                target: "sessile::call",
                server = &*session.server, session = session.name.as_str(), method = method.as_str(),
                subject = subject.as_deref().unwrap_or_default(), outcome = call_outcome(*outcome).as_str(),
                waited_ms = waited.as_millis(), "a call that waited for its client has ended"
            );
        }
        Record::NotPassedOn { method } => {
            dropped(session, DropCause::NotWanted, 1, &format!("notification {method} of the client"));
        }
        Record::ConnectionCut { cut, .. } => {
            tracing::info!(
                target: "sessile::runtime",
                server = &*session.server, session = session.name.as_str(), cut = ?cut, "stream cut"
            );
        }
    }
}

fn dropped(session: &Session, cause: DropCause, count: u64, detail: &str) {
    session.telemetry.emit(&Event::Dropped {
        server: &session.server,
        session: session.name.as_str(),
        cause,
        count,
        detail,
    });
}

fn call_outcome(outcome: Outcome) -> CallOutcome {
    match outcome {
        Outcome::Ok => CallOutcome::Ok,
        Outcome::Error => CallOutcome::Error,
        Outcome::Timeout => CallOutcome::Timeout,
        Outcome::Cancelled => CallOutcome::Cancelled,
        Outcome::ServerGone => CallOutcome::ServerGone,
        Outcome::Undeliverable => CallOutcome::Undeliverable,
        Outcome::InputRequired => CallOutcome::InputRequired,
        Outcome::Task => CallOutcome::Task,
    }
}

fn cause_of(why: Why) -> DropCause {
    match why {
        Why::ClientLeft | Why::Timeout | Why::SessionEnded => DropCause::ClientGone,
        Why::Evicted | Why::Superseded => DropCause::RingFull,
        Why::NotWanted => DropCause::NotWanted,
        Why::TooMany | Why::DuplicateId | Why::OutOfPlace => DropCause::Refused,
        Why::ServerGone => DropCause::ServerGone,
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Client => "from the client",
        Side::Server => "from the server",
    }
}
