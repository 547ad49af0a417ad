//! Arguments of a call: from `--arg name=value` and `--json` to what the tool's input schema asks for.

use crate::client::error::ClientError;
use crate::client::schema::{Argument, Kind, arguments};
use serde_json::{Map, Number, Value};
use std::io::Read;

/// A name is taken for a misspelling of another when it is at least this similar (Jaro-Winkler, 0 to 1).
const SIMILAR: f64 = 0.8;

/// Arguments as the command line gave them, files read.
#[derive(Debug)]
pub(crate) struct Given {
    /// `--arg name=value`, in order.
    pairs: Vec<(String, String)>,
    /// `--json`.
    whole: Map<String, Value>,
    /// Whether the tool's schema decides what may be sent; without, it only decides types.
    check: bool,
}

impl Given {
    /// Reads what `--arg name=@FILE` and `--json @FILE` name, before a session is opened for it.
    pub(crate) fn load(pairs: &[(String, String)], whole: Option<&str>, check: bool) -> Result<Self, ClientError> {
        let pairs = pairs.iter().map(|(name, text)| {
            let text = text_or_file(text).map_err(|why| ClientError::Usage(format!("argument {name}: {why}")))?;
            Ok((name.clone(), text))
        });
        Ok(Self {
            pairs: pairs.collect::<Result<_, ClientError>>()?,
            whole: whole.map(whole_object).transpose()?.unwrap_or_default(),
            check,
        })
    }
}

/// Arguments ready to send, and what a person should know about them.
#[derive(Debug, PartialEq)]
pub(crate) struct Settled {
    pub(crate) arguments: Map<String, Value>,
    pub(crate) notes: Vec<String>,
}

/// Types and checks what was given against the input schema of `tool`.
pub(crate) fn settle(tool: &str, schema: &Map<String, Value>, given: Given) -> Result<Settled, ClientError> {
    let known = arguments(schema);
    let mut notes = Vec::new();
    let mut settled = given.whole;
    for (name, texts) in grouped(&given.pairs) {
        let argument = known.iter().find(|argument| argument.name == name);
        if argument.is_none() && given.check {
            notes.extend(unknown(tool, schema, &known, name)?);
        }
        settled.insert(name.to_owned(), value_of(argument, name, &texts)?);
    }
    if given.check {
        require(tool, &known, &settled)?;
    }
    Ok(Settled { arguments: settled, notes })
}

/// The pairs by name, in the order in which names came first.
fn grouped(pairs: &[(String, String)]) -> Vec<(&str, Vec<&str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, text) in pairs {
        match groups.iter_mut().find(|(known, _)| known == name) {
            Some((_, texts)) => texts.push(text),
            None => groups.push((name, vec![text])),
        }
    }
    groups
}

fn whole_object(text: &str) -> Result<Map<String, Value>, ClientError> {
    let text = text_or_file(text).map_err(|why| ClientError::Usage(format!("--json: {why}")))?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ClientError::Usage("--json must be an object: --json '{\"name\": \"value\"}'".into())),
        Err(error) => Err(ClientError::Usage(format!("--json is not JSON: {error}"))),
    }
}

fn value_of(argument: Option<&Argument<'_>>, name: &str, texts: &[&str]) -> Result<Value, ClientError> {
    let wrong = |why: String| ClientError::Usage(format!("argument {name}: {why}"));
    let array = argument.filter(|argument| argument.kinds().contains(&Kind::Array));
    match (texts, array) {
        ([text], None) => typed(argument, text).map_err(wrong),
        ([text], Some(argument)) if text.trim_start().starts_with('[') || argument.kinds().len() > 1 => {
            typed(Some(argument), text).map_err(wrong)
        }
        (texts, Some(argument)) => {
            let item = argument.item();
            let items: Result<Vec<Value>, String> = texts.iter().map(|text| typed(Some(&item), text)).collect();
            Ok(Value::Array(items.map_err(wrong)?))
        }
        _ => Err(wrong("given more than once, and it is no array".into())),
    }
}

