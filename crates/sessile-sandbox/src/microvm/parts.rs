//! What a machine is made of, and where it lies on this host: QEMU, a kernel with its modules, and the initramfs made of them.

use super::cpio::Archive;
use super::error::PartError;
use super::modules;
use crate::process::PROGRAM;
use sha2::{Digest, Sha256};
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The emulator, and the Debian package that has it.
const QEMU: (&str, &str) = ("qemu-system-x86_64", "qemu-system-x86");

/// Where programs are looked for besides `PATH`.
const PROGRAMS: [&str; 2] = ["/usr/bin", "/usr/local/bin"];

/// In the name of what is not whole yet; behind it, the process that makes it.
const PART: &str = ".part-";

/// Everything but the disk.
#[derive(Clone, Debug)]
pub(super) struct Machinery {
    pub(super) qemu: PathBuf,
    pub(super) kernel: PathBuf,
    pub(super) initramfs: PathBuf,
    /// Init's program, which is also the porter.
    pub(super) porter: PathBuf,
    /// Changes when any of it does: a digest.
    pub(super) build: String,
}

impl Machinery {
    /// The same with the build that lies there now: an upgrade may have exchanged QEMU or the kernel under a running node.
    pub(super) fn now(&self) -> Result<Self, PartError> {
        Ok(Self { build: build(&self.qemu, &self.kernel, &self.initramfs)?, ..self.clone() })
    }
}

/// Which parts these are. The initramfs, and init's program in it, have names of their contents.
fn build(qemu: &Path, kernel: &Path, initramfs: &Path) -> Result<String, PartError> {
    let mut build = Sha256::new();
    for path in [qemu, kernel] {
        let known = fs::metadata(path).map_err(PartError::read(path))?;
        build.update(format!(
            "{}\0{}\0{}\0{}.{}\0",
            path.display(),
            known.ino(),
            known.size(),
            known.mtime(),
            known.mtime_nsec()
        ));
    }
    build.update(initramfs.file_name().unwrap_or_default().as_encoded_bytes());
    Ok(hex(&build.finalize()))
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
    program(QEMU.0, QEMU.1)?;
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

/// Finds everything, and writes the initramfs into `directory` if it is not there yet.
pub(super) fn find(kernels: &Path, directory: &Path) -> Result<Machinery, PartError> {
    let qemu = program(QEMU.0, QEMU.1)?;
    let (kernel, version) = newest_kernel(kernels)?;
    let tree = ["lib/modules", "usr/lib/modules"].map(|place| kernels.join(place).join(&version));
    let tree = tree.iter().find(|tree| tree.is_dir()).ok_or(PartError::Kernel { directory: kernels.to_owned() })?;
    let archive = initramfs(tree)?;
    let digest = hex(&Sha256::digest(&archive));
    let initramfs = directory.join(format!("initramfs-{digest}.cpio"));
    if !initramfs.is_file() {
        write_whole(&initramfs, &archive).map_err(PartError::io("write", &initramfs))?;
    }
    let initramfs = initramfs.canonicalize().map_err(PartError::read(&initramfs))?;
    let porter = porter(directory)?;
    let build = build(&qemu, &kernel, &initramfs)?;
    Ok(Machinery { qemu, kernel, initramfs, porter, build })
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

/// Writes init's program into `directory` if it is not there yet.
fn porter(directory: &Path) -> Result<PathBuf, PartError> {
    let path = directory.join(format!("porter-{}", hex(&Sha256::digest(PROGRAM))));
    if !path.is_file() {
        let executable = |beside: &Path| {
            fs::write(beside, PROGRAM)?;
            fs::set_permissions(beside, fs::Permissions::from_mode(0o755))
        };
        write_with(&path, executable).map_err(PartError::io("write", &path))?;
    }
    path.canonicalize().map_err(PartError::read(&path))
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

    #[test]
    fn parts_that_are_exchanged_under_a_running_node_are_another_build() {
        let directory = tempfile::tempdir().unwrap();
        let [qemu, kernel, initramfs] = ["qemu", "kernel", "initramfs-1"].map(|name| directory.path().join(name));
        for path in [&qemu, &kernel, &initramfs] {
            fs::write(path, "1").unwrap();
        }
        let build = build(&qemu, &kernel, &initramfs).unwrap();
        let known = Machinery { qemu, kernel, initramfs, porter: "/p".into(), build };
        assert_eq!(known.now().unwrap().build, known.build);
        for path in [&known.qemu, &known.kernel] {
            let before = known.now().unwrap().build;
            // As a package does it.
            let beside = directory.path().join("beside");
            fs::write(&beside, "2").unwrap();
            fs::rename(&beside, path).unwrap();
            assert_ne!(known.now().unwrap().build, before);
        }
        fs::remove_file(&known.kernel).unwrap();
        assert!(known.now().unwrap_err().to_string().contains("kernel"));
    }
}
