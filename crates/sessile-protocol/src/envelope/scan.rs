//! One pass over the top level of a message.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::params::Params;

/// The members of an envelope as they stand in the text. Nothing is judged yet but that the text is a JSON object:
/// so the id of a message that is wrong elsewhere is known when the error is told.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) jsonrpc: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) method: Option<&'a str>,
    pub(super) params: Option<Params<'a>>,
    pub(super) result: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    pub(super) duplicate: Option<&'static str>,
}

impl<'a> Members<'a> {
    fn note<T>(place: &mut Option<T>, value: T, name: &'static str, duplicate: &mut Option<&'static str>) {
        if place.replace(value).is_some() {
            *duplicate = Some(name);
        }
    }

    fn read<A: MapAccess<'a>>(&mut self, map: &mut A) -> Result<bool, A::Error> {
        let Some(key) = map.next_key::<Key>()? else {
            return Ok(false);
        };
        let (place, name) = match key {
            Key::JsonRpc => (&mut self.jsonrpc, "jsonrpc"),
            Key::Id => (&mut self.id, "id"),
            Key::Method => (&mut self.method, "method"),
            Key::Result => (&mut self.result, "result"),
            Key::Error => (&mut self.error, "error"),
            Key::Params => {
                let params = map.next_value()?;
                Self::note(&mut self.params, params, "params", &mut self.duplicate);
                return Ok(true);
            }
            Key::Other => {
                map.next_value::<IgnoredAny>()?;
                return Ok(true);
            }
        };
        let value: &RawValue = map.next_value()?;
        Self::note(place, value.get(), name, &mut self.duplicate);
        Ok(true)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while members.read(&mut map)? {}
                Ok(members)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

enum Key {
    JsonRpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;

        impl Visitor<'_> for Name {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Key, E> {
                Ok(match name {
                    "jsonrpc" => Key::JsonRpc,
                    "id" => Key::Id,
                    "method" => Key::Method,
                    "params" => Key::Params,
                    "result" => Key::Result,
                    "error" => Key::Error,
                    _ => Key::Other,
                })
            }
        }

        deserializer.deserialize_str(Name)
    }
}
