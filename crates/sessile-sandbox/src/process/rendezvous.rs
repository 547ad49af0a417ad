//! Where the inits of a runtime can be met by the one that comes after it: `BASE/<node>/`, with a socket for each sandbox and a
//! lease, which is locked by whoever has them.

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
        DirBuilder::new().recursive(true).mode(0o700).create(base)?;
        DirBuilder::new().mode(0o700).create(&path)?;
        let made = Self::lease(path.clone(), true);
        made.and_then(|made| made.ok_or_else(|| io::Error::other("somebody else has the lease"))).inspect_err(|_| {
            let _ = fs::remove_dir_all(&path);
        })
    }

    /// Takes the leases of all runtimes below `base` that are gone.
    pub(crate) fn take_over(base: &Path) -> Vec<Self> {
        let entries = fs::read_dir(base).into_iter().flatten().flatten();
        entries.filter_map(|entry| Self::lease(entry.path(), false).ok().flatten()).collect()
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
        let _ = fs::remove_dir_all(&self.path);
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
