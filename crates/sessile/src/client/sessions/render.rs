//! Sessions as text.

use crate::client::escape::{escaped, one_line};
use crate::client::sessions::view::{Egress, End, Rest, Session, View};
use crate::client::size;
use crate::client::table::Table;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// What is not known is a dash, never a zero.
const UNKNOWN: &str = "-";

/// One line for each session.
pub(super) fn list(sessions: &[Session], width: Option<usize>) -> String {
    let any_ended = sessions.iter().any(|session| !session.is_live());
    let mut head =
        vec!["NAME", "SERVER", "PRINCIPAL", "STATE", "AGE", "IN FLIGHT", "CALLS", "PROTOCOL", "MEMORY", "CPU"];
    if any_ended {
        head.push("END");
    }
    let mut table = Table::new(&head);
    for Session { view, .. } in sessions {
        let mut row = vec![
            one_line(&view.name),
            one_line(&view.server),
            view.principal.as_deref().map_or_else(|| UNKNOWN.to_owned(), one_line),
            state(view),
            millis(view.age_ms),
            in_flight(view),
            view.calls.to_string(),
            spoken(view),
            bytes(view.memory.or_else(|| view.end.as_ref().and_then(|end| end.memory_peak))),
            millis(view.cpu_ms),
        ];
        if any_ended {
            row.push(view.end.as_ref().map(end_line).unwrap_or_default());
        }
        table.row(row);
    }
    // Principals are the longest and the least telling.
    table.render(width, 2)
}

/// Calls in flight, and how many of them wait for their client.
fn in_flight(view: &View) -> String {
    match view.parked {
        0 => view.in_flight.to_string(),
        parked => format!("{} ({parked} parked)", view.in_flight),
    }
}

/// What is spoken: one version, or that with the client and that with the server.
fn spoken(view: &View) -> String {
    match (view.protocol.as_deref(), view.server_protocol.as_deref()) {
        (Some(client), Some(server)) if client != server => format!("{} over {}", one_line(client), one_line(server)),
        (client, server) => client.or(server).map_or_else(|| UNKNOWN.to_owned(), one_line),
    }
}

/// Everything that is known of a session.
pub(super) fn whole(session: &Session) -> String {
    let View { name, server, principal, .. } = &session.view;
    let view = &session.view;
    let mut lines = vec![
        ("name", one_line(name)),
        ("server", one_line(server)),
        ("principal", principal.as_deref().map_or_else(|| UNKNOWN.to_owned(), one_line)),
        ("state", self::state(view)),
        ("age", millis(view.age_ms)),
        ("in flight", in_flight(view)),
        ("calls", view.calls.to_string()),
        ("protocol", spoken(view)),
    ];
    match &view.end {
        None => lines.extend([("memory", bytes(view.memory)), ("cpu", millis(view.cpu_ms))]),
        Some(end) => {
            // Its age is how long it lived, and there is nothing in flight any more.
            lines.retain(|(label, _)| !matches!(*label, "age" | "in flight"));
            lines.extend(end_lines(end));
        }
    }
    lines.extend(view.egress.map(|egress| ("egress", egress_line(egress))));
    lines.extend(view.rest.as_ref().map(|rest| ("rests", rest_line(rest))));
    lines.extend((view.wakes > 0).then(|| ("woken", format!("{} times", view.wakes))));
    lines.extend((view.execs > 0).then(|| ("commands", format!("{} of operators run in it", view.execs))));
    labeled(lines, view.end.as_ref())
}

/// What it does; of one that rests, how.
fn state(view: &View) -> String {
    match view.rest.as_ref().filter(|_| view.end.is_none()) {
        Some(rest) if rest.kind == "frozen" => "frozen".to_owned(),
        _ => one_line(&view.state),
    }
}

fn rest_line(rest: &Rest) -> String {
    let since = format!("{}, for {}", one_line(&rest.kind), size::duration(rest.for_ms));
    rest.bytes.map_or(since.clone(), |bytes| format!("{since}, {}", size::bytes(bytes)))
}

fn egress_line(Egress { sent, received, refused }: Egress) -> String {
    format!("{} sent, {} received, {refused} refused", size::bytes(sent), size::bytes(received))
}

/// How a session ended, and little else.
pub(super) fn end(session: &Session) -> String {
    let mut lines = vec![("name", one_line(&session.view.name)), ("calls", session.view.calls.to_string())];
    lines.extend(session.view.end.iter().flat_map(end_lines));
    labeled(lines, session.view.end.as_ref())
}

fn end_lines(end: &End) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("reason", words(&end.reason)),
        ("exit", words(&end.exit)),
        ("lived", millis(end.lived_ms)),
        ("cpu", millis(end.cpu_ms)),
        ("memory peak", bytes(end.memory_peak)),
        ("ended at", end.ended_at.map_or_else(|| UNKNOWN.to_owned(), at)),
    ];
    lines.extend(end.hint.as_deref().map(|hint| ("hint", one_line(hint))));
    lines
}

fn labeled(lines: Vec<(&'static str, String)>, end: Option<&End>) -> String {
    let mut text: Vec<String> = lines.into_iter().map(|(label, value)| format!("{label:<12} {value}")).collect();
    let tail = end.map(|end| end.stderr_tail.trim_end()).filter(|tail| !tail.is_empty());
    if let Some(tail) = tail {
        text.push("stderr (last lines)".to_owned());
        text.extend(escaped(tail).lines().map(|line| format!("  {line}")));
    }
    text.join("\n")
}

fn end_line(end: &End) -> String {
    match (words(&end.reason), words(&end.exit)) {
        (reason, exit) if exit == UNKNOWN => reason,
        (reason, exit) => format!("{reason} ({exit})"),
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => UNKNOWN.to_owned(),
        Value::String(text) => one_line(text),
        other => one_line(&other.to_string()),
    }
}

fn millis(millis: Option<u64>) -> String {
    millis.map_or_else(|| UNKNOWN.to_owned(), size::duration)
}

fn bytes(count: Option<u64>) -> String {
    count.map_or_else(|| UNKNOWN.to_owned(), size::bytes)
}

fn at(seconds: u64) -> String {
    // Later than this, the format has no year for it.
    const LAST: u64 = 253_402_300_799;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(LAST));
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests;
