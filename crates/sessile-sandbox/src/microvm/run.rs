//! A machine's directory on the host, where its monitor finds sockets of the runtime's.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as BlockingListener;
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// In front of the names of machines' directories.
const PREFIX: &str = "vm-";

/// In each of them, locked as long as somebody uses it.
const LOCK: &str = "lock";

/// A machine's directory, gone with this.
#[derive(Debug)]
pub(super) struct RunDirectory {
    path: PathBuf,
    _lock: File,
}

impl RunDirectory {
    /// Makes a directory for the machine `id` in `parent`.
    pub(super) fn new(parent: &Path, id: &str) -> io::Result<Self> {
        let path = parent.canonicalize()?.join(format!("{PREFIX}{}-{id}", std::process::id()));
        match fs::create_dir(&path) {
            // What a runtime left behind that was killed; nobody else has this name.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_dir_all(&path)?;
                fs::create_dir(&path)?;
            }
            made => made?,
        }
        let lock = File::create_new(path.join(LOCK))?;
        lock.lock()?;
        Ok(Self { path, _lock: lock })
    }

    /// Takes over the directory `name` of a machine that another runtime made in `parent`.
    pub(super) fn adopt(parent: &Path, name: &str) -> io::Result<Self> {
        if !name.starts_with(PREFIX) || name.contains('/') {
            return Err(io::Error::other(format!("`{name}` is no name of a machine's directory")));
        }
        let path = parent.canonicalize()?.join(name);
        let lock = File::open(path.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { path, _lock: lock })
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A socket in it, instead of one that was there before. The path may be longer than a socket's name can be, so it is made from
    /// within. Anybody may connect who sees it: that is QEMU alone, since the directories above are the runtime's. Must be called inside a
    /// tokio runtime.
    pub(super) fn listen(&self, name: &str) -> io::Result<UnixListener> {
        let directory = rustix::fs::open(
            &self.path,
            rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )?;
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = BlockingListener::bind(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()))?;
        fs::set_permissions(path, Permissions::from_mode(0o666))?;
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes from `parent` the directories that nobody uses.
pub(super) fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_one = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        // Somebody may be making it just now.
        let lock = File::open(entry.path().join(LOCK));
        if is_one && lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_uses_is_swept() {
        let parent = tempfile::tempdir().unwrap();
        let used = RunDirectory::new(parent.path(), "used").unwrap();
        assert!(RunDirectory::adopt(parent.path(), &used.name()).is_err(), "somebody has it");
        let left = parent.path().join("vm-1-left");
        for directory in [&left, &parent.path().join("other")] {
            fs::create_dir(directory).unwrap();
            File::create(directory.join(LOCK)).unwrap();
        }
        drop(RunDirectory::adopt(parent.path(), "vm-1-left").unwrap());
        assert!(!left.exists());
        fs::create_dir(&left).unwrap();
        File::create(left.join(LOCK)).unwrap();
        sweep(parent.path());
        assert!(used.path().exists() && parent.path().join("other").exists());
        assert!(!left.exists());
        assert!(RunDirectory::adopt(parent.path(), "../other").is_err());
    }
}
