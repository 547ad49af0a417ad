//! What an answer holds: one message, or a stream of events.

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
}

impl Place {
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
    let mut decoder = Decoder::new(limit.saturating_add(FRAMING));
    let mut answered: Option<Instant> = None;
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
            place.heard = true;
            if event.data.is_empty() || event.event.is_some_and(|name| name != "message") {
                continue;
            }
            if hand_on(shared, event.data, asked).await? {
                answered = Some(Instant::now());
            }
        }
        decoder.last_event_id().clone_into(&mut place.last);
        place.pause = decoder.retry().map(Duration::from_millis).or(place.pause);
    }
}

/// Hands on the message, or messages, of `data`; whether the answer to `asked` is among them.
///
/// # Errors
/// When one is over the limit. What is no JSON-RPC is counted, and nothing more.
pub(super) async fn hand_on(shared: &Shared, data: Bytes, asked: Option<&Asked>) -> Result<bool, Fault> {
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
    for message in messages {
        if let Some(asked) = asked.filter(|asked| asked.is_answered_by(&message)) {
            answered = true;
            shared.let_log_catch_up().await;
            asked.teach(&mut shared.talk(), &message);
        }
        match asked.filter(|_| message.is_request()) {
            Some(asked) => shared.out.say_about(&asked.id, message.into_raw()).await,
            None => shared.out.say(message.into_raw()).await,
        }
    }
    Ok(answered)
}
