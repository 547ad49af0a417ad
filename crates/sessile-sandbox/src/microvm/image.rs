//! The image that a machine's root is: an erofs file, made once of a directory, shared by all machines and written by none.

use super::error::PartError;
use super::parts::{beside, hex, program, settle};
use sha2::{Digest, Sha256};
use std::fs::{self, DirEntry, File, FileTimes};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What makes images, and the Debian package that has it.
const MAKER: (&str, &str) = ("mkfs.erofs", "erofs-utils");

/// Images that are kept, whoever made them; the longest unused go first.
const KEPT: usize = 32;

/// The most files that a directory for an image may hold.
const MAX_FILES: usize = 1_000_000;

/// One image is made at a time: the next start of the same server finds it.
pub(super) static MAKING: Mutex<()> = Mutex::new(());

/// Whose the files of an image are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owners {
    /// As in the directory.
    Kept,
    /// Root's, all of them.
    Root,
}

/// The image of `directory`, in `images`: the one that is there if nothing in the directory has changed, else a new one.
pub(super) fn of_directory(directory: &Path, owners: Owners, images: &Path) -> Result<PathBuf, PartError> {
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut state = Sha256::new();
    state.update(format!("{owners:?}\0{}\0", directory.display()));
    let mut count = 0;
    fingerprint(directory, &mut state, &mut count)?;
    keep(&hex(&state.finalize()), images, |into| make(directory, owners, into))
}

/// The image named `key`, made by `make` if it is not there.
pub(super) fn keep(
    key: &str,
    images: &Path,
    make: impl FnOnce(&Path) -> Result<(), PartError>,
) -> Result<PathBuf, PartError> {
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

/// Makes the image of `directory`.
pub(super) fn make(directory: &Path, owners: Owners, into: &Path) -> Result<(), PartError> {
    let maker = program(MAKER.0, MAKER.1)?;
    let mut command = Command::new(&maker);
    // The same files are the same image: no time of its own, no random name.
    command.args(["--quiet", "-T0", "-U00000000-0000-4000-8000-000000000000"]);
    if owners == Owners::Root {
        command.arg("--all-root");
    }
    command.arg(into).arg(directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.output().map_err(PartError::io("run", &maker))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().unwrap_or("it said nothing").to_owned();
    Err(PartError::Failed { program: MAKER.0.to_owned(), said })
}

/// Mixes in everything that tells whether `directory` has changed.
fn fingerprint(directory: &Path, state: &mut Sha256, count: &mut usize) -> Result<(), PartError> {
    let mut entries: Vec<DirEntry> = fs::read_dir(directory)
        .map_err(PartError::read(directory))?
        .collect::<Result<_, _>>()
        .map_err(PartError::read(directory))?;
    entries.sort_by_key(DirEntry::file_name);
    for entry in entries {
        *count += 1;
        if *count > MAX_FILES {
            let what = format!("`{}` holds more than {MAX_FILES} files", directory.display());
            return Err(PartError::NeedsImage { what });
        }
        let path = entry.path();
        let known = fs::symlink_metadata(&path).map_err(PartError::read(&path))?;
        state.update(path.as_os_str().as_bytes());
        state.update(format!(
            "\0{:o} {} {} {} {} {}.{} {}.{}\0",
            known.mode(),
            known.uid(),
            known.gid(),
            known.size(),
            known.ino(),
            known.mtime(),
            known.mtime_nsec(),
            known.ctime(),
            known.ctime_nsec()
        ));
        if known.is_dir() {
            fingerprint(&path, state, count)?;
        }
    }
    Ok(())
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
    fn an_image_is_made_once_and_anew_when_its_directory_changes() {
        let (images, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(directory.path().join("one"), "1").unwrap();
        let first = of_directory(directory.path(), Owners::Root, images.path()).unwrap();
        let inode = fs::metadata(&first).unwrap().ino();
        let again = of_directory(directory.path(), Owners::Root, images.path()).unwrap();
        assert_eq!((fs::metadata(&again).unwrap().ino(), &again), (inode, &first));
        fs::write(directory.path().join("two"), "2").unwrap();
        let second = of_directory(directory.path(), Owners::Root, images.path()).unwrap();
        assert_ne!(first, second);
        let names: Vec<_> = fs::read_dir(images.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names.len(), 2, "nothing half-made is left: {names:?}");
    }

    #[test]
    fn an_image_that_cannot_be_made_leaves_nothing() {
        let images = tempfile::tempdir().unwrap();
        let broken = |_: &Path| Err(PartError::Failed { program: "x".into(), said: "no".into() });
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
