//! The file system that a server sees: a fresh tmpfs with only what the order lists, `/dev` and `/proc`.
//!
//! Built beside the host's root with descriptors, never with paths that something inside could redirect; then
//! `pivot_root(2)`, and the host's root is let go.

mod devices;
mod owners;
mod procfs;
mod skeleton;
mod store;
mod views;

use crate::mounts::{self, Attributes, Fs, TAME};
use alloc::string::String;
use alloc::vec::Vec;
use owners::Owners;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::process::{chdir, fchdir, pivot_root};
use sessile_link::{Note, Protection, Refusal, StartOrder, View};
use skeleton::Skeleton;
use store::Store;

/// What is left over of building.
pub(crate) struct Built {
    /// `/proc` of the sandbox, writable: for the user mapping of the server. Nobody else gets to see it.
    pub(crate) proc: OwnedFd,
    /// What is less than was asked for.
    pub(crate) notes: Vec<Note>,
}

/// Wraps the kernel's answer to a step of building, for use with `map_err`.
fn failed(step: &'static str, path: impl Into<String>) -> impl FnOnce(Errno) -> Refusal {
    move |errno| Refusal::Mount { step: step.into(), path: path.into(), errno: errno.raw_os_error() }
}

/// Builds what `order` lists and moves into it.
pub(crate) fn build(order: &StartOrder) -> Result<Built, Refusal> {
    // Nothing mounted here may travel back to the host.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(failed("make private", "/"))?;

    let mut store = Store::new(order)?;
    let top = match image(order) {
        Some(source) => views::changeable(source, &mut store).map_err(failed("overlay", source))?,
        None => {
            // Holds mount points, links and generated files; 1 MiB of order cannot fill it.
            let options = [Fs::Set("size", "8m"), Fs::Set("mode", "755")];
            mounts::new("tmpfs", &options, TAME).map_err(failed("mount", "/"))?
        }
    };
    store.hold(&top).map_err(failed("attach", "/"))?;
    let mut skeleton = Skeleton::new(top).map_err(failed("look at", "/"))?;
    skeleton.own(store.root()).map_err(failed("look at", "/"))?;

    if image(order).is_some() {
        // Whatever the image holds there, a link to elsewhere among it: devices are laid out in something empty.
        for name in ["dev", "proc"] {
            skeleton.make_plain(name).map_err(failed("make", name))?;
        }
        let options = [Fs::Set("size", "64k"), Fs::Set("mode", "755")];
        let dev = mounts::new("tmpfs", &options, TAME).map_err(failed("mount", "/dev"))?;
        skeleton.directory("/dev").and_then(|place| mounts::attach(&dev, place)).map_err(failed("attach", "/dev"))?;
        skeleton.own(&dev).map_err(failed("look at", "/dev"))?;
    }
    let proc = procfs::mount(&skeleton, order)?;
    devices::mount(&skeleton, &mut store)?;
    let mut owners = Owners::new(order.users, &proc);
    let mut notes = Vec::new();
    let dress = views::Dress::of(order);
    for view in order.views.iter().filter(|view| !is_root(view)) {
        views::show(view, dress, &mut skeleton, &mut store, &mut owners, &mut notes)?;
    }
    enter(&skeleton, order)?;
    Ok(Built { proc, notes })
}

/// Whether a view is all of the root: an image, whose changes stay in the sandbox.
fn is_root(view: &View) -> bool {
    matches!(view, View::CopyOnWrite { target, .. } if target == "/")
}

/// The image that the order asks for, if it does.
fn image(order: &StartOrder) -> Option<&str> {
    order.views.iter().find_map(|view| match view {
        View::CopyOnWrite { source, .. } if is_root(view) => Some(source.as_str()),
        _ => None,
    })
}

/// Makes the skeleton the root, for good.
fn enter(skeleton: &Skeleton, order: &StartOrder) -> Result<(), Refusal> {
    // Of an image, what a server may change is what its files' owners let it change, and no other sandbox sees that.
    if order.keeps(Protection::ReadOnlyRoot) && image(order).is_none() {
        let read_only = Attributes::MOUNT_ATTR_RDONLY;
        mounts::restrict(skeleton.top(), read_only, false).map_err(failed("make read-only", "/"))?;
    }
    if !order.keeps(Protection::FreshRoot) {
        return Ok(());
    }
    fchdir(skeleton.top()).map_err(failed("enter", "/"))?;
    // Both arguments the same: the old root ends up on top of the new one, where `.` still finds it.
    pivot_root(".", ".").map_err(failed("pivot to", "/"))?;
    unmount(".", UnmountFlags::DETACH).map_err(failed("let go of the host's", "/"))?;
    chdir("/").map_err(failed("enter", "/"))
}
