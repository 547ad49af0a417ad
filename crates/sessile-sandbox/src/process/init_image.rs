//! `sessile-init` in memory: sealed, never a path on a disk, so that nothing inside a sandbox can write to what the host
//! runs next (CVE-2019-5736 was that).

use crate::cgroup::above_standard;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// The program, built by this crate's build script.
pub(crate) static PROGRAM: &[u8] = include_bytes!(env!("SESSILE_INIT"));

/// A descriptor to run init from.
#[derive(Debug)]
pub(crate) struct InitImage(OwnedFd);

impl InitImage {
    /// Puts the program into memory and seals it.
    pub(crate) fn new() -> io::Result<Self> {
        let base = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Since Linux 6.3 a host may insist on the flag that says it is a program; before, the flag is unknown.
        let memory = match memfd_create("sessile-init", base | MemfdFlags::EXEC) {
            Err(Errno::INVAL) => memfd_create("sessile-init", base)?,
            other => other?,
        };
        let mut rest = PROGRAM;
        while !rest.is_empty() {
            let written = rustix::io::write(&memory, rest)?;
            rest = rest.get(written..).unwrap_or_default();
        }
        fcntl_add_seals(&memory, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(Self(above_standard(&memory)?))
    }

    /// For the raw code that runs it.
    pub(crate) fn raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
