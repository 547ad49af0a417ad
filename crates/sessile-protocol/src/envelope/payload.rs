//! A body that may hold one message or, in 2025-03-26, an array of them.

use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::message::check_text;
use super::{EnvelopeError, Fault, Message};

/// What one POST body, or one line of a server, holds.
#[derive(Debug, Clone)]
pub enum Payload {
    /// A message by itself.
    Single(Message),
    /// An array of at least one message (a batch: only 2025-03-26 has them).
    Batch(Vec<Message>),
}

impl Payload {
    /// Reads a body. Messages of a batch share its memory.
    ///
    /// # Errors
    /// As [`Message::parse`]; also when a batch is empty, holds more than `max_batch` messages, or holds one that is
    /// wrong (the error carries the id of that one, where it could be read).
    pub fn parse(raw: Bytes, max_batch: usize) -> Result<Self, EnvelopeError> {
        let text = check_text(&raw)?;
        let is_array = text.trim_ascii_start().starts_with('[');
        if !is_array {
            return Message::read(&raw, text).map(Self::Single);
        }
        let elements = elements(text, max_batch)?;
        let messages: Result<Vec<_>, _> =
            elements.into_iter().map(|element| Message::read(&raw, element.get())).collect();
        messages.map(Self::Batch)
    }

    /// The messages, in their order.
    pub fn into_messages(self) -> Vec<Message> {
        match self {
            Self::Single(message) => vec![message],
            Self::Batch(messages) => messages,
        }
    }
}

fn elements(text: &str, limit: usize) -> Result<Vec<&RawValue>, Fault> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let elements = Elements { limit }.deserialize(&mut parser).and_then(|elements| {
        parser.end()?;
        Ok(elements)
    });
    match elements {
        Ok(elements) if elements.is_empty() => Err(Fault::EmptyBatch),
        Ok(elements) => Ok(elements),
        Err(error) if error.is_data() => Err(Fault::BatchTooLong { limit }),
        Err(error) => Err(Fault::NotJson { reason: error.to_string() }),
    }
}

/// Collects the elements of an array, and stops as soon as there are more than `limit`.
struct Elements {
    limit: usize,
}

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} messages", self.limit)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            if elements.len() == self.limit {
                return Err(serde::de::Error::invalid_length(self.limit + 1, &self));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}
