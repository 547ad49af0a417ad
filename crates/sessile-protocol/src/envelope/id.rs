//! Request ids and progress tokens: a string or an integer, kept as JSON text.
//!
//! Both sides write ids in JSON of their own taste (Python's `json` escapes what JavaScript does not), so ids are
//! kept in one canonical spelling: equal ids have equal text.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::MAX_ID_BYTES;

/// Long enough for a UUID in quotes, the longest id in common use.
const INLINE: usize = 38;

/// JSON text of a string or an integer, in place when it is short.
#[derive(Clone)]
enum Text {
    Inline { len: u8, bytes: [u8; INLINE] },
    Shared(Arc<str>),
}

impl Text {
    fn new(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(space), Ok(len)) => {
                space.copy_from_slice(text.as_bytes());
                Self::Inline { len, bytes }
            }
            _ => Self::Shared(Arc::from(text)),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Inline { len, bytes } => {
                // Always UTF-8: the bytes were copied from a `str` as a whole.
                let text = bytes.get(..usize::from(*len)).unwrap_or_default();
                std::str::from_utf8(text).unwrap_or_default()
            }
            Self::Shared(text) => text,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Shared(text) => text.as_bytes(),
        }
    }

    /// `None` unless `json` is a string or an integer of at most [`MAX_ID_BYTES`], without white space around it.
    fn from_json(json: &str) -> Option<Self> {
        if json.len() > MAX_ID_BYTES {
            return None;
        }
        match json.as_bytes() {
            [b'"', .., b'"'] if json.contains('\\') => {
                let text: String = serde_json::from_str(json).ok()?;
                Some(Self::new(&serde_json::to_string(&text).ok()?))
            }
            [b'"', inner @ .., b'"'] if inner.iter().all(|byte| *byte >= 0x20 && *byte != b'"') => {
                Some(Self::new(json))
            }
            b"-0" => Some(Self::new("0")),
            [b'-', digits @ ..] | digits if is_integer(digits) => Some(Self::new(json)),
            _ => None,
        }
    }
}

fn is_integer(digits: &[u8]) -> bool {
    match digits {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

macro_rules! scalar {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Text);

        impl $name {
            /// Reads JSON text. `None` unless it is a string or an integer (no fraction, no exponent) of at most
            /// [`MAX_ID_BYTES`] bytes, without white space around it.
            pub fn from_json(json: &str) -> Option<Self> {
                Text::from_json(json).map(Self)
            }

            /// The value as JSON text, in one spelling for equal values: a number's digits, or a string with its
            /// quotes.
            pub fn as_json(&self) -> &str {
                self.0.as_str()
            }
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self(Text::new(&number.to_string()))
            }
        }

        impl From<&str> for $name {
            /// The id that is this string; it gets its quotes here.
            fn from(text: &str) -> Self {
                Self(Text::new(&serde_json::Value::from(text).to_string()))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.as_bytes() == other.0.as_bytes()
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.as_bytes().hash(state);
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.as_bytes().cmp(other.0.as_bytes())
            }
        }

        impl Borrow<[u8]> for $name {
            fn borrow(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_json())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_json())
            }
        }
    };
}

scalar! {
    /// The id of a JSON-RPC request: a string or an integer, in canonical JSON text. Cheap to clone.
    RequestId
}

scalar! {
    /// The token that ties progress notifications to their request: a string or an integer. Cheap to clone.
    ProgressToken
}
