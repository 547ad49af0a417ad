//! The words of a command line, flag by flag.

use crate::RequestError;

/// A flag, with its value if it was written as one word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag<'a> {
    pub(super) name: &'a str,
    inline: Option<&'a str>,
}

/// What is left of a command line.
#[derive(Debug)]
pub(super) struct Words<'a> {
    pub(super) tool: &'static str,
    rest: std::slice::Iter<'a, String>,
}

impl<'a> Words<'a> {
    pub(super) fn new(tool: &'static str, words: &'a [String]) -> Self {
        Self { tool, rest: words.iter() }
    }

    /// The next flag. `--` is taken and ends them, as does the first word that is none.
    pub(super) fn flag(&mut self) -> Option<Flag<'a>> {
        let word = self.rest.as_slice().first()?.as_str();
        if !word.starts_with('-') || word == "-" {
            return None;
        }
        self.rest.next();
        if word == "--" {
            return None;
        }
        match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => Some(Flag { name, inline: Some(value) }),
            _ => Some(Flag { name: word, inline: None }),
        }
    }

    /// The value of a flag: behind its `=`, or the next word.
    pub(super) fn value(&mut self, flag: Flag<'a>) -> Result<&'a str, RequestError> {
        let value = flag.inline.or_else(|| self.rest.next().map(String::as_str));
        value.ok_or_else(|| RequestError::NoValue { tool: self.tool, flag: flag.name.to_owned() })
    }

    /// The next word, whatever it is.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.rest.next().map(String::as_str)
    }

    /// Everything that is left.
    pub(super) fn rest(&self) -> &'a [String] {
        self.rest.as_slice()
    }

    /// The error for a flag that cannot be followed.
    pub(super) fn refuse(&self, flag: Flag<'_>, hint: &'static str) -> RequestError {
        RequestError::Flag { tool: self.tool, flag: flag.name.to_owned(), hint }
    }
}

/// Said of flags that nobody foresaw.
pub(super) const UNKNOWN: &str = "remove it, or install the package by hand and start its program directly";
