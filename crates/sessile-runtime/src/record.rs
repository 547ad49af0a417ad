//! The record of a session: what another runtime needs to go on with it, as one JSON text.
//!
//! It is read by later versions too. Members may be added, with a default for records that do not have them; a record of another
//! [`FORM`] is not read at all.

use crate::peer::Conversation;
use crate::session::{Core, Session, Span};
use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sessile_bridge::Transport;
use sessile_identity::Principal;
use sessile_protocol::Message;
use std::borrow::Cow;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// What a record looks like. It grows by one when an older version could not read it, or this one not an older one's.
const FORM: u32 = 1;

/// What never changes about a session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// What clients present. A secret.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) server: String,
    pub(crate) owner: Owner,
    /// Whom its request states are given to, if it gives any.
    pub(crate) caller: Option<String>,
    pub(crate) span: Span,
    pub(crate) transport: Transport,
    /// When it was opened.
    pub(crate) opened: Moment,
}

/// A principal in a record.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Owner {
    issuer: String,
    subject: String,
    client: Option<String>,
}

impl Owner {
    pub(crate) fn of(principal: &Principal) -> Self {
        let (issuer, subject) = (principal.issuer().to_owned(), principal.subject().to_owned());
        Self { issuer, subject, client: principal.client().map(str::to_owned) }
    }

    pub(crate) fn into_principal(self) -> Principal {
        Principal::new(self.issuer, self.subject, self.client)
    }
}

/// A moment by the clock that every process on this host sees and nobody sets (`CLOCK_MONOTONIC`), in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Moment(u64);

impl Moment {
    pub(crate) fn of(instant: Instant) -> Self {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(clock().saturating_sub(nanos(instant.elapsed())))
    }

    pub(crate) fn instant(self) -> Instant {
        let now = Instant::now();
        now.checked_sub(Duration::from_nanos(clock().saturating_sub(self.0))).unwrap_or(now)
    }
}

fn clock() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// What changes about a session besides its bridge.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) last_active: Moment,
    pub(crate) connections: u64,
    pub(crate) calls: u64,
    pub(crate) asked: bool,
    pub(crate) told: bool,
    pub(crate) held: bool,
    pub(crate) server_tasks: HashSet<String>,
    pub(crate) taken_places: usize,
    /// Bytes of what the server said that are done with.
    pub(crate) heard: u64,
    /// Bytes that had been written to the server, or that its peer had taken, when this was written down.
    pub(crate) written: u64,
    /// The end was decided.
    pub(crate) is_ending: bool,
}

#[derive(Serialize)]
struct RecordRef<'a> {
    form: u32,
    identity: &'a RawValue,
    greeting: Option<&'a Message>,
    /// The names that lead to it.
    names: &'a HashSet<Box<str>>,
    standing: Standing,
    /// What is on its way to the server.
    input: Vec<Piece<'a>>,
    /// How far the conversation is with a server that speaks HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a Conversation>,
    bridge: &'a sessile_bridge::Bridge,
}

/// A record that was read.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) identity: Identity,
    pub(crate) greeting: Option<Message>,
    pub(crate) names: Vec<Box<str>>,
    pub(crate) standing: Standing,
    #[serde(deserialize_with = "joined")]
    pub(crate) input: Bytes,
    #[serde(default)]
    pub(crate) conversation: Option<Conversation>,
    pub(crate) bridge: Box<RawValue>,
}

/// Bytes, as text where they are: what was written in part may be cut within a character.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Piece<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Piece<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        std::str::from_utf8(bytes).map_or(Self::Bytes(Cow::Borrowed(bytes)), |text| Self::Text(Cow::Borrowed(text)))
    }
}

fn joined<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let pieces: Vec<Piece<'_>> = Vec::deserialize(deserializer)?;
    let parts = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.as_bytes(),
        Piece::Bytes(bytes) => bytes,
    });
    Ok(parts.collect::<Vec<_>>().concat().into())
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it was written in form {0}, and this version reads form {FORM}")]
    Form(u32),
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

impl Record {
    pub(crate) fn read(text: &str) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Only {
            form: u32,
        }
        let Only { form } = serde_json::from_str(text)?;
        if form != FORM {
            return Err(Unreadable::Form(form));
        }
        Ok(serde_json::from_str(text)?)
    }
}

/// Writes the record of a session.
pub(crate) fn write(
    session: &Session,
    identity: &RawValue,
    core: &Core,
    written: u64,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let standing = Standing { written, ..core.standing() };
    let input = core.input.waiting().map(|part| Piece::of(part)).collect();
    let (names, greeting) = (&core.names, session.greeting.get());
    let (conversation, bridge) = (core.input.conversation(), &core.bridge);
    let record = RecordRef { form: FORM, identity, greeting, names, standing, input, conversation, bridge };
    serde_json::to_writer(out, &record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back() {
        let then = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        let back = Moment::of(then).instant();
        let apart = back.max(then).duration_since(back.min(then));
        assert!(apart < Duration::from_secs(2), "{apart:?}");
    }

    #[test]
    fn pieces_of_any_bytes_come_back() {
        let parts: [&[u8]; 3] = ["{\"a\":\"\u{e9}".as_bytes(), &[0xc3], b"\n\0\xff"];
        let pieces: Vec<_> = parts.iter().map(|part| Piece::of(part)).collect();
        let text = serde_json::to_string(&pieces).unwrap();
        let read = joined(&mut serde_json::Deserializer::from_str(&text)).unwrap();
        assert_eq!(read, parts.concat());
    }

    #[test]
    fn a_record_of_another_form_is_named() {
        assert!(matches!(Record::read(r#"{"form":7,"anything":1}"#), Err(Unreadable::Form(7))));
        assert!(matches!(Record::read(r#"{"form":1}"#), Err(Unreadable::Damaged(_))));
        assert!(matches!(Record::read("nonsense"), Err(Unreadable::Damaged(_))));
    }
}
