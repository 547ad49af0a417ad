//! Registries: the pulling half of the OCI distribution specification.
//!
//! What a registry says is believed no further than its digests hold: lengths are bounded by what was announced, bodies
//! that go on are cut off, and redirects are followed a few times, over TLS, without the credentials. Plain HTTP is spoken
//! on this machine only.

mod access;
mod auth;
mod error;
mod exchange;

use std::fs::File;
use std::io::Write;
use std::path::Path;

use reqwest::Response;
use reqwest::header::CONTENT_LENGTH;
use sessile_manifest::{ImageDigest, RegistryRef};
use sha2::{Digest, Sha256};

pub use access::Access;
pub use error::RegistryError;
use exchange::{Exchange, Stumble};

use crate::layer::Limits;
use crate::oci::documents::Descriptor;
use crate::progress::Watch;
use crate::{ImageError, digest};

/// What a digest leads to, as registries keep the two apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A manifest or an index.
    Manifest,
    /// Anything else.
    Blob,
}

impl Part {
    fn path(self, of: &str) -> String {
        match self {
            Self::Manifest => format!("manifests/{of}"),
            Self::Blob => format!("blobs/{of}"),
        }
    }
}

/// One repository of a registry.
#[derive(Debug)]
pub(crate) struct Repository {
    exchange: Exchange,
}

impl Repository {
    pub(crate) fn new(image: &RegistryRef, access: &Access, watch: &Watch) -> Result<Self, ImageError> {
        let exchange = Exchange::new(&image.host, &image.name, access);
        exchange.map(|exchange| Self { exchange }).map_err(of(watch))
    }

    /// The digest of what a tag names now: of the bytes that came, whatever the registry says it is.
    pub(crate) async fn digest_of(&self, tag: &str, limits: &Limits, watch: &Watch) -> Result<ImageDigest, ImageError> {
        watch.step("asking the registry for its digest");
        let path = Part::Manifest.path(tag);
        let bytes = self.exchange.with_patience(watch, async || self.whole(&path, limits).await).await;
        bytes.map(|bytes| digest::of(&bytes))
    }

    /// A small document, checked.
    pub(crate) async fn document(
        &self,
        part: Part,
        digest: &ImageDigest,
        limits: &Limits,
        watch: &Watch,
    ) -> Result<Vec<u8>, ImageError> {
        let path = part.path(&digest.to_string());
        let bytes = self.exchange.with_patience(watch, async || self.whole(&path, limits).await).await?;
        let found = digest::of(&bytes);
        if found != *digest {
            let what = format!("what the registry has for {digest}");
            return Err(ImageError::Digest { image: watch.image.to_string(), what, expected: *digest, found });
        }
        Ok(bytes)
    }

    /// A layer, stored at `path`, checked on its way.
    pub(crate) async fn blob(&self, blob: &Descriptor, path: &Path, watch: &Watch) -> Result<File, ImageError> {
        let from = Part::Blob.path(&blob.digest.to_string());
        self.exchange.with_patience(watch, async || self.download(&from, blob, path, watch).await).await
    }

    async fn whole(&self, path: &str, limits: &Limits) -> Result<Vec<u8>, Stumble> {
        let mut response = self.exchange.get(path).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = self.exchange.chunk(&mut response).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limits.document {
                return Err(Stumble::Final(RegistryError::TooLong { limit: limits.document }));
            }
        }
        Ok(bytes)
    }

    async fn download(&self, from: &str, blob: &Descriptor, path: &Path, watch: &Watch) -> Result<File, Stumble> {
        let image = || watch.image.to_string();
        let what = || format!("layer {}", blob.digest);
        let length = |found: String| {
            Stumble::Image(ImageError::Length { image: image(), what: what(), expected: blob.size, found })
        };
        let mut response = self.exchange.get(from).await?;
        if let Some(announced) = announced(&response).filter(|announced| *announced != blob.size) {
            return Err(length(announced.to_string()));
        }
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let mut file = file.map_err(|error| Stumble::Image(ImageError::store("create", path)(error)))?;
        let meter = watch.meter("fetching", Some(blob.size));
        let (mut hasher, mut done) = (Sha256::new(), 0_u64);
        while let Some(chunk) = self.exchange.chunk(&mut response).await? {
            done = done.saturating_add(chunk.len() as u64);
            if done > blob.size {
                return Err(length("more".to_owned()));
            }
            hasher.update(&chunk);
            // A chunk is a few kilobytes, and goes to the page cache.
            file.write_all(&chunk).map_err(|error| Stumble::Image(ImageError::store("write", path)(error)))?;
            meter.add(chunk.len());
        }
        if done < blob.size {
            return Err(Stumble::Again(RegistryError::CutShort { got: done, expected: blob.size }, None));
        }
        let found = ImageDigest::new(hasher.finalize().into());
        if found != blob.digest {
            let error = ImageError::Digest { image: image(), what: what(), expected: blob.digest, found };
            return Err(Stumble::Image(error));
        }
        Ok(file)
    }
}

fn announced(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// For `map_err`.
fn of(watch: &Watch) -> impl FnOnce(RegistryError) -> ImageError {
    let image = watch.image.to_string();
    move |source| ImageError::Registry { image, source }
}
