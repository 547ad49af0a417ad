//! Where the inits of a runtime can be met by the one that comes after it: `BASE/<node>/`, with a socket for each sandbox and a
//! lease, which is locked by whoever has them.
//!
//! Whoever removes the last of them removes `BASE` too, if that is empty then. So one who is about to use it may find it gone at any
//! moment until its own directory is in it, and makes it again.

use crate::process::node::is_dead;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, socket_with};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The lease's name among the sockets. No sandbox is called so: it could not be told from one.
pub(crate) const LEASE: &str = "lease";

/// How often `BASE` is made again. Each time somebody else has just ended.
const TRIES: u32 = 100;

/// How long a lease is tried for. A keeper that looks whether somebody has it has it for an instant.
const PATIENCE: Duration = Duration::from_millis(500);

/// The directory of one runtime's sandboxes, and the lease on them.
#[derive(Debug)]
pub(crate) struct Rendezvous {
    path: PathBuf,
    /// The directory, for names of any length: an address of a Unix socket holds 107 bytes (`unix(7)`).
    directory: OwnedFd,
    _lease: File,
}

impl Rendezvous {
    /// Makes `base/<node>`, which nobody else uses, for this user alone.
    pub(crate) fn create(base: &Path, node: &str) -> io::Result<Self> {
        let path = base.join(node);
        let mut tries = 0;
        let made = loop {
            match Self::make(base, &path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => tries += 1,
                outcome => break outcome,
            }
        };
        made.inspect_err(|_| remove(&path))
    }

    fn make(base: &Path, path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(base)?;
        DirBuilder::new().mode(0o700).create(path)?;
        Self::lease(path.to_owned(), true)?.ok_or_else(|| io::Error::other("somebody else has the lease"))
    }

    /// Takes the leases of all runtimes below `base` that are gone; `own` is that of this one.
    pub(crate) fn take_over(base: &Path, own: Option<&Path>) -> Vec<Self> {
        let entries = fs::read_dir(base).into_iter().flatten().flatten();
        let others = entries.filter(|entry| own != Some(&entry.path()));
        let taken = others.filter_map(|entry| {
            let taken = Self::lease(entry.path(), false).ok().flatten();
            if taken.is_none() && entry.file_name().to_str().is_some_and(is_dead) {
                // Its runtime was killed before it had made the lease. One that holds anything stays.
                let _ = fs::remove_dir(entry.path());
            }
            taken
        });
        taken.collect()
    }

    /// `None` if somebody else has it.
    fn lease(path: PathBuf, create: bool) -> io::Result<Option<Self>> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(&path, flags, Mode::empty())?;
        let options = &mut OpenOptions::new();
        options.read(true).write(true).create_new(create).mode(0o600);
        let lease = options.open(path.join(LEASE))?;
        let until = Instant::now() + PATIENCE;
        while flock(&lease, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() > until || create {
                return Ok(None);
            }
            std::thread::sleep(PATIENCE / 50);
        }
        Ok(Some(Self { path, directory, _lease: lease }))
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A socket for the init of `sandbox` to listen on.
    pub(crate) fn place(&self, sandbox: &str) -> io::Result<(OwnedFd, Place)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&socket, &self.address(sandbox)?)?;
        Ok((socket, self.place_of(sandbox)))
    }

    /// Where the init of `sandbox` listens.
    pub(crate) fn place_of(&self, sandbox: &str) -> Place {
        Place(self.path.join(sandbox))
    }

    /// The sandboxes that somebody made here.
    pub(crate) fn sandboxes(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name != LEASE).collect()
    }

    /// Calls the init of `sandbox`. Refused if it is gone.
    pub(crate) fn call(&self, sandbox: &str) -> io::Result<UnixStream> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        connect(&socket, &self.address(sandbox)?)?;
        Ok(socket.into())
    }

    fn address(&self, sandbox: &str) -> io::Result<SocketAddrUnix> {
        Ok(SocketAddrUnix::new(format!("/proc/self/fd/{}/{sandbox}", self.directory.as_raw_fd()))?)
    }
}

impl Drop for Rendezvous {
    fn drop(&mut self) {
        // Sockets that are still there belong to nobody: their places outlive no sandbox of this process.
        remove(&self.path);
    }
}

/// Removes the directory of a runtime with all that is in it, and what holds it if that holds nothing else.
fn remove(path: &Path) {
    let _ = fs::remove_dir_all(path);
    if let Some(base) = path.parent() {
        // Fails, as it should, when anything is in it.
        let _ = fs::remove_dir(base);
    }
}

/// A socket's name. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_last_one_leaves_no_directory_behind() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("run/of-a-manifest");
        let (first, second) =
            (Rendezvous::create(&base, "1-1-0").unwrap(), Rendezvous::create(&base, "1-1-1").unwrap());
        drop(first);
        assert_eq!(listing(&base), ["1-1-1"]);
        drop(second);
        assert!(!base.exists() && home.path().join("run").exists());
        drop(Rendezvous::create(&base, "1-1-2").unwrap());
    }

    #[test]
    fn what_holds_something_else_stays() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("base");
        let made = Rendezvous::create(&base, "1-1-0").unwrap();
        fs::write(base.join("note"), "of somebody").unwrap();
        drop(made);
        assert_eq!(listing(&base), ["note"]);
    }

    #[test]
    fn a_directory_whose_maker_was_killed_too_early_goes_and_that_of_one_that_lives_stays() {
        let home = tempfile::tempdir().unwrap();
        let (pid, started) = crate::process::node::identity();
        // A process of this number lives, but another one.
        let (dead, live) = (format!("{pid}-{}-0", started + 1), format!("{pid}-{started}-7"));
        for name in [&dead, &live] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        let own = Rendezvous::create(home.path(), "1-1-0").unwrap();
        assert!(Rendezvous::take_over(home.path(), Some(own.path())).is_empty());
        let mut left = listing(home.path());
        left.sort();
        let mut expected = vec!["1-1-0".to_owned(), live];
        expected.sort();
        assert_eq!(left, expected);
    }

    /// One ends in the moment in which another begins, again and again.
    #[test]
    fn nobody_loses_the_directory_that_it_is_about_to_use() {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("base");
        let come_and_go = |node: &str| {
            for number in 0..300 {
                let made = Rendezvous::create(&base, &format!("{node}-{number}")).unwrap();
                assert!(made.path().join(LEASE).exists());
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| come_and_go("1-1"));
            scope.spawn(|| come_and_go("2-2"));
        });
        assert!(!base.exists());
    }
}
