//! What an image is: written once, beside it.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sessile_manifest::ImageDigest;

use crate::{ImageConfig, digest};

const FILE: &str = "meta.json";
/// Changes when older records can no longer be read; such images are made anew.
const FORMAT: u32 = 1;
/// Changes when the same source would give other bytes. It is part of every key.
pub(crate) const BUILDER: u32 = 1;

/// The record of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    format: u32,
    /// The reference, as written when it was built.
    pub(crate) reference: String,
    /// Of the manifest, index or directory that it was made from.
    #[serde(with = "text")]
    pub(crate) digest: ImageDigest,
    builder: u32,
    /// Seconds since 1970.
    built_at: u64,
    /// Bytes of the file system.
    pub(crate) bytes: u64,
    /// Of the file system.
    #[serde(with = "text")]
    pub(crate) image: ImageDigest,
    pub(crate) config: ImageConfig,
    /// What was left out.
    notes: Vec<String>,
}

/// The record as it is on disk: it says itself whether it is whole.
#[derive(Serialize, Deserialize)]
struct Sealed {
    record: Record,
    #[serde(with = "text")]
    digest: ImageDigest,
}

impl Record {
    pub(crate) fn new(
        reference: &str,
        digest: ImageDigest,
        (image, bytes): (ImageDigest, u64),
        config: ImageConfig,
        notes: Vec<String>,
    ) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            format: FORMAT,
            reference: reference.to_owned(),
            digest,
            builder: BUILDER,
            built_at: since_1970.map_or(0, |since| since.as_secs()),
            bytes,
            image,
            config,
            notes,
        }
    }

    /// Reads the record of an image. `None` where it is missing, damaged, or of another format.
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        let sealed: Sealed = serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()?;
        let is_whole = sealed.record.seal().ok()? == sealed.digest && sealed.record.format == FORMAT;
        is_whole.then_some(sealed.record)
    }

    pub(crate) fn write(&self, directory: &Path) -> std::io::Result<()> {
        let sealed = Sealed { record: self.clone(), digest: self.seal()? };
        fs::write(directory.join(FILE), serde_json::to_vec_pretty(&sealed)?)
    }

    pub(crate) fn built_at(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.built_at)).unwrap_or(UNIX_EPOCH)
    }

    /// As if it had been built so many seconds earlier.
    #[cfg(test)]
    pub(super) fn aged(self, seconds: u64) -> Self {
        Self { built_at: self.built_at.saturating_sub(seconds), ..self }
    }

    fn seal(&self) -> serde_json::Result<ImageDigest> {
        serde_json::to_vec(self).map(|bytes| digest::of(&bytes))
    }
}

/// Digests as `sha256:…`.
mod text {
    use serde::{Deserialize, Deserializer, Serializer};
    use sessile_manifest::ImageDigest;

    pub(super) fn serialize<S: Serializer>(digest: &ImageDigest, into: S) -> Result<S::Ok, S::Error> {
        into.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ImageDigest, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}
