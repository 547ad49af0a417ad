//! The text of a manifest: which line and column a byte is on, and that line for showing.

use std::ops::Range;

use crate::Place;

/// Longest part of a line that is shown, in characters.
const WIDTH: usize = 100;
/// Characters shown before the mark when a line is longer than that.
const BEFORE: usize = 30;

/// The text of a file.
pub(crate) struct Source<'t> {
    text: &'t str,
}

impl<'t> Source<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text }
    }

    /// Line and column of the byte at `offset`; of the end if there is no such byte.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let before = self.before(offset);
        let line = 1 + before.bytes().filter(|b| *b == b'\n').count();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = 1 + before.get(line_start..).unwrap_or_default().chars().count();
        Place { line, column }
    }

    /// The line that `span` begins on, with a mark under the part of `span` on that line. Characters
    /// within `hidden` are shown as `*`, one for one, so that the mark stays under its place.
    ///
    /// `None` for the empty span at the start, which stands for what is not in the text at all.
    pub(crate) fn excerpt(&self, span: &Range<usize>, hidden: &[Range<usize>]) -> Option<String> {
        if *span == (0..0) {
            return None;
        }
        let start = self.before(span.start).len();
        let line_start = self.before(start).rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line_start..)?.lines().next()?;
        let is_hidden = |offset: usize| hidden.iter().any(|range| range.contains(&offset));
        let shown: Vec<(usize, char)> = line
            .char_indices()
            .map(|(index, c)| (line_start + index, c))
            .map(|(offset, c)| (offset, if is_hidden(offset) { '*' } else { printable(c) }))
            .collect();
        let first = shown.iter().filter(|(offset, _)| *offset < start).count();
        let marked = shown.iter().filter(|(offset, _)| span.contains(offset)).count().max(1);
        let skipped = if shown.len() > WIDTH { first.saturating_sub(BEFORE) } else { 0 };
        let window: String = shown.iter().skip(skipped).take(WIDTH).map(|(_, c)| *c).collect();
        let marks = "^".repeat(marked.min(WIDTH - (first - skipped).min(WIDTH - 1)));
        let number = self.place(start).line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(first - skipped);
        let window = window.trim_end();
        Some(format!(" {number} | {window}\n {margin} | {indent}{marks}"))
    }

    /// The parts of the line at `offset` that may hold secrets although the text could not be read: what
    /// stands between quotes and is no key, and everything once a string runs over several lines.
    pub(crate) fn quoted(&self, offset: usize) -> Vec<Range<usize>> {
        let before = self.before(offset);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line_start..).and_then(|rest| rest.lines().next());
        let line = line.unwrap_or_default();
        let whole = line_start..line_start + line.len();
        if ["\"\"\"", "'''"].iter().any(|quotes| self.text.contains(quotes)) {
            return std::iter::once(whole).collect();
        }
        let mut hidden = Vec::new();
        let mut open: Option<(usize, char)> = None;
        let mut escaped = false;
        for (index, c) in line.char_indices() {
            match open {
                Some((start, quote)) if c == quote && !escaped => {
                    if !is_before_a_value(line, index + 1) {
                        hidden.push(line_start + start..line_start + index);
                    }
                    open = None;
                }
                Some(_) => escaped = c == '\\' && !escaped,
                None if matches!(c, '"' | '\'') => open = Some((index + 1, c)),
                None => {}
            }
        }
        // A string without an end may be what the error is about.
        hidden.extend(open.map(|(start, _)| line_start + start..whole.end));
        hidden
    }

    /// The text before `offset`, or before the character that `offset` is inside of.
    fn before(&self, offset: usize) -> &'t str {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        self.text.get(..end).unwrap_or_default()
    }
}

/// Whether the text that ends at `end` is a key.
fn is_before_a_value(line: &str, end: usize) -> bool {
    line.get(end..).is_some_and(|rest| rest.trim_start().starts_with([':', '=']))
}

/// Tabs would move the mark, control characters would move the terminal.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests;
