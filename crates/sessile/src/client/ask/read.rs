//! From what a person types to what a field takes.

use crate::client::ask::form::{Choice, Field, FieldKind};
use serde_json::Value;

impl Field {
    /// `text` as this field's value; the error says what would fit.
    pub(crate) fn read(&self, text: &str) -> Result<Value, String> {
        match &self.kind {
            FieldKind::Text { shortest, longest, format } => {
                let length = text.chars().count() as u64;
                if length < *shortest {
                    return Err(format!("at least {shortest} characters, not {length}"));
                }
                if longest.is_some_and(|longest| length > longest) {
                    return Err(format!("at most {} characters, not {length}", longest.unwrap_or_default()));
                }
                match format {
                    Some(format) if !format.fits(text) => Err(format!("{text:?} is not {}", format.noun())),
                    _ => Ok(Value::String(text.to_owned())),
                }
            }
            FieldKind::Number { whole, least, most } => number(text, *whole, *least, *most),
            FieldKind::Boolean => match text.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" | "true" => Ok(Value::Bool(true)),
                "n" | "no" | "false" => Ok(Value::Bool(false)),
                _ => Err(format!("{text:?} is neither yes nor no")),
            },
            FieldKind::One(choices) => choose(choices, text).map(Value::String),
            FieldKind::Several { choices, fewest, most } => several(choices, text, *fewest, *most),
        }
    }
}

fn number(text: &str, whole: bool, least: Option<f64>, most: Option<f64>) -> Result<Value, String> {
    let noun = if whole { "a whole number" } else { "a number" };
    let wrong = || format!("{text:?} is not {noun}");
    let value: Value = serde_json::from_str(text.trim()).map_err(|_| wrong())?;
    let amount = value.as_f64().ok_or_else(wrong)?;
    if whole && amount.fract() != 0.0 {
        return Err(wrong());
    }
    if let Some(least) = least.filter(|least| amount < *least) {
        return Err(format!("{amount} is below {least}"));
    }
    if let Some(most) = most.filter(|most| amount > *most) {
        return Err(format!("{amount} is above {most}"));
    }
    Ok(value)
}

/// A choice by its value, its label or its number in the list, in that order.
fn choose(choices: &[Choice], text: &str) -> Result<String, String> {
    let text = text.trim();
    let by_value = choices.iter().find(|choice| choice.value == text);
    let by_label =
        || choices.iter().find(|choice| choice.label.as_deref().is_some_and(|l| l.eq_ignore_ascii_case(text)));
    let by_number = || text.parse::<usize>().ok().and_then(|number| choices.get(number.checked_sub(1)?));
    let choice = by_value.or_else(by_label).or_else(by_number);
    choice.map(|choice| choice.value.clone()).ok_or_else(|| {
        let values: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
        format!("{text:?} is none of {}", values.join(", "))
    })
}

/// Choices with commas between them, or as a JSON array.
fn several(choices: &[Choice], text: &str, fewest: u64, most: Option<u64>) -> Result<Value, String> {
    let parts: Vec<String> = match serde_json::from_str::<Vec<String>>(text) {
        Ok(parts) => parts,
        Err(_) => text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect(),
    };
    let mut chosen: Vec<String> = Vec::new();
    for part in &parts {
        // A list of choices that the schema does not give takes anything.
        let value = if choices.is_empty() { part.clone() } else { choose(choices, part)? };
        if !chosen.contains(&value) {
            chosen.push(value);
        }
    }
    let count = chosen.len() as u64;
    if count < fewest {
        return Err(format!("at least {fewest} of them, not {count}"));
    }
    if let Some(most) = most.filter(|most| count > *most) {
        return Err(format!("at most {most} of them, not {count}"));
    }
    Ok(chosen.into())
}

#[cfg(test)]
mod tests;
