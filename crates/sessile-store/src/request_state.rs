//! Sealed request states: what a modern client carries from `input_required` to its retry.
//!
//! A request state is attacker-controlled input (MCP 2026-07-28, multi round-trip requests, server requirements). What
//! a node says in one, a [`Ticket`], is therefore sealed: nobody without the key can make one, change one or read one.
//! Whether a ticket fits the request that brought it (principal, server, method, digest, expiry) and whether it was used
//! before (generation) is for the caller to check.
//!
//! ```text
//! text = base64url, no padding, of:
//!   version 1 byte | key id 8 | nonce 24 | XChaCha20-Poly1305 of the ticket, tag 16 at its end
//!   associated data: version and key id
//! ```
//!
//! # Keys
//! Two keys are valid at a time. The newer seals for [a day](Sealer::rotate_if_due) and opens for at least one more.
//! They lie in `request-state.keys` in the state directory, so that a restarted node, and other nodes with the same
//! directory, know each other's states. To void all states, stop the nodes and delete the file.
//!
//! # Constant work
//! [`Sealer::open`] has one answer for every refusal, [`Refused`]. A text that cannot be a request state costs one
//! AEAD verification over a dummy of its size, as a forged one does, so that neither the answer nor, to the extent that
//! decoding and memory allow, its time says how far it came. Tags are compared in constant time. Three differences stay
//! and are harmless: the length of a text is the sender's own; a text over [`MAX_TEXT`] is refused before anything
//! else; and a key id that the node does not know, which is no secret, costs one more look into the key file. An
//! authentic text costs a decryption more than a forged one, and its answer says that anyway.

mod key;
mod key_file;
mod key_ring;
mod sealed;
mod sealer;
mod ticket;

#[cfg(test)]
mod tests;

pub use key_file::KeyError;
pub use sealed::MAX_TEXT;
pub use sealer::{Refused, SealError, Sealer};
pub use ticket::Ticket;
