//! OCI images: from a reference's digest to the layers to be merged, wherever the blobs are.
//!
//! Every document is checked against the digest that led to it before it is read, and every layer before it is unpacked;
//! after that, what was unpacked is checked against the configuration's `diff_ids`.

pub(crate) mod documents;
pub(crate) mod layout;
mod merge;

use std::fs::File;
use std::path::Path;

use sessile_manifest::ImageDigest;

use crate::layer::Limits;
use crate::progress::Watch;
use crate::registry::{Part, Repository};
use crate::{ImageConfig, ImageError};
use documents::{Descriptor, Document, Manifest};
use layout::Layout;
pub(crate) use merge::merge;

/// Indexes within indexes that are followed.
const MOST_INDEXES: usize = 3;

/// Where blobs come from.
#[derive(Debug)]
pub(crate) enum Blobs {
    Layout(Layout),
    Registry(Box<Repository>),
}

/// All there is to know of an image, with its layers at hand.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) config: ImageConfig,
    pub(crate) layers: Vec<Layer>,
}

/// A layer whose bytes are there. Those of a layout are yet to be checked.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) descriptor: Descriptor,
    /// The digest of its archive, before compression.
    pub(crate) diff_id: ImageDigest,
    pub(crate) file: File,
}

/// Collects what the image with this digest consists of. Layers of a registry are stored in `work`.
pub(crate) async fn collect(
    blobs: &Blobs,
    digest: &ImageDigest,
    work: &Path,
    limits: &Limits,
    watch: &Watch,
) -> Result<Bundle, ImageError> {
    let unfit = |reason: String| ImageError::unfit(&watch.image, reason);
    let manifest = manifest(blobs, digest, limits, watch).await?;
    if manifest.layers.len() > limits.layers {
        return Err(unfit(format!("it has {} layers, and {} are allowed", manifest.layers.len(), limits.layers)));
    }
    let config = document(blobs, Part::Blob, &manifest.config.digest, limits, watch).await?;
    let config = documents::Config::parse(&config).map_err(unfit)?;
    let diff_ids = config.diff_ids(manifest.layers.len()).map_err(unfit)?;
    for layer in &manifest.layers {
        layer.compression().map_err(unfit)?;
        if layer.size > limits.blob {
            return Err(unfit(format!(
                "layer {} has {} bytes, and {} are allowed",
                layer.digest, layer.size, limits.blob
            )));
        }
    }
    let mut layers = Vec::new();
    for (at, (descriptor, diff_id)) in manifest.layers.iter().zip(diff_ids).enumerate() {
        let file = match blobs {
            Blobs::Layout(layout) => layout.open(&descriptor.digest, watch)?,
            Blobs::Registry(repository) => {
                let name = format!("layer {} of {}", at + 1, manifest.layers.len());
                watch.step(&format!("fetching {name}"));
                repository.blob(descriptor, &work.join(at.to_string()), watch).await?
            }
        };
        layers.push(Layer { descriptor: descriptor.clone(), diff_id, file });
    }
    Ok(Bundle { config: config.image_config(), layers })
}

/// The manifest for this host's kind of processor, through indexes where there are some.
async fn manifest(blobs: &Blobs, digest: &ImageDigest, limits: &Limits, watch: &Watch) -> Result<Manifest, ImageError> {
    let unfit = |reason: String| ImageError::unfit(&watch.image, reason);
    let mut digest = *digest;
    for _ in 0..=MOST_INDEXES {
        let bytes = document(blobs, Part::Manifest, &digest, limits, watch).await?;
        match Document::parse(&bytes).map_err(unfit)? {
            Document::Manifest(manifest) => return Ok(manifest),
            Document::Index(index) => digest = index.choose(documents::architecture()).map_err(unfit)?.digest,
        }
    }
    Err(unfit(format!("more than {MOST_INDEXES} indexes lead to its manifest")))
}

/// The bytes of a document, checked.
async fn document(
    blobs: &Blobs,
    part: Part,
    digest: &ImageDigest,
    limits: &Limits,
    watch: &Watch,
) -> Result<Vec<u8>, ImageError> {
    match blobs {
        Blobs::Layout(layout) => layout.document(digest, limits, watch),
        Blobs::Registry(repository) => repository.document(part, digest, limits, watch).await,
    }
}
