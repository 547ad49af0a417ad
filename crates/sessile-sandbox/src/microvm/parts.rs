//! What a machine is made of: QEMU, a kernel with its modules, and the initramfs made of them. All of it is copied to where the driver keeps
//! what is its own, under names that say what it is: an upgrade of the host changes none of it, and adds to it.

use super::cpio::Archive;
use super::error::PartError;
use super::modules;
use super::qemu;
use crate::process::PROGRAM;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where programs are looked for besides `PATH`.
const PROGRAMS: [&str; 2] = ["/usr/bin", "/usr/local/bin"];

/// In the name of what is not whole yet; behind it, the process that makes it.
const PART: &str = ".part-";

/// What the names of the other parts begin with; a digest of what is in them follows.
const KERNEL: &str = "kernel-";
const INITRAMFS: &str = "initramfs-";
const PORTER: &str = "porter-";

/// How often it is begun again when somebody removes a part that was just found.
const TRIES: usize = 3;

/// Everything but the disk.
#[derive(Clone, Debug)]
pub(super) struct Machinery {
    /// The [copy](qemu::copy) of QEMU, a directory.
    pub(super) qemu: PathBuf,
    pub(super) kernel: PathBuf,
    pub(super) initramfs: PathBuf,
    /// Init's program, which is also the porter.
    pub(super) porter: PathBuf,
    /// How fast the host's time stamp counter runs, in kHz.
    pub(super) tsc_khz: u32,
    /// Locks on all of them: as long as they are held, nobody [removes](prune) any.
    _held: Arc<[File]>,
}

/// Which machinery it is, without the porter: what a machine that is restored depends on. The names say what is in the parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Build {
    pub(super) qemu: String,
    pub(super) kernel: String,
    pub(super) initramfs: String,
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.qemu, self.kernel, self.initramfs)
    }
}

impl Machinery {
    /// Of parts that nobody else removes.
    pub(super) fn of(qemu: PathBuf, kernel: PathBuf, initramfs: PathBuf, porter: PathBuf) -> Self {
        Self { qemu, kernel, initramfs, porter, tsc_khz: 0, _held: Arc::default() }
    }

    /// The same with other parts than the porter.
    pub(super) fn with(self, qemu: PathBuf, kernel: PathBuf, initramfs: PathBuf) -> Self {
        Self { qemu, kernel, initramfs, ..self }
    }

    /// Which one it is.
    pub(super) fn build(&self) -> Build {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Build { qemu: name(&self.qemu), kernel: name(&self.kernel), initramfs: name(&self.initramfs) }
    }

    /// Locks all parts, so that they stay; `None` if one is not there any more.
    fn hold(self) -> io::Result<Option<Self>> {
        let mut held = Vec::new();
        for path in [&qemu::program_in(&self.qemu), &self.kernel, &self.initramfs, &self.porter] {
            let file = match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
            file.lock_shared()?;
            if file.metadata()?.nlink() == 0 {
                return Ok(None);
            }
            held.push(file);
        }
        Ok(Some(Self { _held: held.into(), ..self }))
    }
}

/// A program of the host, free of symbolic links.
pub(super) fn program(name: &'static str, package: &'static str) -> Result<PathBuf, PartError> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain(PROGRAMS.iter().map(PathBuf::from));
    let mut found = places.filter(|place| place.is_absolute()).map(|place| place.join(name));
    let found = found.find(|path| path.is_file()).ok_or(PartError::Program { program: name, package })?;
    found.canonicalize().map_err(PartError::read(&found))
}

/// Whether everything is there that a machine is made of, before anything is written.
pub(super) fn look(kernels: &Path) -> Result<(), PartError> {
    if cfg!(not(target_arch = "x86_64")) {
        return Err(PartError::Processor);
    }
    qemu::installed()?;
    newest_kernel(kernels).map(drop)
}

