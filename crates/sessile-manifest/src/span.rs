//! Spans of time, as a manifest writes them: `30s`, `15m`, `1h 30m`.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer};

/// What a text is told that is no span.
const NOT_A_SPAN: &str = "not a span of time; write a number and a unit of ms, s, m, h or days, such as \"30s\"";

/// Reads a span with its unit.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| NOT_A_SPAN.to_owned())
}

/// Writes a span so that [`parse`] reads it again.
pub(crate) fn show(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}

/// For `#[serde(with = "crate::span")]`.
pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&show(*span))
}

/// For `#[serde(with = "crate::span")]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).map_err(serde::de::Error::custom)
}

/// For `#[serde(with = "crate::span::optional")]`: a span that may be left out.
pub(crate) mod optional {
    use std::time::Duration;

    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::serialize(span, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        super::deserialize(from).map(Some)
    }
}

/// For `#[schemars(with = "Span")]`: how a span looks in the schema.
pub(crate) struct Span;

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-value": "span" })
    }
}
