//! What goes, and what stays.

use std::fs::TryLockError;
use std::time::{Duration, SystemTime};

use sessile_manifest::ImageRef;

use super::{State, Store, Stored, build, lock, publish};
use crate::ImageError;

/// Why an image stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// A session, or another process, holds it.
    InUse,
    /// The manifest names it.
    Referenced,
    /// It was used not long ago.
    Recent,
}

/// What became of an image.
#[derive(Clone, Debug)]
pub struct Pruned {
    /// The image, as it was.
    pub stored: Stored,
    /// Why it stays; `None` if it went, or would have gone.
    pub kept: Option<Keep>,
}

impl Store {
    /// Removes images that were not used for `unused`, are not what one of `referenced` means now, and that nobody holds.
    /// Damaged ones that nobody holds go in any case. With `dry_run` only says what would become of them.
    ///
    /// # Errors
    /// [`ImageError::Store`]; what went before is gone.
    pub fn prune(&self, unused: Duration, referenced: &[ImageRef], dry_run: bool) -> Result<Vec<Pruned>, ImageError> {
        let all = self.list(false)?;
        let mut pruned = Vec::new();
        for stored in &all {
            let kept = match self.why_kept(stored, &all, unused, referenced) {
                None if !dry_run => self.remove_unheld(&stored.key)?,
                kept => kept,
            };
            pruned.push(Pruned { stored: stored.clone(), kept });
        }
        Ok(pruned)
    }

    fn why_kept(&self, stored: &Stored, all: &[Stored], unused: Duration, referenced: &[ImageRef]) -> Option<Keep> {
        if stored.in_use {
            return Some(Keep::InUse);
        }
        if matches!(stored.state, State::Damaged(_)) {
            return None;
        }
        if referenced.iter().any(|image| is_meant(image, stored, all)) {
            return Some(Keep::Referenced);
        }
        let age = stored.used_at.and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default();
        (age < unused).then_some(Keep::Recent)
    }

    /// Removes an image, unless somebody opened it since it was listed.
    fn remove_unheld(&self, key: &str) -> Result<Option<Keep>, ImageError> {
        let path = self.root.join(key).join(super::IMAGE);
        let Some((file, _)) = self.opened(key) else { return Ok(None) };
        match file.try_lock() {
            Ok(()) if lock::is_at(&file, &path) => publish::discard(&self.root, key).map(|()| None),
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(Keep::InUse)),
            Err(TryLockError::Error(error)) => Err(ImageError::store("lock", &path)(error)),
        }
    }
}

/// Whether a session of this reference would start from it: by its digest, or as the newest that was built for it.
fn is_meant(image: &ImageRef, stored: &Stored, all: &[Stored]) -> bool {
    if let Some(digest) = build::pinned(image) {
        return stored.key == build::key(&digest);
    }
    let reference = image.to_string();
    let newest = all.iter().filter(|other| other.reference == reference).max_by_key(|other| other.built_at);
    newest.is_some_and(|newest| newest.key == stored.key)
}