/// Removes from `directory` what processes left behind half-made that were killed.
pub(super) fn sweep(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let behind = name.split_once(PART).map(|(_, behind)| behind);
        let owner = behind.and_then(|behind| behind.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
}

/// Removes from `directory` the parts that nobody uses any more: no driver that runs, no machine that sleeps (which keeps
/// [links](super::keeping) to its own), and none of those in `used`.
pub(super) fn prune(directory: &Path, used: &[Build]) {
    let used: HashSet<&str> =
        used.iter().flat_map(|build| [&build.qemu, &build.kernel, &build.initramfs]).map(String::as_str).collect();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        let is_part = [qemu::PREFIX, KERNEL, INITRAMFS, PORTER].iter().any(|prefix| name.starts_with(prefix));
        if !is_part || name.contains(PART) || used.contains(name.as_str()) {
            continue;
        }
        let is_qemu = name.starts_with(qemu::PREFIX);
        // What is linked, locked, and goes first: of a copy of QEMU its program, which tells that it is there.
        let part = if is_qemu { qemu::program_in(&path) } else { path.clone() };
        let Ok(file) = File::open(&part) else { continue };
        if file.try_lock().is_ok() && file.metadata().is_ok_and(|known| known.nlink() == 1) {
            let _ = fs::remove_file(&part);
            if is_qemu {
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}

/// Finds everything, and makes in `directory` what is not there yet.
pub(super) fn find(kernels: &Path, directory: &Path) -> Result<Machinery, PartError> {
    for _ in 0..TRIES {
        let qemu = qemu::copy(&qemu::installed()?, directory)?;
        let (kernel, version) = newest_kernel(kernels)?;
        let tree = ["lib/modules", "usr/lib/modules"].map(|place| kernels.join(place).join(&version));
        let tree = tree.iter().find(|tree| tree.is_dir()).ok_or(PartError::Kernel { directory: kernels.to_owned() })?;
        let content = fs::read(&kernel).map_err(PartError::read(&kernel))?;
        let kernel = named(KERNEL, &content, 0o644, directory)?;
        let initramfs = named(INITRAMFS, &initramfs(tree)?, 0o644, directory)?;
        let porter = named(PORTER, PROGRAM, 0o755, directory)?;
        let found = Machinery::of(qemu, kernel, initramfs, porter);
        if let Some(held) = found.hold().map_err(PartError::io("lock what is in", directory))? {
            return Ok(held);
        }
    }
    Err(PartError::io("keep parts in", directory)(io::Error::other("somebody removes them")))
}

/// The file in `directory` with this content, which names it behind `prefix`; written if it is not there yet.
fn named(prefix: &str, content: &[u8], mode: u32, directory: &Path) -> Result<PathBuf, PartError> {
    let path = directory.join(format!("{prefix}{}", hex(&Sha256::digest(content))));
    if !path.is_file() {
        let write = |beside: &Path| {
            fs::write(beside, content)?;
            fs::set_permissions(beside, fs::Permissions::from_mode(mode))
        };
        write_with(&path, write).map_err(PartError::io("write", &path))?;
    }
    path.canonicalize().map_err(PartError::read(&path))
}

/// The newest of the kernels in `directory`, as a Debian package holds them, and its version.
fn newest_kernel(directory: &Path) -> Result<(PathBuf, String), PartError> {
    let boot = directory.join("boot");
    let none = || PartError::Kernel { directory: directory.to_owned() };
    let kernels = fs::read_dir(&boot).map_err(|_| none())?.flatten().filter_map(|entry| {
        let version = entry.file_name().to_str()?.strip_prefix("vmlinuz-")?.to_owned();
        Some((entry.metadata().ok()?.modified().ok()?, entry.path(), version))
    });
    let (_, path, version) = kernels.max().ok_or_else(none)?;
    let path = path.canonicalize().map_err(PartError::read(&path))?;
    Ok((path, version))
}

/// The initial file system: init, the modules that it loads, and two places to mount at.
fn initramfs(tree: &Path) -> Result<Vec<u8>, PartError> {
    let modules = modules::read(tree)?;
    let list: String = modules.iter().map(|module| format!("{}.ko\n", module.name)).collect();
    let write = || {
        let mut archive = Archive::default().file("init", 0o755, PROGRAM)?;
        for directory in ["dev", "base", "modules"] {
            archive = archive.directory(directory, 0o755)?;
        }
        archive = archive.file("modules/list", 0o644, list.as_bytes())?;
        for module in &modules {
            archive = archive.file(&format!("modules/{}.ko", module.name), 0o644, &module.content)?;
        }
        archive.finish()
    };
    write().map_err(|error| PartError::io("pack", tree)(io::Error::other(error)))
}

/// Writes a file so that it is whole or not there, whoever is killed meanwhile.
pub(super) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    write_with(path, |beside| fs::write(beside, content))
}

fn write_with(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let beside = beside(path);
    let written = write(&beside).and_then(|()| settle(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// A name beside `path` that nobody else uses, and that says whose it is.
pub(super) fn beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!("{PART}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

/// Makes what was written to `beside` durable, and gives it its name.
pub(super) fn settle(beside: &Path, path: &Path) -> io::Result<()> {
    fs::File::open(beside)?.sync_all()?;
    fs::rename(beside, path)
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_swept_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let mine = beside(&place("image.erofs"));
        let theirs = place(&format!("image.erofs{PART}{dead}-0"));
        for path in [&mine, &theirs, &place("image.erofs"), &place("trial.json")] {
            fs::write(path, "x").unwrap();
        }
        let staging = place(&format!("image.erofs{PART}{dead}-0.staging"));
        fs::create_dir(&staging).unwrap();
        sweep(directory.path());
        for (path, stays) in [(&mine, true), (&theirs, false), (&staging, false)] {
            assert_eq!(path.exists(), stays, "{}", path.display());
        }
        assert!(place("image.erofs").exists() && place("trial.json").exists());
    }

    /// A driver's parts; the directory's owner keeps it.
    fn stocked(directory: &Path, number: u32) -> Machinery {
        let qemu = directory.join(format!("{}{number}", qemu::PREFIX));
        fs::create_dir(&qemu).unwrap();
        fs::write(qemu::program_in(&qemu), "qemu").unwrap();
        let [kernel, initramfs, porter] =
            [KERNEL, INITRAMFS, PORTER].map(|prefix| directory.join(format!("{prefix}{number}")));
        for path in [&kernel, &initramfs, &porter] {
            fs::write(path, "part").unwrap();
        }
        Machinery::of(qemu, kernel, initramfs, porter)
    }

    #[test]
    fn parts_stay_as_long_as_anybody_uses_them() {
        let directory = tempfile::tempdir().unwrap();
        let names = || {
            let mut names: Vec<_> = fs::read_dir(directory.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| !name.starts_with("kept"))
                .collect();
            names.sort();
            names
        };
        let held = stocked(directory.path(), 1).hold().unwrap().unwrap();
        let adopted = stocked(directory.path(), 2);
        let asleep = stocked(directory.path(), 3);
        let unused = stocked(directory.path(), 4);
        fs::write(directory.path().join("trial.json"), "x").unwrap();
        let links: Vec<_> = [&qemu::program_in(&asleep.qemu), &asleep.kernel, &asleep.initramfs]
            .into_iter()
            .enumerate()
            .map(|(number, part)| {
                let link = directory.path().join(format!("kept-{number}"));
                fs::hard_link(part, &link).unwrap();
                link
            })
            .collect();
        prune(directory.path(), &[adopted.build()]);
        assert_eq!(
            names(),
            [
                "initramfs-1",
                "initramfs-2",
                "initramfs-3",
                "kernel-1",
                "kernel-2",
                "kernel-3",
                "porter-1",
                "qemu-1",
                "qemu-2",
                "qemu-3",
                "trial.json"
            ]
        );
        assert!(unused.hold().unwrap().is_none(), "what is gone cannot be held");
        links.iter().for_each(|link| fs::remove_file(link).unwrap());
        drop(held);
        prune(directory.path(), &[]);
        assert_eq!(names(), ["trial.json"]);
    }

    #[test]
    fn a_part_is_written_once_under_the_name_of_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let one = named(PORTER, b"one", 0o755, directory.path()).unwrap();
        assert_eq!(named(PORTER, b"one", 0o755, directory.path()).unwrap(), one);
        assert_ne!(named(PORTER, b"two", 0o755, directory.path()).unwrap(), one);
        assert_eq!(fs::metadata(&one).unwrap().mode() & 0o777, 0o755);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
