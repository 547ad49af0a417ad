//! Values that cannot stand in a header as they are (2026-07-28, basic/transports/streamable-http, "Value Encoding").

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// Why a header's value cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    /// It has bytes other than visible ASCII, spaces and tabs.
    #[error("has characters that no header may have: encode its value as =?base64?…?=")]
    Characters,
    /// What the sentinel encloses is not Base64 (RFC 4648, section 4, with padding).
    #[error("is not valid Base64 between =?base64? and ?=")]
    Base64,
    /// What the Base64 holds is not UTF-8.
    #[error("is not UTF-8 once its Base64 is decoded")]
    Utf8,
}

/// How `text` stands in a header: as it is, where a header can carry it so that [`decode`] gives it back; else as
/// `=?base64?…?=`.
pub fn encode(text: &str) -> Cow<'_, str> {
    let fits = text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    // White space around a value is no part of it (RFC 9110, section 5.5).
    let stays = text.trim_matches(['\t', ' ']).len() == text.len();
    if fits && stays && !(text.starts_with(PREFIX) && text.ends_with(SUFFIX)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(text)))
}

/// What a header's value stands for: itself, or what `=?base64?…?=` encloses. The two markers count only exactly so,
/// in lower case; a value with one of them alone is itself.
///
/// # Errors
/// When the value has bytes that no header may have, or encloses what is not Base64 of UTF-8.
pub fn decode(value: &[u8]) -> Result<Cow<'_, str>, BadValue> {
    let plain = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')))
        .ok_or(BadValue::Characters)?;
    match plain.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) {
        None => Ok(Cow::Borrowed(plain)),
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded).map_err(|_| BadValue::Base64)?;
            String::from_utf8(bytes).map(Cow::Owned).map_err(|_| BadValue::Utf8)
        }
    }
}
