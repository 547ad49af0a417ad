//! One spelling for JSON texts that differ only in the order of members and in white space.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use memchr::memchr2;

use crate::envelope::MAX_DEPTH;

/// JSON with the members of every object in the order of their names, and no white space between tokens.
///
/// Strings and names have the escapes that they need and no others. Numbers keep their spelling: two spellings of one give two texts,
/// but never two values one text, as they would when read into numbers of some type. `json` is text that was read as JSON before; of anything else
/// some text comes out. Read once, in time that grows with its length (and the sorting of names).
///
/// ```
/// use sessile_protocol::canonical;
///
/// assert_eq!(canonical(r#"{ "b": [1, 2], "a": {} }"#), r#"{"a":{},"b":[1,2]}"#);
/// ```
pub fn canonical(json: &str) -> String {
    Tokens { rest: json }.value(0)
}

/// What is left of a text.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn value(&mut self, depth: usize) -> String {
        self.skip(&[]);
        match self.rest.as_bytes().first() {
            // A message nests no deeper, so this is not one.
            Some(b'{' | b'[') if depth > MAX_DEPTH => self.take(self.rest.len()).to_owned(),
            Some(b'{') => {
                let mut members = self.items(b'}', |tokens| {
                    let name = tokens.scalar();
                    tokens.skip(b":");
                    (name, tokens.value(depth + 1))
                });
                members.sort_by(|(name, _), (other, _)| name.cmp(other));
                let members: Vec<_> = members.iter().map(|(name, value)| format!("{name}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }
            Some(b'[') => format!("[{}]", self.items(b']', |tokens| tokens.value(depth + 1)).join(",")),
            _ => self.scalar().into_owned(),
        }
    }

    /// What stands between a bracket, which comes next, and the one that closes it.
    fn items<T>(&mut self, close: u8, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        self.take(1);
        loop {
            self.skip(b",");
            match self.rest.as_bytes().first() {
                None => return items,
                Some(byte) if *byte == close => {
                    self.take(1);
                    return items;
                }
                Some(_) => items.push(item(self)),
            }
        }
    }

    /// A string with its quotes, a number, or a word. Takes something, if anything is left.
    fn scalar(&mut self) -> Cow<'a, str> {
        let length = match self.rest.strip_prefix('"') {
            Some(inside) => 1 + string(inside),
            None => self.rest.find([',', ':', '{', '}', '[', ']', ' ', '\t', '\n', '\r']).unwrap_or(self.rest.len()),
        };
        plain(self.take(length.max(1)))
    }

    fn skip(&mut self, separators: &[u8]) {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r') || separators.contains(byte);
        let length = self.rest.as_bytes().iter().take_while(|byte| is_between(byte)).count();
        self.take(length);
    }

    /// The next bytes: all of them, where `length` ends inside a character.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

/// A string with no escapes but those that it needs; anything else as it is, also a string that is none (half a surrogate pair).
fn plain(scalar: &str) -> Cow<'_, str> {
    if !scalar.starts_with('"') || !scalar.contains('\\') {
        return Cow::Borrowed(scalar);
    }
    let value = serde_json::from_str::<String>(scalar).and_then(|value| serde_json::to_string(&value));
    value.map_or(Cow::Borrowed(scalar), Cow::Owned)
}

/// How long a string is after its opening quote, with the closing one.
fn string(inside: &str) -> usize {
    let bytes = inside.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if bytes.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1;
    }
    bytes.len()
}
