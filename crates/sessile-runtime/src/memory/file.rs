//! The file that outlives a node.

use super::record::Record;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes. Twice what is written.
const LONGEST: u64 = 4 << 20;

/// Where a node with this state directory keeps what it knows of the server `name`.
pub(super) fn path(state_dir: &Path, name: &str) -> PathBuf {
    state_dir.join("servers").join(format!("{name}.json"))
}

/// Reads what was written. `None` when nothing was, or it is damaged: it can be found out again.
pub(super) fn read(path: &Path) -> Option<Record> {
    // A pipe would be waited for.
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Record::parse(&bytes)
}

/// Writes it whole or not at all, for nobody else to read. Not synced: after a loss of power it is found out again.
pub(super) fn write(path: &Path, record: &Record) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    // Two nodes with one state directory do not write to the same file.
    let staging = path.with_extension(format!("{}.tmp", std::process::id()));
    let _ = fs::remove_file(&staging);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staging).and_then(|mut file| {
        file.write_all(&record.to_json())?;
        fs::rename(&staging, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&staging);
    }
    written
}
