//! Where a body ends, by its head alone (RFC 9112, 6).

use super::HeadError;

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// This many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Everything until the connection ends; of answers only.
    UntilEnd,
}

type Headers = [(String, Vec<u8>)];

/// The body of a request.
pub(crate) fn body_of_request(headers: &Headers, is_1_1: bool) -> Result<Body, HeadError> {
    match (length(headers)?, is_chunked(headers)?) {
        (Some(_), true) => Err(HeadError::Framing),
        (None, true) if !is_1_1 => Err(HeadError::Framing),
        (None, true) => Ok(Body::Chunked),
        (None | Some(0), false) => Ok(Body::Empty),
        (Some(length), false) => Ok(Body::Length(length)),
    }
}

/// The body of an answer with this status.
pub(crate) fn body_of_response(headers: &Headers, status: u16, to_head: bool) -> Result<Body, HeadError> {
    let (length, chunked) = (length(headers)?, is_chunked(headers)?);
    if to_head || status < 200 || status == 204 || status == 304 {
        return Ok(Body::Empty);
    }
    match (length, chunked) {
        (Some(_), true) => Err(HeadError::Framing),
        (None, true) => Ok(Body::Chunked),
        (Some(0), false) => Ok(Body::Empty),
        (Some(length), false) => Ok(Body::Length(length)),
        (None, false) => Ok(Body::UntilEnd),
    }
}

/// One line, digits only: `5, 5`, `+5` and two lines that agree are refused, too.
fn length(headers: &Headers) -> Result<Option<u64>, HeadError> {
    let mut lines = headers.iter().filter(|(name, _)| name == "content-length");
    let Some((_, value)) = lines.next() else { return Ok(None) };
    if lines.next().is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::Framing);
    }
    let text = str::from_utf8(value).map_err(|_| HeadError::Framing)?;
    text.parse().map(Some).map_err(|_| HeadError::Framing)
}

/// `chunked` and no other coding, once.
fn is_chunked(headers: &Headers) -> Result<bool, HeadError> {
    let mut lines = headers.iter().filter(|(name, _)| name == "transfer-encoding");
    match (lines.next(), lines.next()) {
        (None, _) => Ok(false),
        (Some((_, value)), None) if value.eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err(HeadError::Framing),
    }
}

/// The words of all lines of a list header.
pub(crate) fn tokens<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.iter().filter(move |(own, _)| own == name);
    lines.flat_map(|(_, value)| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

pub(crate) fn is_list_with(headers: &Headers, name: &str, word: &str) -> bool {
    tokens(headers, name).any(|own| own.eq_ignore_ascii_case(word.as_bytes()))
}
