//! Host user ids for sandboxes: each gets two that nobody else has, so that not even the host confuses two sessions.

use sessile_link::HostUsers;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The first id of the range. systemd's table of user ids lists everything from here to [`END`] as unused by anybody.
const BASE: u32 = 0x7000_0000;

/// The first id after the range.
const END: u32 = 0x7ffe_0000;

/// The user that files belong to which outlive their sandbox: nobody's, and so no sandbox's, whose ids come and go. What a server
/// marks as a program that runs as its owner then gives nobody anything.
const FILES: u32 = END;

/// Whom files are to belong to, on the host, that are shown writable to one sandbox after the other; `None`: to this user.
#[must_use]
pub fn owner_of_kept_files() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(FILES)
}

/// Ids that each sandbox takes: one for the server, one for its init.
const EACH: u32 = 2;

/// The next pair to hand out, for all drivers of this process; unset until the first begins.
static NEXT: OnceLock<AtomicU32> = OnceLock::new();

/// Hands out host users.
#[derive(Debug)]
pub(crate) struct Users {
    /// `None` without the privilege to become anybody else.
    next: Option<&'static AtomicU32>,
}

impl Users {
    /// For this process, as privileged as it is. Begins at a place of the range that differs between nodes of a host, since nobody
    /// coordinates them.
    pub(crate) fn new(node_pid: u32, node_started: u64) -> Self {
        let privileged = rustix::process::geteuid().is_root();
        let mixed = (u64::from(node_pid) << 32 | node_started & 0xffff_ffff).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let start = u32::try_from(mixed >> 40).unwrap_or(0); // 24 bits
        Self { next: privileged.then(|| NEXT.get_or_init(|| AtomicU32::new(start))) }
    }

    /// Two ids for one sandbox. They come round again only after a hundred million sandboxes.
    pub(crate) fn next(&self) -> HostUsers {
        let Some(next) = self.next else {
            return HostUsers::Rootless;
        };
        let pairs = (END - BASE) / EACH;
        let pair = next.fetch_add(1, Ordering::Relaxed) % pairs;
        let server = BASE + pair * EACH;
        HostUsers::Root { server, init: server + 1 }
    }
}
