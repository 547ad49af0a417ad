//! Sessions that were written to the disk: a file each, and a row of the ledger that says so.
//!
//! The row comes first and goes last, so that a file without a row is nobody's. The name of the file says how far it is:
//!
//! | name | what it is |
//! | --- | --- |
//! | `SESSION-GENERATION.new` | being written |
//! | `….asleep` | whole: written, synced, renamed, the directory synced |
//! | `….waking` | taken by the one who wakes it, for good: found after a crash, it is not used again |
//! | `….beside` | a directory: what its driver needs of the host to wake it; comes and goes with the file |
//!
//! [`format`] says what is in a file: it can be read with the node's key only, and for the session and generation it was written for.
//! What has been changed in any way is an error of [`Claimed`], before a byte of the changed part is given out.

mod draft;
mod error;
mod format;
mod key;
mod reader;
mod rows;
mod shelf;
mod writer;

#[cfg(test)]
mod tests;

pub use draft::{Draft, Settled};
pub use error::HibernationError;
pub use format::{CHUNK, Label};
pub(crate) use rows::SCHEMA;
pub use rows::{HibernatedRow, Stage};
pub use shelf::{Claimed, Hibernation};

/// Opens what claims to be a hibernated session, under a key that is all zeros, and reads it to its end: for fuzzing.
#[doc(hidden)]
pub fn read_any(bytes: &[u8], label: &Label) -> Result<u64, HibernationError> {
    let cipher = key::Key::of_zeros().cipher();
    let mut reader = reader::Reader::open(std::io::Cursor::new(bytes), cipher, label, std::path::Path::new("(fuzz)"))?;
    let mut total = 0;
    while let Some(chunk) = reader.next_chunk()? {
        total += chunk.len() as u64;
    }
    Ok(total)
}
