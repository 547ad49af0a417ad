//! What the tools that open and close sessions answer, and what a call with a wrong handle is answered: results of
//! `tools/call`, as JSON objects. All of them are read by models, so that mistakes are results with `isError`, never
//! errors of the protocol. `resultType`, which only the modern era has, is not in them.

use std::time::Duration;

use serde_json::{Value, json};

use super::tool::HANDLE;
use super::{HandleNames, HandleProblem};

/// A session was opened. `idle_timeout` is how long it lives without a call.
pub fn opened(names: &HandleNames, handle: &str, idle_timeout: Duration) -> String {
    let structured = json!({ HANDLE: handle });
    let told = format!(
        "session {handle} is open; pass this handle in {}; it expires after {} without a call",
        names.argument_in_words(None),
        in_words(idle_timeout),
    );
    // The second text is for clients that do not know structured results (2026-07-28, server/tools).
    let content = [text(&told), text(&structured.to_string())];
    json!({ "content": content, "structuredContent": structured }).to_string()
}

/// The session was closed.
pub fn closed() -> String {
    json!({ "content": [text("session is closed")] }).to_string()
}

/// A call of `tool` carried a handle that names no session of its caller: a wrong one, somebody else's, or one that
/// has expired. Which of them is not said.
pub fn wrong_handle(names: &HandleNames, tool: &str) -> String {
    mistake(&format!(
        "session handle is wrong or has expired; call `{}` and pass the handle it returns in {}",
        names.open_tool(),
        names.argument_in_words(Some(tool)),
    ))
}

/// The same for the tool that closes sessions.
pub fn nothing_to_close() -> String {
    mistake("session handle is wrong or has expired; there is nothing to close")
}

impl HandleProblem {
    /// The result that the call has.
    pub fn to_result(&self) -> String {
        mistake(&self.to_string())
    }
}

fn mistake(told: &str) -> String {
    json!({ "content": [text(told)], "isError": true }).to_string()
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

/// In the largest unit that needs no fraction.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (number, unit) = match seconds {
        0 => (0, "second"),
        _ if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}
