//! What a request state says, and its binary form.
//!
//! ```text
//! version 1 byte | call 8 | generation 8 | expires 8 | digest 32 |
//! session, principal, server, method: length 2 bytes, UTF-8 | 0, or 1 and the inner state: length 2 bytes, UTF-8
//! ```
//! Numbers are big-endian. Nothing may follow, so that each ticket has exactly one form.

use std::fmt;

use super::sealed::MAX_PLAIN;

/// The form that this module writes.
const VERSION: u8 = 1;

/// What a request state says. Outside a node it exists sealed only. `Debug` does not show what opens a session.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The id of the session that the call is parked in.
    pub session: String,
    /// Which of the session's calls.
    pub call: u64,
    /// Which of the call's questions: a state of an earlier one was used before.
    pub generation: u64,
    /// The stable id of the principal that the state was given to.
    pub principal: String,
    /// The server's name in the manifest.
    pub server: String,
    /// The method of the parked request.
    pub method: String,
    /// SHA-256 of the salient parameters of the parked request, as the caller defines them.
    pub digest: [u8; 32],
    /// When the state ceases to be good, in milliseconds since 1970.
    pub expires_ms: u64,
    /// A modern server's own request state.
    pub inner: Option<String>,
}

impl Ticket {
    /// Whether it is past its time. [`Sealer::open`](super::Sealer::open) leaves this to its caller, who tells a client
    /// with an authentic state why it comes too late.
    #[must_use]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        now_ms >= self.expires_ms
    }

    /// The binary form; `None` if it would not fit into a text.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![VERSION];
        for number in [self.call, self.generation, self.expires_ms] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(self.digest);
        for text in [&self.session, &self.principal, &self.server, &self.method] {
            put(&mut bytes, text)?;
        }
        bytes.push(u8::from(self.inner.is_some()));
        if let Some(inner) = &self.inner {
            put(&mut bytes, inner)?;
        }
        (bytes.len() <= MAX_PLAIN).then_some(bytes)
    }

    /// Reads the binary form; `None` for anything that [`encode`](Self::encode) does not write.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [VERSION] = take(&mut rest)? else { return None };
        let call = u64::from_be_bytes(take(&mut rest)?);
        let generation = u64::from_be_bytes(take(&mut rest)?);
        let expires_ms = u64::from_be_bytes(take(&mut rest)?);
        let digest = take(&mut rest)?;
        let session = take_text(&mut rest)?;
        let principal = take_text(&mut rest)?;
        let server = take_text(&mut rest)?;
        let method = take_text(&mut rest)?;
        let inner = match take(&mut rest)? {
            [0] => None,
            [1] => Some(take_text(&mut rest)?),
            _ => return None,
        };
        rest.is_empty().then_some(Self {
            session,
            call,
            generation,
            principal,
            server,
            method,
            digest,
            expires_ms,
            inner,
        })
    }
}

fn put(bytes: &mut Vec<u8>, text: &str) -> Option<()> {
    bytes.extend(u16::try_from(text.len()).ok()?.to_be_bytes());
    bytes.extend(text.as_bytes());
    Some(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = u16::from_be_bytes(take(rest)?);
    let (head, tail) = rest.split_at_checked(length.into())?;
    *rest = tail;
    String::from_utf8(head.to_vec()).ok()
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("call", &self.call)
            .field("generation", &self.generation)
            .field("principal", &self.principal)
            .field("server", &self.server)
            .field("method", &self.method)
            .field("expires_ms", &self.expires_ms)
            .finish_non_exhaustive()
    }
}
