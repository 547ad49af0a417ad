//! Showing one thing of the order's list.

use super::failed;
use super::owners::{self, Owners};
use super::skeleton::{Skeleton, create};
use super::store::{self, Store};
use crate::mounts::{self, Attributes, TAME};
use alloc::vec::Vec;
use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Stat, fstat, readlinkat, symlinkat};
use rustix::io::Errno;
use sessile_link::{Note, Protection, Refusal, StartOrder, View};

/// The mode of directories that are everybody's, as programs expect of `/tmp`.
pub(super) const FOR_ALL: u32 = 0o1777;

/// Others may read, and enter.
const OTHERS_READ: u32 = 0o004;
const OTHERS_ENTER: u32 = 0o001;

/// What is taken away from every mount of the host's files.
#[derive(Clone, Copy)]
pub(super) struct Dress {
    tame: Attributes,
    read_only: Attributes,
}

impl Dress {
    pub(super) fn of(order: &StartOrder) -> Self {
        let kept = |protection, rights| if order.keeps(protection) { rights } else { Attributes::empty() };
        Self {
            tame: kept(Protection::TameMounts, TAME),
            read_only: kept(Protection::ReadOnlyViews, Attributes::MOUNT_ATTR_RDONLY),
        }
    }
}

/// A private overlay on the directory `source`, owners as they are, as a mount.
pub(super) fn changeable(source: &str, store: &mut Store) -> Result<OwnedFd, Errno> {
    let place = Skeleton::on_host(source)?;
    let mode = fstat(&place)?.st_mode & 0o777;
    store.image(mounts::copy(place, true)?, mode)
}

/// Shows `view` in the new root.
pub(super) fn show(
    view: &View,
    dress: Dress,
    skeleton: &mut Skeleton,
    store: &mut Store,
    owners: &mut Owners<'_>,
    notes: &mut Vec<Note>,
) -> Result<(), Refusal> {
    match view {
        View::ReadOnly { source, target } => {
            let (mount, stat) = take(source)?;
            // Who keeps a directory from others and shows it to a server means it to be read.
            if !others_may_read(&stat) {
                owners.lend(&mount, source, &stat, notes)?;
            }
            mounts::restrict(&mount, dress.tame | dress.read_only, true)
                .map_err(failed("make read-only", source.as_str()))?;
            place(skeleton, mount, &stat, target)
        }
        View::Writable { source, target } => {
            let (mount, stat) = take(source)?;
            let refused = owners.lend(&mount, source, &stat, notes)?;
            // As a stranger, the server could not even look into it: nobody means that.
            if let Some(errno) = refused.filter(|_| !others_may_read(&stat)) {
                return Err(failed(owners::MAP, source.as_str())(errno));
            }
            mounts::restrict(&mount, dress.tame, true).map_err(failed("tame", source.as_str()))?;
            place(skeleton, mount, &stat, target)
        }
        View::CopyOnWrite { source, target } => {
            let (lower, stat) = take(source)?;
            owners.lend(&lower, source, &stat, notes)?;
            match store.overlay(lower, stat.st_mode & 0o777) {
                Ok(mount) => {
                    skeleton.own(&mount).map_err(failed("look at", target.as_str()))?;
                    place(skeleton, mount, &stat, target)
                }
                Err(errno) => {
                    notes.push(Note::OverlayRefused { target: target.clone(), errno: errno.raw_os_error() });
                    let (source, target) = (source.clone(), target.clone());
                    show(&View::ReadOnly { source, target }, dress, skeleton, store, owners, notes)
                }
            }
        }
        View::Device { source } => device(source, skeleton, store).map_err(failed("show", source.as_str())),
        View::Private { target } => {
            let mode = if target.ends_with("/tmp") { FOR_ALL } else { 0o755 };
            let mount = store.directory(mode).map_err(failed("make", target.as_str()))?;
            let place = skeleton.directory(target).map_err(failed("make", target.as_str()))?;
            mounts::attach(mount, place).map_err(failed("attach", target.as_str()))
        }
        View::Text { target, content } => {
            text(skeleton, store, target, content.as_bytes()).map_err(failed("write", target.as_str()))
        }
        View::Symlink { target, to } => link(skeleton, target, to).map_err(failed("link", target.as_str())),
    }
}

/// A detached copy of a part of the host, and what it is.
fn take(source: &str) -> Result<(OwnedFd, Stat), Refusal> {
    let opened = Skeleton::on_host(source).map_err(failed("show", source))?;
    let stat = fstat(&opened).map_err(failed("look at", source))?;
    let mount = mounts::copy(opened, true).map_err(failed("show", source))?;
    Ok((mount, stat))
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn others_may_read(stat: &Stat) -> bool {
    let needed = if is_directory(stat) { OTHERS_READ | OTHERS_ENTER } else { OTHERS_READ };
    stat.st_mode & needed == needed
}

/// Attaches a mount where it is to be seen.
fn place(skeleton: &Skeleton, mount: OwnedFd, stat: &Stat, target: &str) -> Result<(), Refusal> {
    let point = if is_directory(stat) { skeleton.directory(target) } else { skeleton.file(target) };
    let point = point.map_err(failed("make a mount point at", target))?;
    mounts::attach(mount, point).map_err(failed("attach", target))
}

/// Shows a device of the host. The server's copy is its own, so that it may use it whoever the host's belongs to; an ordinary user, who
/// can make none, lends what this user may use.
fn device(source: &str, skeleton: &Skeleton, store: &mut Store) -> Result<(), Errno> {
    let on_host = Skeleton::on_host(source)?;
    let stat = fstat(&on_host)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice {
        return Err(Errno::NODEV);
    }
    let mount = match store.device(stat.st_rdev)? {
        Some(mount) => mount,
        None => mounts::copy(on_host, false)?,
    };
    mounts::restrict(&mount, Attributes::MOUNT_ATTR_NOSUID | Attributes::MOUNT_ATTR_NOEXEC, false)?;
    mounts::attach(mount, skeleton.file(source)?)
}

/// Writes a generated file where the place is the sandbox's own, or lays it over the file that is there.
fn text(skeleton: &Skeleton, store: &mut Store, target: &str, content: &[u8]) -> Result<(), Errno> {
    match skeleton.parent(target) {
        Ok((parent, name)) => match create(&parent.fd, name) {
            Ok(file) => return store::write(&file, content),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        },
        Err(Errno::ROFS) => {}
        Err(errno) => return Err(errno),
    }
    mounts::attach(store.file(content)?, skeleton.file(target)?)
}

/// Makes a link. One that is there and says the same will do.
fn link(skeleton: &Skeleton, target: &str, to: &str) -> Result<(), Errno> {
    let (parent, name) = skeleton.parent(target)?;
    match symlinkat(to, &parent.fd, name) {
        Ok(()) => parent.adopt(name),
        Err(Errno::EXIST) if readlinkat(&parent.fd, name, Vec::new())?.to_bytes() == to.as_bytes() => Ok(()),
        Err(errno) => Err(errno),
    }
}
