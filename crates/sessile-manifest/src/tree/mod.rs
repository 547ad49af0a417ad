//! The text as a tree of values, each with its position. The same for TOML and JSON.

use std::ops::Range;

mod from_json;
mod from_toml;

pub(crate) use from_json::from_json;
pub(crate) use from_toml::from_toml;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
}

/// A value of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    /// JSON's null.
    Null,
    /// TOML's dates and times, which no key takes.
    Date,
    Array(Vec<Tree>),
    /// In the order of the text; no key twice.
    Table(Vec<Entry>),
}

/// A key of a table, with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) tree: Tree,
}

impl Tree {
    /// The entries, if this is a table.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entry `key`, if this is a table that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of `key`, if this is a table that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Tree> {
        self.entry(key).map(|entry| &entry.tree)
    }

    /// The text, if this is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What this is, with its article, for "found …".
    pub(crate) fn noun(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Bool(_) => "a boolean",
            Value::Null => "null",
            Value::Date => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }

    /// Calls `each` with every text in this tree.
    pub(crate) fn texts(&self, each: &mut impl FnMut(&Tree)) {
        match &self.value {
            Value::Text(_) => each(self),
            Value::Array(elements) => elements.iter().for_each(|element| element.texts(each)),
            Value::Table(entries) => entries.iter().for_each(|entry| entry.tree.texts(each)),
            _ => {}
        }
    }

    /// This tree with everything of `base` that it does not say itself. Tables are joined key by key,
    /// anything else is replaced whole.
    pub(crate) fn over(self, base: &Tree) -> Tree {
        match (self.value, &base.value) {
            (Value::Table(mut entries), Value::Table(inherited)) => {
                for below in inherited {
                    match entries.iter_mut().find(|entry| entry.key == below.key) {
                        Some(entry) => entry.tree = entry.tree.clone().over(&below.tree),
                        None => entries.push(below.clone()),
                    }
                }
                Tree { span: self.span, value: Value::Table(entries) }
            }
            (value, _) => Tree { span: self.span, value },
        }
    }

    /// The plain value, for typed reading.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Text(text) => Json::String(text.clone()),
            Value::Integer(integer) => i64::try_from(*integer).map_or(Json::Null, Json::from),
            Value::Float(float) => Json::from(*float),
            Value::Bool(bool) => Json::Bool(*bool),
            Value::Null | Value::Date => Json::Null,
            Value::Array(elements) => elements.iter().map(Tree::to_json).collect(),
            Value::Table(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.tree.to_json())).collect(),
        }
    }
}
