//! An image layout on disk: `oci-layout`, `index.json`, `blobs/sha256/…`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use sessile_manifest::{ImageDigest, LayoutImage};

use super::documents::{Descriptor, Document, REF_NAME, architecture};
use crate::layer::Limits;
use crate::progress::Watch;
use crate::{ImageError, digest};

/// A layout.
#[derive(Debug)]
pub(crate) struct Layout {
    path: PathBuf,
}

impl Layout {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// The digest of the image that is meant.
    pub(crate) fn resolve(
        &self,
        image: &LayoutImage,
        limits: &Limits,
        watch: &Watch,
    ) -> Result<ImageDigest, ImageError> {
        let unfit = |reason: String| ImageError::unfit(&watch.image, reason);
        let wanted = match image {
            LayoutImage::Digest(digest) => return Ok(*digest),
            LayoutImage::Only => None,
            LayoutImage::Tag(tag) => Some(tag),
        };
        let path = self.path.join("index.json");
        let bytes = self.read(&path, limits, watch)?;
        let Document::Index(index) = Document::parse(&bytes).map_err(unfit)? else {
            return Err(unfit("its index.json is no index".to_owned()));
        };
        let name = |descriptor: &Descriptor| Some(descriptor.annotations.as_ref()?.get(REF_NAME)?.clone());
        let chosen = match wanted {
            Some(tag) => index.manifests.iter().find(|descriptor| name(descriptor).as_ref() == Some(tag)),
            None if index.manifests.len() > 1 => index.choose(architecture()).ok(),
            None => index.manifests.first(),
        };
        chosen.map(|descriptor| descriptor.digest).ok_or_else(|| {
            let names: Vec<_> = index.manifests.iter().filter_map(name).take(20).collect();
            match (names.as_slice(), wanted) {
                ([], None) if index.manifests.is_empty() => unfit("its index.json lists no image".to_owned()),
                ([], _) => {
                    unfit("its index.json names no images; write the digest, as in \"oci:/PATH@sha256:…\"".to_owned())
                }
                (_, _) => {
                    unfit(format!("choose one of its images, as in \"oci:/PATH:TAG\": it has {}", names.join(", ")))
                }
            }
        })
    }

    /// A small blob, checked.
    pub(super) fn document(&self, digest: &ImageDigest, limits: &Limits, watch: &Watch) -> Result<Vec<u8>, ImageError> {
        let bytes = self.read(&self.blob(digest), limits, watch)?;
        let found = digest::of(&bytes);
        if found != *digest {
            let what = format!("blob {digest}");
            return Err(ImageError::Digest { image: watch.image.to_string(), what, expected: *digest, found });
        }
        Ok(bytes)
    }

    /// A blob, not checked yet.
    pub(super) fn open(&self, digest: &ImageDigest, watch: &Watch) -> Result<File, ImageError> {
        let path = self.blob(digest);
        // Without waiting for a pipe's other end; what is no file is refused.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::open(&path, flags, Mode::empty()).map(File::from).map_err(io::Error::from);
        let is_file = |file: File| match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("is not a file")),
        };
        file.and_then(is_file).map_err(ImageError::source(&watch.image, &path))
    }

    fn blob(&self, digest: &ImageDigest) -> PathBuf {
        self.path.join("blobs/sha256").join(digest.hex())
    }

    fn read(&self, path: &Path, limits: &Limits, watch: &Watch) -> Result<Vec<u8>, ImageError> {
        let fail = || ImageError::source(&watch.image, path);
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(fail())?;
        file.take(limits.document + 1).read_to_end(&mut bytes).map_err(fail())?;
        if bytes.len() as u64 > limits.document {
            let reason = format!("{} has more than {} bytes", path.display(), limits.document);
            return Err(ImageError::unfit(&watch.image, reason));
        }
        Ok(bytes)
    }
}
