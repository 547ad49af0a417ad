//! Why a registry did not give what was asked for.

/// The registry, or the way to it. Names hosts, never whole addresses: those of redirects carry signatures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No connection, or none for long enough.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// The registry, or where it redirected to.
        host: String,
        /// Why.
        reason: String,
    },
    /// It wants credentials, or others.
    #[error(
        "{host} refuses access{}; log in with `docker login {host}` (credentials are read from docker's config.json, but not from credential helpers)",
        if *with_credentials { " with the credentials that are configured" } else { "" }
    )]
    Unauthorised {
        /// The registry.
        host: String,
        /// Whether some were sent.
        with_credentials: bool,
    },
    /// It has no such image.
    #[error("{host} has no such image, or shows it only to others")]
    NotFound {
        /// The registry.
        host: String,
    },
    /// It has troubles of its own.
    #[error("{host} answered with status {status}")]
    Status {
        /// The registry, or where it redirected to.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// It sends us round and round.
    #[error("{host} redirects too often")]
    Redirects {
        /// The registry.
        host: String,
    },
    /// It sends us where it must not.
    #[error("{host} leads to an address that is not https; plain HTTP is spoken on this machine only")]
    Insecure {
        /// The registry.
        host: String,
    },
    /// It wants to be spoken to in a way that is not known.
    #[error("{host} asks for credentials in a way that is not understood")]
    Challenge {
        /// The registry.
        host: String,
    },
    /// A body that ends early.
    #[error("the answer ended after {got} of {expected} bytes")]
    CutShort {
        /// So much came.
        got: u64,
        /// So much was announced.
        expected: u64,
    },
    /// A document that goes on and on.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The bound.
        limit: u64,
    },
    /// All of it took too long.
    #[error("the registry took longer than {limit} s")]
    Timeout {
        /// The bound.
        limit: u64,
    },
    /// The file of credentials.
    #[error("the credentials in {file} cannot be read: {reason}")]
    Credentials {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
}

impl RegistryError {
    /// Whether the same may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::CutShort { .. } | Self::Timeout { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}
