//! JSON objects edited member by member.
//!
//! The bridge changes a few members of a message and passes the rest on. [`Object`] splits an object into its members
//! and leaves their values as the text they came as: numbers keep their digits, strings their escapes, and what nobody
//! here knows survives.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON object: its members in their order, each value as JSON text.
///
/// A member that is there twice counts as the last one, as it does for the parsers of JavaScript and Python; the
/// earlier ones are gone, so that no two readers behind this one could see two different objects.
///
/// ```
/// use sessile_protocol::Object;
///
/// let mut params = Object::parse(r#"{"name":"add","big":12345678901234567890123,"_meta":{}}"#).unwrap();
/// params.remove("_meta");
/// params.set("name", r#""sum""#);
/// assert_eq!(params.to_json(), r#"{"name":"sum","big":12345678901234567890123}"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Object<'a> {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads JSON text. `None` unless it is an object.
    pub fn parse(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members in their order: name and JSON text of the value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The JSON text of a member.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The member as an object; `None` when it is not there or something else.
    pub fn object(&self, name: &str) -> Option<Object<'_>> {
        Object::parse(self.get(name)?)
    }

    /// The member as a string; `None` when it is not there or something else.
    pub fn string(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// Gives a member the value that `json` spells, which must be JSON text. A new member goes to the end.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, json: impl Into<Cow<'a, str>>) {
        let (name, json) = (name.into(), json.into());
        match self.members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, value)) => *value = json,
            None => self.members.push((name, json)),
        }
    }

    /// Gives a member a string as its value.
    pub fn set_string(&mut self, name: impl Into<Cow<'a, str>>, text: &str) {
        self.set(name, Value::from(text).to_string());
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let at = self.members.iter().position(|(known, _)| known == name)?;
        Some(self.members.remove(at).1)
    }

    /// Keeps the members that `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.members.retain(|(name, _)| keep(name));
    }

    /// The object as JSON text.
    pub fn to_json(&self) -> String {
        let size = self.members.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        let mut text = String::with_capacity(size + 2);
        text.push('{');
        for (index, (name, value)) in self.members.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&Value::from(&**name).to_string());
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        text
    }
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let value: &RawValue = map.next_value()?;
            members.push((name, Cow::Borrowed(value.get())));
        }
        Ok(Object { members: without_doubles(members) })
    }
}

/// Only the last member of each name, in time that does not grow with the square of their number.
fn without_doubles<'a>(mut members: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let mut seen = HashSet::with_capacity(members.len());
    let mut keep: Vec<bool> = members.iter().rev().map(|(name, _)| seen.insert(name.clone())).collect();
    if keep.contains(&false) {
        members.retain(|_| keep.pop().unwrap_or(true));
    }
    members
}

/// A member's name: borrowed where its spelling has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}
