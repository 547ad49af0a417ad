//! `image = "dir:…"`, `"oci:…"`, or a reference into a registry.

mod digest;
mod registry;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use digest::ImageDigest;
pub use registry::RegistryRef;

/// Where the file system of a microVM comes from. Displays as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageRef {
    /// `dir:/PATH`: a directory of this host, taken as it is.
    Directory(PathBuf),
    /// `oci:/PATH[:TAG|@sha256:…]`: an OCI image layout on disk.
    Layout {
        /// The directory that holds `oci-layout` and `index.json`.
        path: PathBuf,
        /// Which of its images.
        image: LayoutImage,
    },
    /// `HOST/NAME[:TAG]@sha256:…`: an image of a registry.
    Registry(RegistryRef),
}

/// Which image of a layout is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LayoutImage {
    /// Its only one.
    Only,
    /// The one with this name (`org.opencontainers.image.ref.name`).
    Tag(String),
    /// The one with this digest.
    Digest(ImageDigest),
}

/// Text that names no image, with what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnImage(pub(crate) &'static str);

impl fmt::Display for NotAnImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotAnImage {}

const RELATIVE: NotAnImage = NotAnImage("the path of an image begins with `/`; write \"dir:/PATH\" or \"oci:/PATH\"");
const NO_PATH: NotAnImage = NotAnImage("names no path; write \"dir:/PATH\" or \"oci:/PATH\"");
const BAD_TAG: NotAnImage =
    NotAnImage("not an image of a layout; write \"oci:/PATH\", \"oci:/PATH:TAG\" or \"oci:/PATH@sha256:…\"");

impl ImageRef {
    /// Reads a reference whose paths are absolute.
    ///
    /// # Errors
    /// With what to write instead.
    pub fn parse(text: &str) -> Result<Self, NotAnImage> {
        let image = Self::parse_relative(text)?;
        match &image {
            Self::Directory(path) | Self::Layout { path, .. } if !path.is_absolute() => Err(RELATIVE),
            _ => Ok(image),
        }
    }

    /// Reads a reference whose path may be relative; [`resolved`](Self::resolved) then makes it absolute.
    ///
    /// # Errors
    /// With what to write instead.
    pub fn parse_relative(text: &str) -> Result<Self, NotAnImage> {
        let path = |text: &str| match text {
            "" => Err(NO_PATH),
            text if text.contains('\0') => Err(NO_PATH),
            text => Ok(PathBuf::from(text)),
        };
        if let Some(rest) = text.strip_prefix("dir:") {
            return Ok(Self::Directory(path(rest)?));
        }
        if let Some(rest) = text.strip_prefix("oci:") {
            let (rest, image) = layout_image(rest)?;
            return Ok(Self::Layout { path: path(rest)?, image });
        }
        RegistryRef::parse(text).map(Self::Registry)
    }

    /// The same with its path, if it has one, as `resolve` gives it.
    ///
    /// # Errors
    /// Those of `resolve`.
    pub fn resolved<E>(self, resolve: impl FnOnce(&Path) -> Result<PathBuf, E>) -> Result<Self, E> {
        Ok(match self {
            Self::Directory(path) => Self::Directory(resolve(&path)?),
            Self::Layout { path, image } => Self::Layout { path: resolve(&path)?, image },
            Self::Registry(image) => Self::Registry(image),
        })
    }

    /// Whether it means the same image for ever: a digest, not a name that moves.
    pub fn is_pinned(&self) -> bool {
        match self {
            Self::Directory(_) => false,
            Self::Layout { image, .. } => matches!(image, LayoutImage::Digest(_)),
            Self::Registry(image) => image.digest.is_some(),
        }
    }
}

/// Cuts the tag or digest off the end of a layout's path. A `:` within the path stays there.
fn layout_image(text: &str) -> Result<(&str, LayoutImage), NotAnImage> {
    if let Some((path, digest)) = text.rsplit_once('@').filter(|(_, digest)| digest.starts_with("sha256:")) {
        return Ok((path, LayoutImage::Digest(digest.parse()?)));
    }
    match text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((path, tag)) if registry::is_tag(tag) => Ok((path, LayoutImage::Tag(tag.to_owned()))),
        Some(_) => Err(BAD_TAG),
        None => Ok((text, LayoutImage::Only)),
    }
}

impl FromStr for ImageRef {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        Self::parse(text)
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "dir:{}", path.display()),
            Self::Layout { path, image } => match image {
                LayoutImage::Only => write!(f, "oci:{}", path.display()),
                LayoutImage::Tag(tag) => write!(f, "oci:{}:{tag}", path.display()),
                LayoutImage::Digest(digest) => write!(f, "oci:{}@{digest}", path.display()),
            },
            Self::Registry(image) => image.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
