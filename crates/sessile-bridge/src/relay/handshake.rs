//! `initialize`, as far as the relay needs to know of it.

use serde::{Deserialize, Serialize};
use sessile_protocol::{LegacyVersion, Message};

/// Whether the session is initialized, and to which version.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Handshake {
    is_started: bool,
    requested: Option<LegacyVersion>,
    negotiated: Option<LegacyVersion>,
}

impl Handshake {
    pub(super) fn is_started(&self) -> bool {
        self.is_started
    }

    pub(super) fn negotiated(&self) -> Option<LegacyVersion> {
        self.negotiated
    }

    /// Whether the client understands events without data. While `initialize` itself is being answered, the
    /// version the client asked for tells.
    pub(super) fn primes_streams(&self) -> bool {
        self.negotiated.or(self.requested).is_some_and(LegacyVersion::primes_streams)
    }

    pub(super) fn allows_batches(&self) -> bool {
        self.negotiated.is_some_and(LegacyVersion::batches)
    }

    pub(super) fn start(&mut self, request: &Message) {
        self.is_started = true;
        self.requested = version(request);
    }

    pub(super) fn succeed(&mut self, result: &Message) {
        self.negotiated = version(result);
    }

    /// The client may try again.
    pub(super) fn fail(&mut self) {
        *self = Self::default();
    }
}

fn version(message: &Message) -> Option<LegacyVersion> {
    LegacyVersion::parse(&message.protocol_version()?)
}
