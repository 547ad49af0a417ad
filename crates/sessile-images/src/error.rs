//! What can go wrong between a reference and an image.

use std::io;
use std::path::{Path, PathBuf};

use sessile_manifest::ImageDigest;

use crate::layer::LayerError;
use crate::registry::RegistryError;
use sessile_erofs::WriteError;

/// Why there is no image. What was in the store before is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A reference by tag, which may mean something else tomorrow.
    #[error(
        "{image} has no digest, and a tag may move; run `sessile images build {image}`, and write the reference with the digest that it prints"
    )]
    Unpinned {
        /// The reference.
        image: String,
    },
    /// A path of the host that is not there, or cannot be read.
    #[error("{image} cannot be read: {}: {source}", .path.display())]
    Source {
        /// The reference.
        image: String,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A layout, index, manifest or configuration that is not understood.
    #[error("{image} is no image that Sessile can read: {reason}")]
    Unfit {
        /// The reference.
        image: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Bytes that are not what their digest says.
    #[error("{image} is damaged or was tampered with: {what} has the digest {found}, and should have {expected}")]
    Digest {
        /// The reference.
        image: String,
        /// Which part.
        what: String,
        /// As it was announced.
        expected: ImageDigest,
        /// As it is.
        found: ImageDigest,
    },
    /// More or fewer bytes than were announced.
    #[error("{image} is damaged or was tampered with: {what} has {found} bytes, and should have {expected}")]
    Length {
        /// The reference.
        image: String,
        /// Which part.
        what: String,
        /// As it was announced.
        expected: u64,
        /// As it is, as far as it was read.
        found: String,
    },
    /// A layer that cannot be merged.
    #[error("{image} cannot be unpacked: layer {layer}: {source}")]
    Layer {
        /// The reference.
        image: String,
        /// Its digest.
        layer: ImageDigest,
        /// Why not.
        source: LayerError,
    },
    /// A directory that did not hold still.
    #[error("{image} changed while it was read ({path:?}); build it again when nothing writes to it")]
    Changed {
        /// The reference.
        image: String,
        /// What changed.
        path: PathBuf,
    },
    /// The registry.
    #[error("{image} cannot be pulled: {source}")]
    Registry {
        /// The reference.
        image: String,
        /// Why not.
        source: RegistryError,
    },
    /// No room.
    #[error("the disk that holds {} is full; free some space, or remove images with `sessile images prune`", .path.display())]
    Full {
        /// Where.
        path: PathBuf,
    },
    /// The store's own files.
    #[error("the image store cannot {action} {}: {source}", .path.display())]
    Store {
        /// What was to be done.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A stored image is not what was stored.
    #[error("the stored image {} is damaged ({reason}); `sessile images build` makes it anew", .path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// It was to stop.
    #[error("building {image} was interrupted; nothing of it is left")]
    Cancelled {
        /// The reference.
        image: String,
    },
}

impl ImageError {
    /// For `map_err` on the store's files.
    pub(crate) fn store(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path: path.to_path_buf() },
            _ => Self::Store { action, path: path.to_path_buf(), source },
        }
    }

    /// For `map_err` on what an image is made from.
    pub(crate) fn source(image: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let (image, path) = (image.to_owned(), path.to_path_buf());
        move |source| Self::Source { image, path, source }
    }

    pub(crate) fn unfit(image: &str, reason: impl Into<String>) -> Self {
        Self::Unfit { image: image.to_owned(), reason: reason.into() }
    }

    /// An error of a layer, or of the disk that it goes to.
    pub(crate) fn layer(image: &str, layer: ImageDigest, spool: &Path, source: LayerError) -> Self {
        match source {
            LayerError::Spool(source) => Self::store("write", spool)(source),
            source => Self::Layer { image: image.to_owned(), layer, source },
        }
    }

    /// An error of the writer, whose contents come from `path`.
    pub(crate) fn write(image: &str, path: &Path, target: &Path, source: WriteError) -> Self {
        match source {
            WriteError::Content(source) => match source.downcast::<Self>() {
                Ok(own) => own,
                Err(source) => Self::source(image, path)(source),
            },
            WriteError::Image(source) => Self::store("write", target)(source),
            other => Self::unfit(image, other.to_string()),
        }
    }

    /// Whether the same may succeed later without anything being changed here.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Registry { source, .. } => source.is_transient(),
            Self::Changed { .. } => true,
            _ => false,
        }
    }
}
