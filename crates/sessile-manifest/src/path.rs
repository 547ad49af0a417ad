//! The way to a key, from the top of the file.

use std::fmt;

/// A key path that lives on the stack of whoever walks the file.
#[derive(Clone, Copy)]
pub(crate) enum KeyPath<'a> {
    /// The file itself.
    Top,
    /// A key of a table.
    Key(&'a KeyPath<'a>, &'a str),
    /// An element of an array, counted from 0.
    Element(&'a KeyPath<'a>, usize),
}

impl<'a> KeyPath<'a> {
    /// The path to `key` of the table at this path.
    pub(crate) fn key(&'a self, key: &'a str) -> KeyPath<'a> {
        KeyPath::Key(self, key)
    }

    /// The path to element `index` of the array at this path.
    pub(crate) fn element(&'a self, index: usize) -> KeyPath<'a> {
        KeyPath::Element(self, index)
    }

    /// The keys from the top; elements of arrays do not appear.
    pub(crate) fn keys(&self) -> Vec<&'a str> {
        match *self {
            Self::Top => Vec::new(),
            Self::Element(table, _) => table.keys(),
            Self::Key(table, key) => {
                let mut keys = table.keys();
                keys.push(key);
                keys
            }
        }
    }
}

impl fmt::Display for KeyPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Element(array, index) => write!(f, "{array}[{index}]"),
            Self::Key(Self::Top, key) => write!(f, "{}", Shown(key)),
            Self::Key(table, key) => write!(f, "{table}.{}", Shown(key)),
        }
    }
}

/// Longest key that is shown in full, in characters.
const LONGEST_SHOWN: usize = 64;

/// A key as TOML writes it: bare where it can be, else quoted; long ones cut.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if self.0.chars().nth(LONGEST_SHOWN).is_some() {
            let start: String = self.0.chars().take(LONGEST_SHOWN).collect();
            write!(f, "{:?}", format!("{start}…"))
        } else if !self.0.is_empty() && self.0.chars().all(bare) {
            f.write_str(self.0)
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}
