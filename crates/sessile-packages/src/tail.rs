//! The end of what a tool said.

use std::collections::VecDeque;
use std::fmt;

/// Lines longer than this are cut: progress bars and minified sources.
pub(crate) const LONGEST_LINE: usize = 2048;
/// As many lines as a message can show, and be read.
const LINES: usize = 40;

/// The last 40 lines, each up to 2 KiB. Displays as these lines, indented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    lines: VecDeque<String>,
}

impl Tail {
    pub(crate) fn push(&mut self, line: &str) {
        let mut end = line.len().min(LONGEST_LINE);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.get(..end).unwrap_or_default().to_owned());
    }

    /// Whether a line holds one of these words.
    pub(crate) fn mentions(&self, words: &[&str]) -> bool {
        self.lines.iter().any(|line| words.iter().any(|word| line.contains(word)))
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines.iter().enumerate() {
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}  {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
