//! Where packed [views](super::packing) are kept: erofs files, made once, shared by all machines and written by none.

use super::error::PartError;
use super::parts::{beside, settle};
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Images that are kept, whoever made them; the longest unused go first.
const KEPT: usize = 32;

/// One image is made at a time: the next start of the same server finds it, and nobody makes it again in its place.
static MAKING: Mutex<()> = Mutex::new(());

/// The image named `key`, made by `make` if it is not there.
pub(super) fn keep(
    key: &str,
    images: &Path,
    make: impl FnOnce(&Path) -> Result<(), PartError>,
) -> Result<PathBuf, PartError> {
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = images.join(format!("{key}.erofs"));
    if let Ok(file) = File::open(&path) {
        // Not its time of modification: that says which image it is.
        let _ = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
        return path.canonicalize().map_err(PartError::read(&path));
    }
    let half_made = beside(&path);
    let made = make(&half_made).and_then(|()| settle(&half_made, &path).map_err(PartError::io("keep", &path)));
    if made.is_err() {
        let _ = fs::remove_file(&half_made);
    }
    made?;
    prune(images);
    path.canonicalize().map_err(PartError::read(&path))
}

/// Removes the images that were not used for longest, beyond what is kept. A machine that runs keeps its own open.
fn prune(images: &Path) {
    let entries = fs::read_dir(images).into_iter().flatten().flatten();
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "erofs"))
        .filter_map(|entry| Some((entry.metadata().ok()?.accessed().ok()?, entry.path())))
        .collect();
    found.sort();
    let surplus = found.len().saturating_sub(KEPT);
    for (_, path) in found.into_iter().take(surplus) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_cannot_be_made_leaves_nothing() {
        let images = tempfile::tempdir().unwrap();
        let broken = |into: &Path| Err(PartError::io("write", into)(std::io::ErrorKind::StorageFull.into()));
        let half = |into: &Path| {
            fs::write(into, "half").unwrap();
            broken(into)
        };
        assert!(keep("key", images.path(), half).is_err());
        assert_eq!(fs::read_dir(images.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_cache_of_images_is_bounded() {
        let images = tempfile::tempdir().unwrap();
        for number in 0..KEPT + 5 {
            let write = |into: &Path| fs::write(into, "image").map_err(PartError::io("write", into));
            keep(&format!("{number:03}"), images.path(), write).unwrap();
        }
        assert_eq!(fs::read_dir(images.path()).unwrap().count(), KEPT);
        assert!(images.path().join(format!("{:03}.erofs", KEPT + 4)).exists());
    }
}
