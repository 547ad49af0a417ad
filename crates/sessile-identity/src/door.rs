//! The one entry for callers. Whatever way to authenticate is added, it is asked here.

use crate::{Credentials, KeyFile, Outcome, Principal, bearer};

/// Whether a caller without credentials is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anonymous {
    /// Never: everyone authenticates.
    Never,
    /// When the peer is on this machine, where the caller is the local user.
    LoopbackOnly,
    /// From anywhere. For nodes behind a gateway that authenticates.
    Always,
}

impl Anonymous {
    /// The rule that a manifest's `node.allow_anonymous` and the presence of `node.api_keys` come to:
    /// allowed means from anywhere; otherwise keys, once there are any, are asked of everybody.
    pub fn from_settings(allow_anonymous: bool, has_keys: bool) -> Self {
        match (allow_anonymous, has_keys) {
            (true, _) => Self::Always,
            (false, true) => Self::Never,
            (false, false) => Self::LoopbackOnly,
        }
    }
}

/// Decides who a request comes from.
#[derive(Debug, Clone)]
pub struct Door {
    keys: Option<KeyFile>,
    anonymous: Anonymous,
}

/// Why a request is not let in. Both are HTTP 401; neither says which keys exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The request carries no credentials, and this node wants some.
    #[error("no credentials; send `Authorization: Bearer KEY`")]
    Unauthenticated {
        /// Value of the `WWW-Authenticate` header of the answer (RFC 6750 section 3).
        www_authenticate: String,
    },
    /// The request carries credentials that this node does not accept.
    #[error("the credentials are not accepted; send `Authorization: Bearer KEY` with a key of this node")]
    Invalid {
        /// Value of the `WWW-Authenticate` header of the answer (RFC 6750 section 3).
        www_authenticate: String,
    },
}

impl Refused {
    /// Value of the `WWW-Authenticate` header that goes with the 401.
    pub fn www_authenticate(&self) -> &str {
        match self {
            Self::Unauthenticated { www_authenticate } | Self::Invalid { www_authenticate } => www_authenticate,
        }
    }

    fn unauthenticated() -> Self {
        // RFC 6750 section 3.1: without credentials there is no error code to give.
        Self::Unauthenticated { www_authenticate: "Bearer realm=\"sessile\"".to_owned() }
    }

    fn invalid() -> Self {
        let www_authenticate = "Bearer realm=\"sessile\", error=\"invalid_token\"".to_owned();
        Self::Invalid { www_authenticate }
    }
}

impl Door {
    /// A door that knows `keys` and treats callers without credentials as `anonymous` says.
    pub fn new(keys: Option<KeyFile>, anonymous: Anonymous) -> Self {
        Self { keys, anonymous }
    }

    /// The rule about callers without credentials.
    pub fn anonymous(&self) -> Anonymous {
        self.anonymous
    }

    /// Whether there is any way to authenticate here.
    pub fn authenticates(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| !keys.is_empty())
    }

    /// Names the principal of a request, from the value of its `Authorization` header and whether its
    /// peer is on this machine.
    ///
    /// Credentials that are wrong are refused even where anonymous callers are let in: a client that
    /// meant to be somebody must not silently become nobody, with other sessions than its own. Only a
    /// node that knows no keys at all has nothing to hold them against, and there they are ignored.
    ///
    /// # Errors
    /// [`Refused`], when the caller must authenticate or did so wrongly.
    pub fn admit(&self, authorization: Option<&[u8]>, peer_is_loopback: bool) -> Result<Principal, Refused> {
        match &self.keys {
            Some(keys) => match keys.authenticate(authorization) {
                Outcome::Principal(principal) => Ok(principal),
                Outcome::Missing => self.unnamed(peer_is_loopback),
                Outcome::Unknown | Outcome::Unusable => Err(Refused::invalid()),
            },
            None => self.unnamed(peer_is_loopback).map_err(|refused| match bearer(authorization) {
                Credentials::Missing => refused,
                Credentials::Bearer(_) | Credentials::Unusable => Refused::invalid(),
            }),
        }
    }

    fn unnamed(&self, peer_is_loopback: bool) -> Result<Principal, Refused> {
        let admitted = match self.anonymous {
            Anonymous::Never => false,
            Anonymous::LoopbackOnly => peer_is_loopback,
            Anonymous::Always => true,
        };
        if admitted { Ok(Principal::anonymous()) } else { Err(Refused::unauthenticated()) }
    }
}

#[cfg(test)]
mod tests;