/// `text` as one of the types that the schema allows, the first that fits; a string where it does not say.
fn typed(argument: Option<&Argument<'_>>, text: &str) -> Result<Value, String> {
    let Some(argument) = argument else { return Ok(Value::String(text.to_owned())) };
    let choices = argument.choices();
    if let Some(choice) =
        choices.iter().find(|choice| choice.as_str().map_or(choice.to_string() == text, |c| c == text))
    {
        return Ok((*choice).clone());
    }
    let kinds = argument.kinds();
    if kinds.is_empty() {
        return Ok(Value::String(text.to_owned()));
    }
    let fits = kinds.iter().find_map(|&kind| as_kind(kind, text));
    match fits {
        // An enum beside other alternatives does not exclude them, and an array's schema may list its items.
        Some(value) if choices.is_empty() || kinds.len() > 1 || value.is_array() => Ok(value),
        _ if !choices.is_empty() => Err(format!("{text:?} is none of {}", argument.type_text())),
        _ => Err(format!("{text:?} is not {}", with_article(&argument.type_text()))),
    }
}

fn as_kind(kind: Kind, text: &str) -> Option<Value> {
    let json = || serde_json::from_str::<Value>(text.trim()).ok();
    match kind {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Null => json().filter(Value::is_null),
        Kind::Boolean => json().filter(Value::is_boolean),
        Kind::Number => json().filter(Value::is_number),
        Kind::Integer => match json()? {
            Value::Number(number) => whole(&number),
            _ => None,
        },
        Kind::Array => json().filter(Value::is_array),
        Kind::Object => json().filter(Value::is_object),
    }
}

/// JSON Schema counts `3.0` as an integer; it is sent as it was written.
fn whole(number: &Number) -> Option<Value> {
    let fraction = number.as_f64().map_or(0.0, f64::fract);
    (fraction == 0.0).then(|| Value::Number(number.clone()))
}

fn unknown(
    tool: &str,
    schema: &Map<String, Value>,
    known: &[Argument<'_>],
    name: &str,
) -> Result<Option<String>, ClientError> {
    let hint = similar(name, known.iter().map(|argument| argument.name))
        .map_or_else(String::new, |other| format!("; did you mean {other}?"));
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => {
            Err(ClientError::Usage(format!("{tool} takes no argument {name}{hint} (--no-check sends it all the same)")))
        }
        None if !known.is_empty() => {
            Ok(Some(format!("{tool} does not name an argument {name}; sent as a string{hint}")))
        }
        _ => Ok(None),
    }
}

fn require(tool: &str, known: &[Argument<'_>], settled: &Map<String, Value>) -> Result<(), ClientError> {
    let missing: Vec<String> = known
        .iter()
        .filter(|argument| argument.required && !settled.contains_key(argument.name))
        .map(|argument| {
            let about = argument.description().map_or_else(String::new, |text| format!(": {text}"));
            format!("\n  --arg {}=…  ({}){about}", argument.name, argument.type_text())
        })
        .collect();
    match missing.len() {
        0 => Ok(()),
        1 => Err(ClientError::Usage(format!("{tool} needs an argument:{}", missing.concat()))),
        count => Err(ClientError::Usage(format!("{tool} needs {count} more arguments:{}", missing.concat()))),
    }
}

/// The name among `names` that `name` was probably meant to be.
pub(crate) fn similar<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(likeness, _)| *likeness >= SIMILAR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other)
}

/// `@FILE` is what the file holds, `@-` what stdin holds, and `@@text` the text `@text`.
fn text_or_file(text: &str) -> Result<String, String> {
    match text.strip_prefix('@') {
        None => Ok(text.to_owned()),
        Some(rest) if rest.starts_with('@') => Ok(rest.to_owned()),
        Some("-") => {
            let mut all = String::new();
            std::io::stdin().read_to_string(&mut all).map_err(|error| format!("stdin: {error}"))?;
            Ok(all)
        }
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("{path}: {error}; write @@{path} for the text itself")),
    }
}

fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

#[cfg(test)]
mod tests;
