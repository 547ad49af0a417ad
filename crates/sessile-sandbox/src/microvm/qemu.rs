//! QEMU as machines run it: a copy of its program, its modules and its firmware, which no upgrade of the host changes. A machine that was
//! written down is woken by the very QEMU that wrote it.

use super::error::PartError;
use super::parts::{beside, hex, program, settle};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The emulator, and the Debian package that has it.
const QEMU: (&str, &str) = ("qemu-system-x86_64", "qemu-system-x86");

/// What the name of a copy begins with.
pub(super) const PREFIX: &str = "qemu-";

/// Where modules are, from the directory around that of the program; what their names end with, and where they are in a copy.
const MODULES: (&[&str], &[&str], &str) =
    (&["lib/x86_64-linux-gnu/qemu", "lib64/qemu", "lib/qemu"], &["so"], "modules");

/// The same of firmware.
const FIRMWARE: (&[&str], &[&str], &str) = (&["share/qemu"], &["bin", "rom"], "firmware");

/// The parts of a copy, as a machine's jail shows it.
pub(super) fn program_in(copy: &Path) -> PathBuf {
    copy.join(QEMU.0)
}

pub(super) fn modules_in(copy: &Path) -> PathBuf {
    copy.join(MODULES.2)
}

pub(super) fn firmware_in(copy: &Path) -> PathBuf {
    copy.join(FIRMWARE.2)
}

/// QEMU's program on this host.
pub(super) fn installed() -> Result<PathBuf, PartError> {
    program(QEMU.0, QEMU.1)
}

/// The copy in `directory` of the QEMU whose program is `installed`, made if it is not there yet.
pub(super) fn copy(installed: &Path, directory: &Path) -> Result<PathBuf, PartError> {
    let files = files(installed)?;
    let name = name(&files)?;
    let place = directory.join(&name);
    if !place.is_dir() {
        let half_made = beside(&place);
        let made = fill(&half_made, &files).and_then(|()| match self::name(&files)? == name {
            true => settle(&half_made, &place).map_err(PartError::io("keep", &place)),
            false => Err(PartError::io("copy", installed)(io::Error::other("it was exchanged meanwhile; try again"))),
        });
        if made.is_err() {
            let _ = fs::remove_dir_all(&half_made);
        }
        // Whoever was faster has made the same one.
        if !place.is_dir() {
            made?;
        }
    }
    place.canonicalize().map_err(PartError::read(&place))
}

/// What a copy is made of: where each file is, and where it will be. In order.
fn files(installed: &Path) -> Result<Vec<(PathBuf, PathBuf)>, PartError> {
    let around = installed.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    let mut files = vec![(installed.to_owned(), PathBuf::from(QEMU.0))];
    for (places, endings, into) in [MODULES, FIRMWARE] {
        let Some(place) = places.iter().map(|place| around.join(place)).find(|place| place.is_dir()) else { continue };
        for entry in fs::read_dir(&place).map_err(PartError::read(&place))? {
            let path = entry.map_err(PartError::read(&place))?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if ending.is_some_and(|ending| endings.contains(&ending)) && path.is_file() {
                let name = path.file_name().map(|name| Path::new(into).join(name));
                files.extend(name.map(|name| (path, name)));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The name of a copy of these files: a digest of their names, sizes and times, which packages give them once.
fn name(files: &[(PathBuf, PathBuf)]) -> Result<String, PartError> {
    let mut digest = Sha256::new();
    for (from, to) in files {
        let known = fs::metadata(from).map_err(PartError::read(from))?;
        let (size, time, nanos) = (known.size(), known.mtime(), known.mtime_nsec());
        digest.update(format!("{}\0{size} {time}.{nanos}\0", to.display()));
    }
    Ok(format!("{PREFIX}{}", hex(&digest.finalize())))
}

fn fill(into: &Path, files: &[(PathBuf, PathBuf)]) -> Result<(), PartError> {
    let mut directories = DirBuilder::new();
    directories.mode(0o755);
    for place in [into.to_owned(), modules_in(into), firmware_in(into)] {
        directories.create(&place).map_err(PartError::io("make", &place))?;
    }
    for (from, to) in files {
        let to = into.join(to);
        let copied = fs::copy(from, &to).and_then(|_| {
            fs::set_permissions(&to, Permissions::from_mode(if to == program_in(into) { 0o755 } else { 0o644 }))?;
            // What has its name once is whole for good, whatever becomes of the host.
            File::open(&to)?.sync_all()
        });
        copied.map_err(PartError::io("copy", from))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host's QEMU, as a package lays it out.
    fn host(program: &str) -> (tempfile::TempDir, PathBuf) {
        let host = tempfile::tempdir().unwrap();
        for directory in ["bin", "lib/qemu", "share/qemu"] {
            fs::create_dir_all(host.path().join(directory)).unwrap();
        }
        for (file, content) in
            [("lib/qemu/accel.so", "module"), ("share/qemu/qboot.rom", "firmware"), ("share/qemu/doc.txt", "no part")]
        {
            fs::write(host.path().join(file), content).unwrap();
        }
        std::os::unix::fs::symlink("qboot.rom", host.path().join("share/qemu/bios.bin")).unwrap();
        let path = host.path().join("bin").join(QEMU.0);
        fs::write(&path, program).unwrap();
        (host, path)
    }

    #[test]
    fn a_copy_has_everything_and_is_made_once() {
        let (host, installed) = host("one");
        let directory = tempfile::tempdir().unwrap();
        let first = copy(&installed, directory.path()).unwrap();
        assert_eq!(fs::read(program_in(&first)).unwrap(), b"one");
        assert_eq!(fs::metadata(program_in(&first)).unwrap().mode() & 0o777, 0o755);
        assert_eq!(fs::read(modules_in(&first).join("accel.so")).unwrap(), b"module");
        // What a link led to; and nothing that is no firmware.
        let mut firmware: Vec<_> =
            fs::read_dir(firmware_in(&first)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        firmware.sort();
        assert_eq!(firmware, ["bios.bin", "qboot.rom"]);
        assert!(firmware_in(&first).join("bios.bin").symlink_metadata().unwrap().is_file());
        let made = fs::metadata(program_in(&first)).unwrap().ino();
        assert_eq!(copy(&installed, directory.path()).unwrap(), first);
        assert_eq!(fs::metadata(program_in(&first)).unwrap().ino(), made);

        // An upgrade, as a package does it: the copy stays what it was, and another one comes beside it.
        for file in [installed.clone(), host.path().join("lib/qemu/accel.so")] {
            let beside = host.path().join("beside");
            fs::write(&beside, "another").unwrap();
            fs::rename(&beside, &file).unwrap();
            let upgraded = copy(&installed, directory.path()).unwrap();
            assert_ne!(upgraded, first);
            assert_eq!(fs::read(program_in(&first)).unwrap(), b"one");
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3, "and nothing half-made");
    }

    #[test]
    fn what_cannot_be_copied_leaves_nothing() {
        let (host, installed) = host("one");
        let directory = tempfile::tempdir().unwrap();
        fs::remove_file(&installed).unwrap();
        let error = copy(&installed, directory.path()).unwrap_err().to_string();
        assert!(error.contains(QEMU.0), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        drop(host);
    }
}
