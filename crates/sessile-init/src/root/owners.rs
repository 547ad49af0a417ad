//! Lending files of the host to the server: an id-mapped mount shows what belongs to the host's user as the server's, and
//! writes what the server makes as the host's user's. Nothing is ever chowned.

use crate::userns;
use alloc::vec::Vec;
use rustix::fd::OwnedFd;
use rustix::fs::Stat;
use rustix::io::Errno;
use sessile_link::{HostUsers, Note, Refusal};

use super::failed;
use crate::mounts;

/// What lending is, in a refusal.
pub(super) const MAP: &str = "map the owner of";

/// The mappings made so far; most sandboxes need none, the others one.
pub(super) struct Owners<'a> {
    users: HostUsers,
    proc: &'a OwnedFd,
    made: Vec<((u32, u32), OwnedFd)>,
}

impl<'a> Owners<'a> {
    pub(super) fn new(users: HostUsers, proc: &'a OwnedFd) -> Self {
        Self { users, proc, made: Vec::new() }
    }

    /// Shows `mount`, whose top is `stat`, as if its owner were the server. Where the file system cannot do that, a note says so,
    /// and the kernel's answer comes back.
    pub(super) fn lend(
        &mut self,
        mount: &OwnedFd,
        source: &str,
        stat: &Stat,
        notes: &mut Vec<Note>,
    ) -> Result<Option<Errno>, Refusal> {
        // An ordinary user's server *is* that user.
        let HostUsers::Root { server, .. } = self.users else {
            return Ok(None);
        };
        let owner = (stat.st_uid, stat.st_gid);
        if owner == (server, server) {
            return Ok(None);
        }
        let mapping = self.mapping(owner, server).map_err(failed(MAP, source))?;
        match mounts::map_owners(mount, mapping) {
            Ok(()) => Ok(None),
            Err(errno @ (Errno::INVAL | Errno::PERM | Errno::NOSYS)) => {
                notes.push(Note::OwnerMappingRefused { source: source.into(), errno: errno.raw_os_error() });
                Ok(Some(errno))
            }
            Err(errno) => Err(failed(MAP, source)(errno)),
        }
    }

    /// A user namespace that shows `owner` as `server` and everybody else as themselves.
    fn mapping(&mut self, owner: (u32, u32), server: u32) -> Result<&OwnedFd, Errno> {
        let index = match self.made.iter().position(|(known, _)| *known == owner) {
            Some(index) => index,
            None => {
                let users = userns::exchange(owner.0, server);
                let groups = userns::exchange(owner.1, server);
                let made = userns::only_for_its_mapping(self.proc, &users, &groups)?;
                self.made.push((owner, made));
                self.made.len() - 1
            }
        };
        self.made.get(index).map(|(_, fd)| fd).ok_or(Errno::IO)
    }
}
