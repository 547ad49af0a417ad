//! What applies to the connections of a session now: the list, and the proxy in front of the outside, if any.

use std::fmt;

use crate::allow_list::AllowList;
use crate::host::Host;
use crate::target::{Target, TargetError};

/// What a gate goes by. The default allows nothing: it is what a gate has until a list was loaded.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What may be reached.
    pub allow: AllowList,
    /// The proxy that every connection goes through. It resolves names, so that only the name can be checked here; a
    /// target that is an address is still checked as one.
    pub upstream: Option<Upstream>,
}

/// An HTTP proxy that connects to the outside (`CONNECT`), as companies have them. It is the operator's: its own address
/// is not checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    pub(crate) at: Target,
    authorization: Option<String>,
}

/// Why an upstream proxy cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Not `http://host:port`.
    #[error("an upstream proxy is written as `http://host:port`, without user name and path")]
    Address,
    /// The value of `Proxy-Authorization` has characters that no header has.
    #[error("the authorization for the upstream proxy has characters other than printable ASCII")]
    Authorization,
}

impl From<TargetError> for UpstreamError {
    fn from(_: TargetError) -> Self {
        Self::Address
    }
}

impl Upstream {
    /// Reads `http://host:port`. `authorization` is the value of `Proxy-Authorization`, such as `Basic …`.
    ///
    /// # Errors
    /// Another form, or an authorization that fits into no header.
    pub fn new(url: &str, authorization: Option<String>) -> Result<Self, UpstreamError> {
        let rest = url.strip_prefix("http://").ok_or(UpstreamError::Address)?;
        let at = Target::parse(rest.strip_suffix('/').unwrap_or(rest), None)?;
        let printable = |text: &String| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !authorization.as_ref().is_none_or(printable) {
            return Err(UpstreamError::Authorization);
        }
        Ok(Self { at, authorization })
    }

    /// The request for a tunnel to `target`.
    pub(crate) fn request(&self, target: &Target) -> Vec<u8> {
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some(authorization) = &self.authorization {
            request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        request.push_str("\r\n");
        request.into_bytes()
    }

    pub(crate) fn host(&self) -> &Host {
        &self.at.host
    }
}

impl fmt::Debug for Upstream {
    /// Without the authorization.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("at", &self.at).finish_non_exhaustive()
    }
}
