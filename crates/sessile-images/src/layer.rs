//! Layers: archives that are merged into a [`Tree`], each over those before it.
//!
//! A layer is hostile input. What it may cost is bounded ([`Limits`]), what it may name is checked by the tree, and what a
//! sandbox must not get is left out: devices, pipes and sockets (with a note), set-user-id and set-group-id bits, extended
//! attributes and with them capabilities.

mod decompress;
mod pax;
mod unpack;

pub use decompress::{Compression, Decompressed};
pub use unpack::Unpacker;

use sessile_erofs::TreeError;

/// What an image may cost. The defaults hold what is of use in a sandbox, several times over.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Layers.
    pub layers: usize,
    /// Bytes of one blob as it is stored or sent.
    pub blob: u64,
    /// Bytes of all layers, unpacked.
    pub unpacked: u64,
    /// Entries of all layers.
    pub entries: usize,
    /// Bytes of a manifest, an index or a configuration.
    pub document: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { layers: 128, blob: 8 << 30, unpacked: 24 << 30, entries: 1_000_000, document: 4 << 20 }
    }
}

/// Why a layer cannot be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// It cannot be read, or is no archive.
    #[error("it cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// The spool cannot be written.
    #[error("its files cannot be stored: {0}")]
    Spool(#[source] std::io::Error),
    /// An entry that is not to be had.
    #[error("{0}")]
    Entry(#[from] TreeError),
    /// An archive that means something else to each who reads it.
    #[error("it is malformed: {0}")]
    Malformed(&'static str),
    /// Something that Sessile cannot take over.
    #[error("{0}")]
    Unsupported(&'static str),
    /// More than is allowed.
    #[error("it is larger than allowed: more than {limit} {of}")]
    TooLarge {
        /// The bound.
        limit: u64,
        /// Of what.
        of: &'static str,
    },
}
