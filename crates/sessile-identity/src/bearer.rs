//! The `Authorization` header, as far as bearer credentials go (RFC 6750 section 2.1).

/// What an `Authorization` header holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials<'a> {
    /// No header, or one with nothing in it.
    Missing,
    /// A bearer token: a non-empty `b64token` of RFC 6750.
    Bearer(&'a str),
    /// A header that is not `Bearer TOKEN`: another scheme, no token, or bytes no token has.
    Unusable,
}

/// Reads an `Authorization` header value. The scheme's name is compared without regard to case, as
/// RFC 9110 section 11.1 asks.
pub fn bearer(header: Option<&[u8]>) -> Credentials<'_> {
    let Some(header) = header.map(<[u8]>::trim_ascii).filter(|value| !value.is_empty()) else {
        return Credentials::Missing;
    };
    let Some(header) = std::str::from_utf8(header).ok() else {
        return Credentials::Unusable;
    };
    let Some((scheme, token)) = header.split_once(' ') else {
        return Credentials::Unusable;
    };
    let token = token.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && is_b64token(token) {
        Credentials::Bearer(token)
    } else {
        Credentials::Unusable
    }
}

fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty()
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
}

#[cfg(test)]
mod tests;
