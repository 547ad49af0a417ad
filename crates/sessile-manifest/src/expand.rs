//! `${NAME}` and `${NAME:-default}` in the JSON that other tools write.

use crate::Surroundings;

/// `text` with its variables put in.
///
/// # Errors
/// One message for each variable that has no value and no default. Values never appear in them.
pub(crate) fn expand(text: &str, surroundings: &Surroundings) -> Result<String, Vec<String>> {
    let mut expanded = String::new();
    let mut faults = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        expanded.push_str(before);
        let Some((inner, behind)) = after.split_once('}') else {
            faults.push("`${` without `}`; write `${NAME}`".to_owned());
            return Err(faults);
        };
        match value(inner, surroundings) {
            Ok(value) => expanded.push_str(&value),
            Err(fault) => faults.push(fault),
        }
        rest = behind;
    }
    expanded.push_str(rest);
    if faults.is_empty() { Ok(expanded) } else { Err(faults) }
}

fn value(inner: &str, surroundings: &Surroundings) -> Result<String, String> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    // Some editors write `${env:NAME}` for the same.
    let name = name.strip_prefix("env:").unwrap_or(name);
    if !is_name(name) {
        // What stands there instead may be half a secret, so it is not repeated.
        return Err("`${…}` holds no name of an environment variable; write `${NAME}`".to_owned());
    }
    // As in a shell, a default also stands in for a variable that is set to nothing.
    match (surroundings.variable(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => {
            Err(format!("the environment variable {name} is not set; set it, or write `${{{name}:-default}}`"))
        }
    }
}

fn is_name(name: &str) -> bool {
    let first = |b: &u8| b.is_ascii_alphabetic() || *b == b'_';
    name.len() <= 128
        && name.as_bytes().first().is_some_and(first)
        && name.bytes().all(|b| first(&b) || b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
