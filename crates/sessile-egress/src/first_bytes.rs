//! What a client says first in a tunnel: TLS and plain HTTP name a server, which has to be the one that was asked for;
//! anything else is nobody's business.

use crate::head::{HeadError, LONGEST_HEAD};
use crate::hello::{ClientHello, HelloError, is_tls};

/// What the first bytes of a tunnel are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstBytes {
    /// The start of TLS.
    Tls(ClientHello),
    /// The start of a request of HTTP, good or bad.
    Http,
    /// Something else.
    Other,
}

/// Why the first bytes are let through as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstBytesError {
    /// It begins like TLS.
    Tls(HelloError),
    /// It begins like HTTP and does not become it.
    Http(HeadError),
}

/// The shortest and longest methods. Shorter words are taken for something else.
const METHOD: std::ops::RangeInclusive<usize> = 3..=32;

impl FirstBytes {
    /// Reads the first bytes of a tunnel; `None` while more are needed. With `ended`, no more will come.
    ///
    /// # Errors
    /// What begins like TLS or HTTP, and cannot be read as such.
    pub fn read(bytes: &[u8], ended: bool) -> Result<Option<Self>, FirstBytesError> {
        match bytes.first() {
            None => return Ok(ended.then_some(Self::Other)),
            Some(first) if is_tls(*first) => {
                return match ClientHello::peek(bytes).map_err(FirstBytesError::Tls)? {
                    Some(hello) => Ok(Some(Self::Tls(hello))),
                    None if ended => Err(FirstBytesError::Tls(HelloError::Malformed)),
                    None => Ok(None),
                };
            }
            Some(_) => {}
        }
        match looks_like_http(bytes) {
            Some(true) => Ok(Some(Self::Http)),
            Some(false) => Ok(Some(Self::Other)),
            None if ended => Ok(Some(Self::Other)),
            None if bytes.len() > LONGEST_HEAD => Err(FirstBytesError::Http(HeadError::TooLong)),
            None => Ok(None),
        }
    }
}

/// More generous than any server: blank lines in front, any method, tabs for blanks, any bytes in the target. What passes
/// here is read strictly afterwards, so that nothing that some server takes for HTTP goes by unread.
fn looks_like_http(bytes: &[u8]) -> Option<bool> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let line = bytes.get(start..).unwrap_or_default();
    let is_method = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_');
    let method = line.iter().take_while(|byte| is_method(byte)).count();
    match line.get(method) {
        _ if method > *METHOD.end() => return Some(false),
        None => return None,
        Some(b' ' | b'\t') if METHOD.contains(&method) => {}
        Some(_) => return Some(false),
    }
    let end = memchr::memchr(b'\n', line);
    let first_line = line.get(..end.unwrap_or(line.len())).unwrap_or_default();
    if first_line.windows(5).any(|word| word.eq_ignore_ascii_case(b"http/")) {
        return Some(true);
    }
    end.map(|_| false)
}

#[cfg(test)]
mod tests;
