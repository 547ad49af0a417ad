//! How an image's file looked when its digest was last right, so that opening it need not read it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

const FILE: &str = "checked";

/// Whether the file looks as it did. The time of the change of state moves with every write, and no program can set it;
/// what it does not see, such as a disk that forgets, `sessile images list --verify` does.
pub(super) fn fits(directory: &Path, file: &File) -> bool {
    match (fs::read_to_string(directory.join(FILE)), of(file)) {
        (Ok(then), Ok(now)) => then == now,
        _ => false,
    }
}

/// Remembers how the file looks.
pub(super) fn write(directory: &Path, file: &File) -> io::Result<()> {
    let beside = directory.join(".checked");
    fs::write(&beside, of(file)?)?;
    fs::rename(beside, directory.join(FILE))
}

/// Remembers that the image was used now.
pub(super) fn touch(directory: &Path) {
    // A store that cannot be written to does not remember.
    let _ =
        File::options().append(true).open(directory.join(FILE)).and_then(|file| file.set_modified(SystemTime::now()));
}

/// When it was last used.
pub(super) fn used_at(directory: &Path) -> Option<SystemTime> {
    fs::metadata(directory.join(FILE)).and_then(|metadata| metadata.modified()).ok()
}

fn of(file: &File) -> io::Result<String> {
    let it = file.metadata()?;
    Ok(format!(
        "{} {} {}.{:09} {}.{:09}\n",
        it.ino(),
        it.len(),
        it.mtime(),
        it.mtime_nsec(),
        it.ctime(),
        it.ctime_nsec()
    ))
}
