//! What an answer holds: one message, or a stream of events.

use super::about::About;
use super::call::Asked;
use super::desk::Shared;
use super::fault::Fault;
use super::out::dropped;
use super::wire::Answer;
use bytes::Bytes;
use sessile_protocol::Payload;
use sessile_protocol::sse::Decoder;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Messages that one event may hold (2025-03-26).
const MAX_BATCH: usize = 1_000;

/// Bytes of an event besides its data: names and ids.
const FRAMING: usize = 4096;

/// The longest event id that a session hears of, in bytes. It is written down with every step of the session.
const MAX_EVENT_ID: usize = 1024;

/// How long a stream that was broken off rests before it is resumed, if the server has not said so.
const PAUSE: Duration = Duration::from_secs(1);
/// The least and the most that a server may say.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a stream is read on once it has brought its answer. Servers close it then.
const LINGER: Duration = Duration::from_secs(1);

/// How a stream came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The request that was waited for is answered.
    Answered,
    /// The server closed it, or it broke.
    Closed,
}

/// Where a stream stood when it ended.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The event to go on after; empty where the server gives no ids.
    pub(super) last: String,
    pause: Option<Duration>,
    /// Whether anything came.
    pub(super) heard: bool,
    /// Whether the session has yet to be told of `last`.
    moved: bool,
}

impl Place {
    /// Where a stream stood that broke off with a runtime that is gone: that was long enough ago.
    pub(super) fn after(last: String) -> Self {
        Self { last, pause: Some(Duration::ZERO), ..Self::default() }
    }

    fn move_to(&mut self, last: &str) {
        if last != self.last {
            last.clone_into(&mut self.last);
            self.moved = true;
        }
    }

    /// What the session is to know of where the stream stands, if it does not: a call of the modern era cannot be gone on with.
    fn news(&mut self, asked: Option<&Asked>) -> Option<String> {
        let moved = std::mem::take(&mut self.moved) && asked.is_none_or(|asked| !asked.is_modern);
        moved.then(|| if self.last.len() <= MAX_EVENT_ID { self.last.clone() } else { String::new() })
    }

    /// How long to wait before going on.
    pub(super) fn pause(&self) -> Duration {
        self.pause.unwrap_or(PAUSE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}

/// Hands on what comes, until the stream ends or has answered `asked`.
///
/// # Errors
/// When an event is over the limit.
pub(super) async fn relay(
    shared: &Shared,
    answer: &mut Answer,
    asked: Option<&Asked>,
    place: &mut Place,
) -> Result<Ended, Fault> {
    let limit = shared.settings.message;
    let mut decoder = Decoder::new(limit.saturating_add(FRAMING)).after(&place.last);
    let mut answered: Option<Instant> = None;
    let mut is_first = true;
    loop {
        let piece = match answered {
            None => answer.piece().await,
            Some(at) => match timeout_at(at + LINGER, answer.piece()).await {
                Ok(piece) => piece,
                Err(_) => return Ok(Ended::Answered),
            },
        };
        // A stream that breaks off can be resumed as well as one that is closed.
        let Ok(Some(piece)) = piece else {
            return Ok(if answered.is_some() { Ended::Answered } else { Ended::Closed });
        };
        decoder.feed(&piece);
        loop {
            let event = match decoder.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(_) if answered.is_some() => return Ok(Ended::Answered),
                Err(_) => return Err(Fault::TooLarge { limit }),
            };
            // Some servers go on with the event itself that they are to go on after.
            let is_known = !place.last.is_empty() && event.id.as_deref() == Some(&place.last);
            if std::mem::take(&mut is_first) && is_known {
                continue;
            }
            place.heard = true;
            place.move_to(decoder.last_event_id());
            if event.data.is_empty() || event.event.is_some_and(|name| name != "message") {
                continue;
            }
            if hand_on(shared, event.data, asked, Some(place)).await? {
                answered = Some(Instant::now());
            }
        }
        place.move_to(decoder.last_event_id());
        if answered.is_none()
            && let Some(event) = place.news(asked)
        {
            let about = About { call: asked.map(|asked| asked.id.clone()), event: Some(event), settled: None };
            shared.out.say_about(&about, Bytes::new()).await;
        }
        place.pause = decoder.retry().map(Duration::from_millis).or(place.pause);
    }
}

/// Hands on the message, or messages, of `data`; whether the answer to `asked` is among them. They came with the event at which
/// their stream stands, if they came on one.
///
/// # Errors
/// When one is over the limit. What is no JSON-RPC is counted, and nothing more.
pub(super) async fn hand_on(
    shared: &Shared,
    data: Bytes,
    asked: Option<&Asked>,
    mut place: Option<&mut Place>,
) -> Result<bool, Fault> {
    let limit = shared.settings.message;
    if data.len() > limit {
        return Err(Fault::TooLarge { limit });
    }
    let messages = match Payload::parse(data, MAX_BATCH) {
        Ok(payload) => payload.into_messages(),
        Err(error) => {
            dropped(&shared.settings, &Fault::NotJsonRpc(error.to_string()));
            return Ok(false);
        }
    };
    let mut answered = false;
    let last = messages.len().saturating_sub(1);
    for (number, message) in messages.into_iter().enumerate() {
        let mut about = About::default();
        if let Some(asked) = asked.filter(|asked| asked.is_answered_by(&message)) {
            answered = true;
            shared.let_log_catch_up().await;
            about.settled = asked.teach(&mut shared.talk(), &message);
        }
        // An event is heard when all that is in it is.
        about.event = place.as_mut().filter(|_| number == last).and_then(|place| place.news(asked));
        if about.event.is_some() || message.is_request() {
            about.call = asked.map(|asked| asked.id.clone());
        }
        shared.out.say_about(&about, message.into_raw()).await;
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sessile_protocol::Message;

    fn asked(params: &str) -> Asked {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        Asked::of(&Message::parse(text.into()).unwrap()).unwrap()
    }

    #[test]
    fn the_session_hears_of_each_new_place_once() {
        let mut place = Place::after("a".to_owned());
        assert_eq!(place.news(None), None, "it knows");
        place.move_to("a");
        assert_eq!(place.news(None), None);
        place.move_to("b");
        assert_eq!((place.news(Some(&asked("{}"))), place.news(None)), (Some("b".to_owned()), None));
    }

    /// To go on after an older event would be to hear some twice.
    #[test]
    fn what_is_too_long_to_be_written_down_takes_the_place_of_what_was() {
        let mut place = Place::after("a".to_owned());
        place.move_to(&"x".repeat(MAX_EVENT_ID + 1));
        assert_eq!(place.news(None), Some(String::new()));
    }

    #[test]
    fn a_call_of_the_modern_era_has_no_place() {
        let mut place = Place::default();
        place.move_to("a");
        let meta = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
        assert_eq!(place.news(Some(&asked(meta))), None);
    }
}
