//! Text of others, made safe for a terminal.

use std::fmt::Write as _;

/// `text` with everything that could move the cursor, change colours or turn the reading direction written out
/// as `\x1b` or `\u{202e}`. Newlines and tabs stay; a carriage return before a newline goes.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\n' | '\t' => safe.push(next),
            '\r' if rest.peek() == Some(&'\n') => {}
            _ if next.is_ascii_control() => {
                let _ = write!(safe, "\\x{:02x}", u32::from(next));
            }
            _ if next.is_control() || turns_direction(next) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(next));
            }
            _ => safe.push(next),
        }
    }
    safe
}

/// JSON over several lines, safe for a terminal.
pub(crate) fn pretty(value: &serde_json::Value) -> String {
    json(&format!("{value:#}"))
}

/// JSON with the characters that [`escaped`] would write out as `\u` escapes of JSON, so that it stays JSON.
/// JSON's own strings already escape the other control characters.
fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for next in text.chars() {
        if next != '\n' && (next.is_control() || turns_direction(next)) {
            let _ = write!(safe, "\\u{:04x}", u32::from(next));
        } else {
            safe.push(next);
        }
    }
    safe
}

/// Like [`escaped`], on one line: newlines and tabs become spaces.
pub(crate) fn one_line(text: &str) -> String {
    escaped(text.trim()).replace(['\n', '\t'], " ")
}

/// The first line that says something.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().find(|line| !line.trim().is_empty()).map(one_line).unwrap_or_default()
}

/// Bidirectional controls and line separators (Unicode TR36, "bidirectional text spoofing").
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}')
}

#[cfg(test)]
mod tests;
