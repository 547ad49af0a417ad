//! What a runtime that was killed had still to write to a server.

use bytes::{Bytes, BytesMut};
use sessile_protocol::{Body, Message, Payload, RequestId};

/// What a pipe takes as a whole or not at all, in bytes (`PIPE_BUF`, `pipe(7)`).
const WHOLE: u64 = 4096;
/// Messages in one line.
const BATCH: usize = 1000;

/// What is to be written now, and what is not known to have been.
#[derive(Debug, PartialEq)]
pub(super) struct Unsent {
    /// Lines, the first one perhaps in its later part only.
    pub(super) lines: Bytes,
    /// Requests that may have been written, and so must not be written again.
    pub(super) doubtful: Vec<RequestId>,
}

/// Judges `input`, of which `written` bytes were written for certain, and `attempt` bytes more perhaps. `None` if nobody can tell
/// what the server has got.
///
/// Requests are never written twice; answers and notifications are, as one too many harms nobody and one too few leaves the server
/// waiting.
pub(super) fn settle(input: &Bytes, written: u64, attempt: u64) -> Option<Unsent> {
    let written = usize::try_from(written).ok()?.min(input.len());
    let rest = input.slice(written..);
    if attempt == 0 {
        return Some(Unsent { lines: rest, doubtful: Vec::new() });
    }
    let length = usize::try_from(attempt).ok().filter(|length| attempt <= WHOLE && *length <= rest.len())?;
    let (tried, after) = (rest.slice(..length), rest.slice(length..));
    let whole = tried.strip_suffix(b"\n")?;
    let mut lines = BytesMut::new();
    let mut doubtful = Vec::new();
    for line in whole.split(|byte| *byte == b'\n') {
        // What is no message is the end of one: nobody knows whether the server has it.
        let payload = Payload::parse(Bytes::copy_from_slice(line), BATCH).ok()?;
        let messages = match payload {
            Payload::Single(message) => vec![message],
            Payload::Batch(messages) => messages,
        };
        if messages.iter().any(Message::is_request) {
            doubtful.extend(messages.iter().filter_map(|message| match message.body() {
                Body::Request { id, .. } => Some(id.clone()),
                _ => None,
            }));
        } else {
            lines.extend_from_slice(line);
            lines.extend_from_slice(b"\n");
        }
    }
    lines.extend_from_slice(&after);
    Some(Unsent { lines: lines.freeze(), doubtful })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}\n";
    const TELL: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}\n";
    const ANSWER: &str = "{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"result\":{}}\n";

    fn settled(input: &str, written: usize, attempt: usize) -> Option<(String, Vec<RequestId>)> {
        let unsent = settle(&Bytes::copy_from_slice(input.as_bytes()), written as u64, attempt as u64)?;
        Some((String::from_utf8(unsent.lines.to_vec()).unwrap(), unsent.doubtful))
    }

    #[test]
    fn what_was_certainly_not_written_is_written() {
        assert_eq!(settled(&[ASK, TELL].concat(), 0, 0), Some(([ASK, TELL].concat(), vec![])));
        assert_eq!(settled(&[ASK, TELL].concat(), 10, 0), Some(([&ASK[10..], TELL].concat(), vec![])));
        assert_eq!(settled(ASK, ASK.len(), 0), Some((String::new(), vec![])));
    }

    #[test]
    fn a_request_in_doubt_is_never_written_again() {
        let id = RequestId::from(1);
        assert_eq!(settled(ASK, 0, ASK.len()), Some((String::new(), vec![id.clone()])));
        let both = [TELL, ASK].concat();
        assert_eq!(settled(&both, 0, both.len()), Some((TELL.to_owned(), vec![id.clone()])));
        assert_eq!(settled(&both, 0, TELL.len()), Some((both.clone(), vec![])));
        assert_eq!(settled(&[ASK, ANSWER].concat(), 0, ASK.len()), Some((ANSWER.to_owned(), vec![id])));
    }

    #[test]
    fn what_nobody_can_tell_is_not_guessed() {
        assert_eq!(settled(ASK, 5, ASK.len() - 5), None, "the end of a message");
        assert_eq!(settled(&format!("{}{ASK}", " ".repeat(5000)), 0, 5000 + ASK.len()), None, "more than a pipe takes whole");
        assert_eq!(settled(ASK, 0, ASK.len() + 1), None, "more than there was");
    }
}
