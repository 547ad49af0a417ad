//! The text form of a sealed state. Reading it checks lengths and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key::{ID_BYTES, KeyId};

/// Longest text that is opened, or made, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;
/// Bytes of a nonce of XChaCha20.
pub(super) const NONCE_BYTES: usize = 24;
/// Bytes of a tag of Poly1305.
const TAG_BYTES: usize = 16;
/// Bytes of what binds a state to its form and key.
const AAD_BYTES: usize = 1 + ID_BYTES;
/// Most bytes that fit into a text when sealed.
pub(super) const MAX_PLAIN: usize = MAX_TEXT / 4 * 3 - AAD_BYTES - NONCE_BYTES - TAG_BYTES;
/// The form that this module writes. Another form, or another cipher, is another number.
const VERSION: u8 = 1;

/// The parts of a sealed state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sealed {
    /// The key that it says it was sealed with.
    pub(super) key: KeyId,
    pub(super) nonce: [u8; NONCE_BYTES],
    /// The ciphertext, with the tag at its end.
    pub(super) body: Vec<u8>,
}

impl Sealed {
    /// The parts of `text`, if it has the form of a sealed state.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (nonce, body) = rest.split_first_chunk()?;
        (*version == VERSION && body.len() >= TAG_BYTES).then(|| Self {
            key: KeyId(*key),
            nonce: *nonce,
            body: body.to_vec(),
        })
    }

    pub(super) fn write(&self) -> String {
        let bytes = [&Self::aad(self.key)[..], &self.nonce, &self.body].concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Parts that no key has sealed, with as much body as a text of `length` bytes can have.
    pub(super) fn dummy(length: usize) -> Self {
        let body = (length / 4 * 3).saturating_sub(AAD_BYTES + NONCE_BYTES).max(TAG_BYTES);
        Self { key: KeyId([0; ID_BYTES]), nonce: [0; NONCE_BYTES], body: vec![0; body] }
    }

    /// What the seal covers beside the content, so that neither can be exchanged.
    pub(super) fn aad(key: KeyId) -> [u8; AAD_BYTES] {
        let mut aad = [VERSION; AAD_BYTES];
        if let Some(id) = aad.last_chunk_mut() {
            *id = key.0;
        }
        aad
    }
}
