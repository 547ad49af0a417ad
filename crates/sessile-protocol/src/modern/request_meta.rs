//! `params._meta` of a request.

use crate::meta::{CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, SESSION};
use crate::{LogLevel, Object};

/// What a request says of itself in `params._meta` (2026-07-28, basic, "General fields").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMeta {
    /// The version that the request is made in. Nothing says that anybody knows it.
    pub version: String,
    /// `clientInfo`, a JSON object, where it is there.
    pub client_info: Option<String>,
    /// `clientCapabilities`, a JSON object.
    pub client_capabilities: String,
    /// The least severe log message that the client wants to have.
    pub log_level: Option<LogLevel>,
    /// The session that the request names. It may be any string.
    pub session: Option<String>,
}

/// What is wrong with `params._meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// There is no such object.
    #[error("params._meta is missing or no object: every request carries {PROTOCOL_VERSION} and {CLIENT_CAPABILITIES}")]
    Missing,
    /// A member that must be there is not.
    #[error("params._meta has no {0:?}, which every request carries")]
    NoMember(&'static str),
    /// A member has a value that it cannot have.
    #[error("{member:?} in params._meta is not {expected}")]
    Wrong {
        /// The member.
        member: &'static str,
        /// What it may be.
        expected: &'static str,
    },
}

impl RequestMeta {
    /// Reads it from the params of a request.
    ///
    /// # Errors
    /// When `_meta` or a member that must be there is missing, or a member is not what it must be.
    pub fn read(params: &Object<'_>) -> Result<Self, MetaError> {
        let meta = params.object("_meta").ok_or(MetaError::Missing)?;
        let object = |member| optional(&meta, member, "an object", || Some(meta.object(member)?.to_json()));
        let string = |member| optional(&meta, member, "a string", || meta.string(member));
        let level = || LogLevel::parse(&meta.string(LOG_LEVEL)?);
        Ok(Self {
            version: string(PROTOCOL_VERSION)?.ok_or(MetaError::NoMember(PROTOCOL_VERSION))?,
            client_info: object(CLIENT_INFO)?,
            client_capabilities: object(CLIENT_CAPABILITIES)?.ok_or(MetaError::NoMember(CLIENT_CAPABILITIES))?,
            log_level: optional(&meta, LOG_LEVEL, "a log level (debug, info, … emergency)", level)?,
            session: string(SESSION)?,
        })
    }
}

/// A member that need not be there, but is right where it is.
fn optional<T>(
    meta: &Object<'_>,
    member: &'static str,
    expected: &'static str,
    read: impl FnOnce() -> Option<T>,
) -> Result<Option<T>, MetaError> {
    match meta.get(member) {
        None => Ok(None),
        Some(_) => read().map(Some).ok_or(MetaError::Wrong { member, expected }),
    }
}
