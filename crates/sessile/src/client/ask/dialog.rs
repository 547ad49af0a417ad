//! Asking on a terminal, field by field.

use crate::client::ask::form::{Choice, Field, FieldKind, Form};
use crate::client::ask::terminal::Lines;
use crate::client::escape::{escaped, one_line};
use crate::client::printer::Printer;
use serde_json::{Map, Value};

/// What the user did with a question.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// Filled in the form.
    Accepted(Map<String, Value>),
    /// Said yes to what takes no fields.
    Agreed,
    /// Said no.
    Declined,
    /// Made no choice.
    Canceled,
}

/// One typed line, or a way out of the question.
enum Typed {
    Text(String),
    Out(Said),
}

/// Asks for the fields that `content` does not hold yet.
pub(crate) async fn ask_form(
    lines: &mut impl Lines,
    printer: &Printer,
    message: &str,
    form: &Form,
    mut content: Map<String, Value>,
) -> Said {
    printer.aside(&format!("the server asks: {}", escaped(message)));
    let open: Vec<&Field> = form.fields().iter().filter(|field| !content.contains_key(&field.name)).collect();
    if open.is_empty() {
        return match confirm(lines, printer, "answer it?").await {
            Said::Agreed => Said::Accepted(content),
            other => other,
        };
    }
    printer.aside("  (* required; Ctrl-D declines, :cancel cancels)");
    for field in open {
        printer.aside(&head(field));
        match ask_field(lines, printer, field).await {
            Ok(Some(value)) => {
                content.insert(field.name.clone(), value);
            }
            Ok(None) => {}
            Err(out) => return out,
        }
    }
    Said::Accepted(content)
}

/// Asks whether the user visits a page.
pub(crate) async fn ask_url(lines: &mut impl Lines, printer: &Printer, message: &str, url: &str) -> Said {
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(one_line));
    let host = host.unwrap_or_else(|| "an address that is no URL".to_owned());
    printer.aside(&format!("the server asks: {}\n  open {}\n  ({host})", escaped(message), one_line(url)));
    confirm(lines, printer, "will you open it?").await
}

/// Asks until a value fits; `None` when an optional field is left out.
async fn ask_field(lines: &mut impl Lines, printer: &Printer, field: &Field) -> Result<Option<Value>, Said> {
    let default = field.default.as_ref().map(default_text);
    let shown = default.map_or_else(String::new, |text| format!("[{text}] "));
    loop {
        let text = match typed(lines, printer, &format!("  > {shown}")).await {
            Typed::Text(text) => text,
            Typed::Out(said) => return Err(said),
        };
        if text.trim().is_empty() {
            match &field.default {
                Some(value) => return Ok(Some(value.clone())),
                None if field.required => printer.aside("    it is required"),
                None => return Ok(None),
            }
            continue;
        }
        match field.read(&text) {
            Ok(value) => return Ok(Some(value)),
            Err(why) => printer.aside(&format!("    {}", escaped(&why))),
        }
    }
}

async fn confirm(lines: &mut impl Lines, printer: &Printer, question: &str) -> Said {
    loop {
        match typed(lines, printer, &format!("  {question} [y/n] ")).await {
            Typed::Out(said) => return said,
            Typed::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "y" | "yes" => return Said::Agreed,
                "n" | "no" => return Said::Declined,
                _ => printer.aside("    y or n; Ctrl-D declines, :cancel cancels"),
            },
        }
    }
}

async fn typed(lines: &mut impl Lines, printer: &Printer, prompt: &str) -> Typed {
    printer.prompt(prompt);
    let line = lines.next_line().await;
    printer.typed();
    match line {
        None => {
            printer.aside("");
            Typed::Out(Said::Declined)
        }
        Some(line) if line.trim() == ":cancel" => Typed::Out(Said::Canceled),
        Some(line) => Typed::Text(line),
    }
}

/// A field's name, mark, type and description, and its choices as a list.
fn head(field: &Field) -> String {
    let mark = if field.required { "*" } else { "" };
    let about: Vec<&str> = [&field.title, &field.description].into_iter().flatten().map(String::as_str).collect();
    let about = if about.is_empty() { String::new() } else { format!(" — {}", about.join(": ")) };
    let mut head = format!("  {}{mark} ({}){about}", one_line(&field.name), type_text(&field.kind));
    if let FieldKind::One(choices) | FieldKind::Several { choices, .. } = &field.kind {
        for (index, Choice { value, label }) in choices.iter().enumerate() {
            let label = label.as_ref().map_or_else(String::new, |label| format!("  {label}"));
            head.push_str(&format!("\n    {}) {}{label}", index + 1, one_line(value)));
        }
    }
    head
}

fn type_text(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Text { shortest, longest, format } => {
            let noun = format.map_or("text", |format| format.noun());
            match (*shortest, longest) {
                (0, None) => noun.to_owned(),
                (0, Some(longest)) => format!("{noun}, at most {longest} characters"),
                (shortest, None) => format!("{noun}, at least {shortest} characters"),
                (shortest, Some(longest)) => format!("{noun}, {shortest} to {longest} characters"),
            }
        }
        FieldKind::Number { whole, least, most } => {
            let noun = if *whole { "whole number" } else { "number" };
            match (least, most) {
                (None, None) => noun.to_owned(),
                (Some(least), None) => format!("{noun}, {least} or more"),
                (None, Some(most)) => format!("{noun}, {most} or less"),
                (Some(least), Some(most)) => format!("{noun}, {least} to {most}"),
            }
        }
        FieldKind::Boolean => "yes or no".to_owned(),
        FieldKind::One(_) => "one of".to_owned(),
        FieldKind::Several { fewest, most, .. } => match (*fewest, most) {
            (0, None) => "any of, with commas".to_owned(),
            (fewest, None) => format!("at least {fewest} of, with commas"),
            (fewest, Some(most)) => format!("{fewest} to {most} of, with commas"),
        },
    }
}

fn default_text(value: &Value) -> String {
    one_line(&match value {
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(","),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests;
