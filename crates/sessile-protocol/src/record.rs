//! How protocol values are written in records that outlive the process that made them: each as the text it has on the wire.

use std::borrow::Cow;
use std::fmt::Display;

use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Era, LegacyVersion, LogLevel, Message, Method, ModernVersion, ProgressToken, RequestId};

#[cfg(test)]
mod tests;

/// Text as a reader gives it, without a copy where it can.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Text::deserialize(deserializer).map(|text| text.0)
}

fn unreadable<E: Error>(what: impl Display, text: &str) -> E {
    E::custom(format_args!("`{}` is no {what}", text.chars().take(80).collect::<String>()))
}

macro_rules! as_text {
    ($($type:ident: $write:ident, $read:expr;)*) => {
        $(
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.$write().as_ref())
                }
            }

            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let text = text(deserializer)?;
                    let read: fn(&str) -> Option<Self> = $read;
                    read(&text).ok_or_else(|| unreadable(stringify!($type), &text))
                }
            }
        )*
    };
}

as_text! {
    RequestId: as_json, Self::from_json;
    ProgressToken: as_json, Self::from_json;
    Method: as_str, |text| Some(Self::new(text));
    LegacyVersion: as_str, Self::parse;
    ModernVersion: as_str, Self::parse;
    Era: as_str, Self::parse;
    LogLevel: as_str, Self::parse;
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json_text::serialize(self.raw(), serializer)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(json_text::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// For `#[serde(with = "sessile_protocol::json_text")]` on [`Bytes`] that hold JSON text.
pub mod json_text {
    use super::{Bytes, Deserializer, Error, Serializer, text};

    /// Writes the bytes as text.
    ///
    /// # Errors
    /// If they are not UTF-8, or the serializer fails.
    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(bytes).map_err(serde::ser::Error::custom)?)
    }

    /// Reads text.
    ///
    /// # Errors
    /// If there is none.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let read = text(deserializer).map_err(D::Error::custom)?;
        Ok(Bytes::copy_from_slice(read.as_bytes()))
    }
}
