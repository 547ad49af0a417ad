//! From a staging directory to an installation, all at once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::InstallError;
use crate::lock::Lock;

/// An empty directory to build in; what a crash left there goes.
pub(super) fn fresh_staging(root: &Path, key: &str) -> Result<PathBuf, InstallError> {
    let staging = root.join(".staging").join(key);
    remove(&staging)?;
    let scratch = staging.join(".scratch");
    fs::create_dir_all(&scratch).map_err(InstallError::store("create", &scratch))?;
    Ok(staging)
}

pub(super) fn discard_scratch(scratch: &Path) -> Result<(), InstallError> {
    remove(scratch)
}

/// Writes the record, has everything reach the disk, and gives the directory its name. After a crash at any point there
/// is either the whole installation under that name, or none.
pub(super) async fn publish(
    root: &Path,
    staging: PathBuf,
    directory: PathBuf,
    lock: &Lock,
) -> Result<(), InstallError> {
    lock.write(&staging).map_err(InstallError::store("write the record in", &staging))?;
    let root = root.to_path_buf();
    // Syncing thousands of files takes long enough to be kept from the runtime's threads.
    let work = tokio::task::spawn_blocking(move || {
        sync_all(&staging).map_err(InstallError::store("sync", &staging))?;
        discard(&root, &directory)?;
        fs::rename(&staging, &directory).map_err(InstallError::store("publish", &directory))?;
        File::open(&root).and_then(|root| root.sync_all()).map_err(InstallError::store("sync", &root))
    });
    work.await.map_err(|error| InstallError::Unexpected { package: lock.label.clone(), reason: error.to_string() })?
}

/// Takes an installation out of sight, then deletes it.
pub(super) fn discard(root: &Path, directory: &Path) -> Result<(), InstallError> {
    let Some(name) = directory.file_name().filter(|_| directory.exists()) else { return Ok(()) };
    let mut old = name.to_owned();
    old.push(".old");
    let old = root.join(".staging").join(old);
    remove(&old)?;
    fs::rename(directory, &old).map_err(InstallError::store("remove", directory))?;
    remove(&old)
}

fn remove(path: &Path) -> Result<(), InstallError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(InstallError::store("remove", path)(error)),
        _ => Ok(()),
    }
}

/// One call for the whole file system is far quicker than one for each of ten thousand files.
fn sync_all(staging: &Path) -> io::Result<()> {
    rustix::fs::syncfs(File::open(staging)?)?;
    Ok(())
}
