//! Headers that repeat a part of the body, so that what stands between client and server can route without reading
//! bodies (2026-07-28, basic/transports/streamable-http, "Request Metadata"; SEP-2243).
//!
//! A server must hold the two against each other: whoever trusts the header and whoever trusts the body must have
//! seen the same request. [`check_exact`] and [`check_name`] do so for the standard headers, [`MirroredHeaders`] for
//! those that a tool's schema asks for. [`encode`] and [`MirroredHeaders::of_arguments`] are how a client writes them.

mod annotations;
mod decimal;
mod mismatch;
mod params;
mod sentinel;

#[cfg(test)]
mod tests;

pub use annotations::Invalid;
pub use mismatch::{Mismatch, Reason};
pub use params::MirroredHeaders;
pub use sentinel::{BadValue, decode, encode};

/// How many arguments of one tool may be mirrored. A request has no room for more headers.
pub const MAX_MIRRORED: usize = 64;

/// How many `properties` may lie between a schema's root and a mirrored argument.
pub const MAX_MIRRORED_DEPTH: usize = 16;

/// Checks a header that repeats `body` byte for byte: `MCP-Protocol-Version` and `Mcp-Method`. `sent` are all values
/// of that name in the request.
///
/// # Errors
/// When the header is missing, there twice, or says something else.
pub fn check_exact<'h>(header: &str, sent: impl IntoIterator<Item = &'h [u8]>, body: &str) -> Result<(), Mismatch> {
    let value = only(header, sent)?.ok_or_else(|| Mismatch::new(header, Reason::Missing))?;
    if value == body.as_bytes() { Ok(()) } else { Err(Mismatch::new(header, Reason::Different)) }
}

/// Checks `Mcp-Name` against the member of the body that it repeats; `body` is `None` where that is not there. `sent`
/// are all values of that name in the request.
///
/// # Errors
/// When the header is missing though the body has the value, or is there though it has not; when it is there twice,
/// cannot be decoded, or says something else.
pub fn check_name<'h>(sent: impl IntoIterator<Item = &'h [u8]>, body: Option<&str>) -> Result<(), Mismatch> {
    const HEADER: &str = "Mcp-Name";
    match (only(HEADER, sent)?, body) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Mismatch::new(HEADER, Reason::Missing)),
        (Some(_), None) => Err(Mismatch::new(HEADER, Reason::Unexpected)),
        (Some(value), Some(body)) => {
            let value = decode(value).map_err(|bad| Mismatch::new(HEADER, Reason::Bad(bad)))?;
            if value == body { Ok(()) } else { Err(Mismatch::new(HEADER, Reason::Different)) }
        }
    }
}

/// The one value of a header. Of two, no two readers need take the same.
fn only<'h>(header: &str, sent: impl IntoIterator<Item = &'h [u8]>) -> Result<Option<&'h [u8]>, Mismatch> {
    let mut sent = sent.into_iter();
    let first = sent.next();
    if sent.next().is_some() { Err(Mismatch::new(header, Reason::Doubled)) } else { Ok(first) }
}
