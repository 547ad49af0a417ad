//! `Mcp-Param-*` against the arguments of a tool call.

use super::annotations::{self, Annotation};
use super::{Invalid, Mismatch, Reason, decimal, decode, encode, only};
use crate::Object;

/// The arguments of one tool that its callers repeat as headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirroredHeaders {
    headers: Vec<Annotation>,
}

impl MirroredHeaders {
    /// Reads the annotations of a tool's `inputSchema`, JSON text.
    ///
    /// # Errors
    /// When one of them breaks a rule of the specification. Clients leave such a tool out of their list, so nobody
    /// who calls it anyway is bound to send headers: take the [`default`](Self::default) for it.
    pub fn of_schema(schema: &str) -> Result<Self, Invalid> {
        annotations::of_schema(schema).map(|headers| Self { headers })
    }

    /// Whether no argument is mirrored.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// The headers that a call with `arguments`, the JSON text of `params.arguments`, has: their names without the prefix
    /// `Mcp-Param-`, and their encoded values.
    pub fn of_arguments(&self, arguments: Option<&str>) -> Vec<(&str, String)> {
        let arguments = arguments.and_then(Object::parse).unwrap_or_default();
        let header = |header: &'_ Annotation| at(&arguments, &header.path).and_then(|argument| written(&argument));
        self.headers.iter().filter_map(|annotation| Some((annotation.name.as_str(), header(annotation)?))).collect()
    }

    /// Holds the headers of a call against its arguments.
    ///
    /// `arguments` is the JSON text of `params.arguments`. `sent` are the `Mcp-Param-*` headers of the request, without
    /// that prefix; their case does not matter, and those that the schema does not know are left alone.
    ///
    /// An argument that is `null` or not there has no header. One that no header could carry (an object, an array)
    /// needs none, for no client sends one; the server will say what it thinks of it.
    ///
    /// # Errors
    /// When a header is missing, not expected, there twice, unreadable, or not the value of its argument. Numbers are
    /// compared as numbers, exactly.
    pub fn check<N, V>(&self, arguments: Option<&str>, sent: &[(N, V)]) -> Result<(), Mismatch>
    where
        N: AsRef<str>,
        V: AsRef<[u8]>,
    {
        if self.headers.is_empty() {
            return Ok(());
        }
        let arguments = arguments.and_then(Object::parse).unwrap_or_default();
        for header in &self.headers {
            let named = sent.iter().filter(|(name, _)| name.as_ref().eq_ignore_ascii_case(&header.name));
            let value = only(&header.name, named.map(|(_, value)| value.as_ref()));
            let checked = value
                .map_err(|mismatch| mismatch.reason())
                .and_then(|value| compare(at(&arguments, &header.path).as_deref(), value));
            checked.map_err(|reason| Mismatch::new(format!("Mcp-Param-{}", header.name), reason))?;
        }
        Ok(())
    }
}

/// The JSON text of the argument at `path`.
fn at(arguments: &Object<'_>, path: &[String]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let outermost = arguments.get(first)?.to_owned();
    rest.iter().try_fold(outermost, |text, name| Some(Object::parse(&text)?.get(name)?.to_owned()))
}

/// An argument, JSON text, as a header carries it; `None` for what no header carries.
fn written(argument: &str) -> Option<String> {
    match argument.as_bytes() {
        [b'"', ..] => serde_json::from_str::<String>(argument).ok().map(|text| encode(&text).into_owned()),
        [b'{' | b'[' | b'n', ..] => None,
        _ => Some(argument.to_owned()),
    }
}

/// `argument` is JSON text, `sent` the header's value.
fn compare(argument: Option<&str>, sent: Option<&[u8]>) -> Result<(), Reason> {
    let argument = argument.filter(|argument| *argument != "null");
    match (argument, sent) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Reason::Unexpected),
        (Some(argument), None) if argument.starts_with(['{', '[']) => Ok(()),
        (Some(_), None) => Err(Reason::Missing),
        (Some(argument), Some(sent)) => {
            let sent = decode(sent).map_err(Reason::Bad)?;
            if says(argument, &sent) { Ok(()) } else { Err(Reason::Different) }
        }
    }
}

/// Whether a header's decoded value is how a client writes the argument.
fn says(argument: &str, sent: &str) -> bool {
    match argument.as_bytes() {
        [b'"', ..] => serde_json::from_str::<String>(argument).is_ok_and(|text| text == sent),
        [b't' | b'f', ..] => argument == sent,
        [b'{' | b'[', ..] => false,
        _ => decimal::same(argument, sent),
    }
}
