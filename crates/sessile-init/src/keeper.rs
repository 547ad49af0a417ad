//! The keeper: outlives a runtime that was killed, and removes the cgroups it could not.
//!
//! Sandboxes need no keeper to die: their init sees the link end and counts down by itself. But a cgroup is a directory
//! that somebody has to remove. The keeper sits in a blocking read until the runtime is gone, holds nothing else, and ends when
//! nothing is left. A runtime that takes the sandboxes over takes the [lease](crate::lease), and the keeper waits for it.

use crate::lease::Lease;
use crate::link::{Heard, Link};
use crate::{cgroup_tree, clock};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use sessile_link::ToKeeper;

/// How often it looks whether cgroups have become empty.
const PACE: Duration = Duration::from_millis(100);

/// How much longer than the grace a sandbox gets to end itself before it is killed.
const MARGIN: Duration = Duration::from_secs(1);

/// How long it tries in all after that. A process that not even the kernel can kill would hold it for ever.
const PERSISTENCE: Duration = Duration::from_secs(60);

/// Runs the keeper of one runtime.
pub(crate) fn run() -> i32 {
    let mut link = Link::<ToKeeper>::inherited();
    let _ = rustix::process::setsid();
    let (mut own, mut others) = (Vec::new(), Vec::new());
    let mut grace = Duration::ZERO;
    let mut lease = None;
    while let Heard::Message(message) = link.wait() {
        match message {
            ToKeeper::Guard(more) => own.extend(more),
            ToKeeper::Sweep(left) => {
                // What still lives belongs to sandboxes within their grace; it is looked at again at the end.
                others.extend(left.into_iter().filter(|tree| !cgroup_tree::remove_with_parent(tree)));
            }
            ToKeeper::Grace(millis) => grace = grace.max(Duration::from_millis(millis)),
            ToKeeper::Lease(directory) => lease = Lease::of(directory),
        }
    }
    let code = clear(own, lease.as_ref(), grace + MARGIN);
    if let Some(lease) = lease.filter(|_| code == 0) {
        lease.remove();
    }
    // Of what others left only the empty goes. It is neither waited for nor killed: it has a grace of its own, which
    // nobody here knows, and the next node looks again.
    for tree in &others {
        cgroup_tree::remove_with_parent(tree);
    }
    code
}

/// Removes `trees` as they become empty; when nobody has had the lease for `patience`, whatever is in them is killed.
fn clear(mut trees: Vec<String>, lease: Option<&Lease>, patience: Duration) -> i32 {
    let mut deadline = clock::now() + patience;
    trees.iter().for_each(|tree| cgroup_tree::thaw(tree));
    loop {
        trees.retain(|tree| !cgroup_tree::remove_with_parent(tree));
        if trees.is_empty() {
            return 0;
        }
        if lease.is_some_and(Lease::wait_while_held) {
            // Another runtime had the sandboxes, and is gone as well.
            deadline = clock::now() + patience;
            trees.iter().for_each(|tree| cgroup_tree::thaw(tree));
            continue;
        }
        let now = clock::now();
        if now > deadline + PERSISTENCE {
            return 1;
        }
        if now > deadline {
            trees.iter().for_each(|tree| cgroup_tree::kill(tree));
        }
        clock::sleep(PACE);
    }
}
