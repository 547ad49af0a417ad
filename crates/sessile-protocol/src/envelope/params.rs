//! The few values inside `params` (and `result`) that routing looks at.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::meta::PROTOCOL_VERSION;

/// JSON text of the members that routing may ask for, where they are there. A member that is there twice counts as
/// the last one, as it does for the JSON parsers of JavaScript and Python.
#[derive(Default)]
pub(super) struct Params<'a> {
    /// `false` when the value is neither an object nor an array nor null.
    pub(super) structured: bool,
    pub(super) name: Option<&'a str>,
    pub(super) uri: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
    pub(super) progress_token: Option<&'a str>,
    pub(super) protocol_version: Option<&'a str>,
    /// The version of a modern request, where this is the `_meta` of its params.
    pub(super) modern_version: Option<&'a str>,
    /// `_meta.progressToken`.
    pub(super) meta_progress_token: Option<&'a str>,
    /// The version in `_meta`.
    pub(super) meta_modern_version: Option<&'a str>,
}

impl<'a> Params<'a> {
    fn read<A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<bool, A::Error> {
        let Some(key) = map.next_key::<Key>()? else {
            return Ok(false);
        };
        let place = match key {
            Key::Name => &mut self.name,
            Key::Uri => &mut self.uri,
            Key::RequestId => &mut self.request_id,
            Key::ProgressToken => &mut self.progress_token,
            Key::ProtocolVersion => &mut self.protocol_version,
            Key::ModernVersion => &mut self.modern_version,
            Key::Meta => {
                let meta: Params<'a> = map.next_value()?;
                self.meta_progress_token = meta.progress_token;
                self.meta_modern_version = meta.modern_version;
                return Ok(true);
            }
            Key::Other => {
                map.next_value::<IgnoredAny>()?;
                return Ok(true);
            }
        };
        let value: &RawValue = map.next_value()?;
        *place = Some(value.get());
        Ok(true)
    }
}

impl<'de> Deserialize<'de> for Params<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value)
    }
}

struct Value;

impl Value {
    fn unstructured<'de, E>() -> Result<Params<'de>, E> {
        Ok(Params::default())
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Params<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut params = Params { structured: true, ..Params::default() };
        while params.read(&mut map)? {}
        Ok(params)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Params { structured: true, ..Params::default() })
    }

    // `"params": null` is not in the standard, but clients send it and servers take it as absent.
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Params { structured: true, ..Params::default() })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Self::unstructured()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Self::unstructured()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Self::unstructured()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Self::unstructured()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Self::unstructured()
    }
}

enum Key {
    Name,
    Uri,
    RequestId,
    ProgressToken,
    ProtocolVersion,
    ModernVersion,
    Meta,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Member;

        impl Visitor<'_> for Member {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(match name {
                    "name" => Key::Name,
                    "uri" => Key::Uri,
                    "requestId" => Key::RequestId,
                    "progressToken" => Key::ProgressToken,
                    "protocolVersion" => Key::ProtocolVersion,
                    PROTOCOL_VERSION => Key::ModernVersion,
                    "_meta" => Key::Meta,
                    _ => Key::Other,
                })
            }
        }

        deserializer.deserialize_str(Member)
    }
}
