//! What a machine was made of, kept for as long as it sleeps: links beside its state to its image and to the parts of its machinery. Whatever
//! the host is upgraded to, and whoever clears its image away, it is woken with its own.

use super::parts::{Build, Machinery};
use super::qemu;
use super::restore_key::RestoreKey;
use crate::WakeError;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The name of the link to the image. The others have the names of what they lead to.
const DISK: &str = "disk";

/// What a machine has. Only another one that has the same takes its state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Made {
    /// The [restore key](super::restore_key::RestoreKey).
    pub(super) key: String,
    /// In bytes.
    pub(super) memory: u64,
    pub(super) processors: u32,
    /// The image that is its root.
    pub(super) disk: PathBuf,
    pub(super) build: Build,
}

/// Where everything lies that a machine that sleeps is woken with.
pub(super) struct Found {
    pub(super) machinery: Machinery,
    pub(super) disk: PathBuf,
}

impl Made {
    /// Keeps in `beside`, a directory that is made for it, what the machine is to be woken with. `stock` is where the driver keeps its parts.
    ///
    /// On another file system than `stock`, or where it has no links, nothing is kept: the machine then depends on what lies there.
    ///
    /// # Errors
    /// In words, when something of it is gone already.
    pub(super) fn keep(&self, stock: &Path, beside: &Path) -> Result<(), String> {
        let failed = |path: &Path, error: io::Error| format!("`{}` cannot be kept: {error}", path.display());
        fs::create_dir(beside).map_err(|error| failed(beside, error))?;
        for (name, source) in self.sources(stock) {
            match fs::hard_link(&source, beside.join(name)) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(is_gone(&source));
                }
                Err(error) if is_without_links(&error) => {}
                linked => linked.map_err(|error| failed(&source, error))?,
            }
        }
        File::open(beside).and_then(|place| place.sync_all()).map_err(|error| failed(beside, error))
    }

    /// Where each link leads.
    fn sources(&self, stock: &Path) -> [(&str, PathBuf); 4] {
        let Build { qemu, kernel, initramfs } = &self.build;
        [
            (DISK, self.disk.clone()),
            (qemu, qemu::program_in(&stock.join(qemu))),
            (kernel, stock.join(kernel)),
            (initramfs, stock.join(initramfs)),
        ]
    }

    /// Finds what the machine is to be woken with: what was [kept](Self::keep) for it. Beside that it gets what every machine gets `here`.
    ///
    /// # Errors
    /// [`WakeError::Mismatch`] when something of it is gone.
    pub(super) fn find(&self, stock: &Path, beside: &Path, here: &Machinery) -> Result<Found, WakeError> {
        let lies = |(name, source): (&str, PathBuf)| {
            let path = beside.join(name).canonicalize().or_else(|_| source.canonicalize());
            path.map_err(|_| WakeError::Mismatch { what: is_gone(&source) })
        };
        let [disk, qemu, kernel, initramfs] = self.sources(stock).map(lies);
        // The link only keeps the copy from being cleared away.
        let qemu = qemu.map(|_| stock.join(&self.build.qemu));
        let disk = disk?;
        Ok(Found { machinery: here.clone().with(qemu?, kernel?, initramfs?), disk })
    }

    /// Puts back into `stock` what was cleared away there while the machine slept, from `beside`: so that it can sleep once more. What cannot be
    /// put back is missed then.
    pub(super) fn put_back(&self, stock: &Path, beside: &Path) {
        for (name, source) in self.sources(stock) {
            if source.starts_with(stock) && !source.exists() {
                let _ = fs::hard_link(beside.join(name), source);
            }
        }
    }

    /// Checks that the machine that would be made has the same key, `here`.
    ///
    /// # Errors
    /// [`WakeError::Mismatch`] if not.
    pub(super) fn check(&self, here: &RestoreKey) -> Result<(), WakeError> {
        let here = here.to_string();
        if here == self.key {
            return Ok(());
        }
        Err(WakeError::Mismatch { what: format!("it was a machine of {}; here it would be one of {here}", self.key) })
    }
}

fn is_gone(source: &Path) -> String {
    format!("`{}`, which it was made of, is gone", source.display())
}

/// Whether this is a place where no link can be made, whatever it leads to.
fn is_without_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::CrossesDevices | ErrorKind::TooManyLinks | ErrorKind::PermissionDenied | ErrorKind::Unsupported
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        stock: tempfile::TempDir,
        sleepers: tempfile::TempDir,
        images: tempfile::TempDir,
        made: Made,
    }

    fn place() -> Place {
        let [stock, sleepers, images] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let build = Build { qemu: "qemu-1".into(), kernel: "kernel-1".into(), initramfs: "initramfs-1".into() };
        let disk = images.path().join("image.erofs");
        fs::create_dir(stock.path().join("qemu-1")).unwrap();
        let made = Made { key: "key".into(), memory: 1, processors: 1, disk, build };
        for (name, path) in made.sources(stock.path()) {
            fs::write(path, name).unwrap();
        }
        Place { stock, sleepers, images, made }
    }

    fn here() -> Machinery {
        Machinery::of("qemu-2".into(), "kernel-2".into(), "initramfs-2".into(), "porter-2".into())
    }

    #[test]
    fn who_sleeps_is_woken_with_its_own() {
        let Place { stock, sleepers, images, made } = place();
        let beside = sleepers.path().join("one");
        made.keep(stock.path(), &beside).unwrap();
        // The host is upgraded, and the image pruned.
        for name in ["kernel-1", "initramfs-1"] {
            fs::remove_file(stock.path().join(name)).unwrap();
        }
        fs::remove_file(&made.disk).unwrap();
        let found = made.find(stock.path(), &beside, &here()).unwrap();
        assert_eq!(fs::read_to_string(&found.disk).unwrap(), DISK);
        assert_eq!(fs::read_to_string(&found.machinery.kernel).unwrap(), "kernel-1");
        assert_eq!(fs::read_to_string(&found.machinery.initramfs).unwrap(), "initramfs-1");
        assert_eq!(found.machinery.qemu, stock.path().join("qemu-1"));
        assert_eq!(found.machinery.porter, Path::new("porter-2"), "which is the runtime's own");
        assert_eq!(found.machinery.build(), made.build);

        // Awake it is as it was, and can sleep again; but for an image that is not this driver's.
        made.put_back(stock.path(), &beside);
        fs::remove_dir_all(&beside).unwrap();
        let error = made.keep(stock.path(), &beside).unwrap_err();
        assert!(error.contains("image.erofs") && error.contains("is gone"), "{error}");
        let own = Made { disk: stock.path().join("kernel-1"), ..made };
        fs::remove_dir_all(&beside).unwrap();
        own.keep(stock.path(), &beside).unwrap();
        drop(images);
    }

    #[test]
    fn what_was_not_kept_is_looked_for_where_it_was() {
        let Place { stock, sleepers, images, made } = place();
        let nowhere = sleepers.path().join("nothing");
        let found = made.find(stock.path(), &nowhere, &here()).unwrap();
        assert_eq!(found.disk, made.disk.canonicalize().unwrap());
        for (name, path) in made.sources(stock.path()) {
            fs::rename(&path, path.with_extension("away")).unwrap();
            let Err(WakeError::Mismatch { what }) = made.find(stock.path(), &nowhere, &here()) else {
                panic!("it was found")
            };
            assert!(what.contains(path.to_str().unwrap()) && what.contains("is gone"), "{name}: {what}");
            fs::rename(path.with_extension("away"), &path).unwrap();
        }
        drop(images);
    }
}
