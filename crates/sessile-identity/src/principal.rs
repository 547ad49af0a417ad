//! The authenticated caller.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Issuer of principals that come from the API-key file; their subject is the key's name.
const API_KEY_ISSUER: &str = "api-key";
/// Issuer of the one principal that did not authenticate. No token can carry it: issuers of tokens
/// are URLs.
const ANONYMOUS_ISSUER: &str = "anonymous";

/// Who a request belongs to: issuer, subject, and the client application where the credential names one.
///
/// All three take part in equality: what one client application opened is not there for another one,
/// even of the same user. Cloning costs one reference count.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<Parts>);

#[derive(PartialEq, Eq, Hash)]
struct Parts {
    issuer: String,
    subject: String,
    client: Option<String>,
}

impl Principal {
    /// The principal `subject` of `issuer`, calling through the OAuth client `client` if that is known.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>, client: Option<String>) -> Self {
        Self(Arc::new(Parts { issuer: issuer.into(), subject: subject.into(), client }))
    }

    /// The caller who did not say who they are. All such callers are one principal.
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS_ISSUER, "", None)
    }

    /// The holder of the API key called `name` in the key file.
    pub fn api_key(name: &str) -> Self {
        Self::new(API_KEY_ISSUER, name, None)
    }

    /// Whether this is [`Principal::anonymous`].
    pub fn is_anonymous(&self) -> bool {
        self.0.issuer == ANONYMOUS_ISSUER
    }

    /// Who vouches for the subject: `api-key`, `anonymous`, or the URL of a token's issuer.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The subject within the issuer; for API keys the name of the key. Empty for anonymous.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The OAuth client id, where the credential names one.
    pub fn client(&self) -> Option<&str> {
        self.0.client.as_deref()
    }

    /// A name for what is kept of this principal on disk: `anonymous`, or a readable part and all 64 hexadecimal digits of the
    /// SHA-256 that [`PrincipalId`] has a part of, so that nobody finds another principal with the same one.
    ///
    /// At most 89 characters of `A-Z a-z 0-9 . _ -`, never `.` or `..`.
    pub fn file_name(&self) -> String {
        if self.is_anonymous() {
            return ANONYMOUS_ISSUER.to_owned();
        }
        format!("{}-{}", readable(self), hex(&digest(self)))
    }

    /// The id to print in logs, events and listings.
    pub fn id(&self) -> PrincipalId {
        PrincipalId::of(self)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({})", self.id())
    }
}

/// A stable, printable id of a principal: `anonymous`, or a readable part and 16 hexadecimal digits of a
/// SHA-256 over issuer, subject and client, such as `alice-5e1f0c93a7d2b846`.
///
/// At most 41 characters of `A-Z a-z 0-9 . _ -`, whatever the subject holds, so that it is safe in a log
/// line, a metric label and a file name. It is derived from public parts only, never from a key or token.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalId(Arc<str>);

/// Characters of the subject kept for the reader.
const READABLE: usize = 24;

impl PrincipalId {
    fn of(principal: &Principal) -> Self {
        if principal.is_anonymous() {
            return Self(ANONYMOUS_ISSUER.into());
        }
        let digest = digest(principal);
        let (start, _) = digest.split_at(8);
        Self(format!("{}-{}", readable(principal), hex(start)).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The beginning of the subject, for the reader.
fn readable(principal: &Principal) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    principal.subject().chars().take(READABLE).map(plain).collect()
}

/// Over all parts. Each part goes in behind its length, so that no two principals spell the same bytes.
fn digest(principal: &Principal) -> [u8; 32] {
    let client = principal.client().map(|client| format!("+{client}")).unwrap_or_default();
    let mut hash = Sha256::new();
    for part in [principal.issuer(), principal.subject(), &client] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrincipalId({})", self.0)
    }
}

#[cfg(test)]
mod tests;
