//! What the runtime and the first process of a virtual machine say about the machine, before and beside what any init says.
//!
//! A machine may be a copy of another one: before anything of a session runs, the runtime gives it entropy and a clock of its own
//! ([`Renew`]), and it answers with a proof that it took them. Nobody starts a server in a machine that has not proved that.

use serde::{Deserialize, Serialize};

/// What the runtime says to the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToGuest {
    /// Be another machine than all before. First; and again whenever the machine has rested, which ends the rest.
    Renew(Renew),
    /// Say nothing more after [`FromGuest::Resting`], so that the machine can be written down.
    Rest,
}

/// What makes a machine another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// From the host's random number generator, credited as such.
    pub entropy: [u8; 32],
    /// The time of the day: seconds since 1970 (UTC).
    pub seconds: i64,
    /// And nanoseconds.
    pub nanoseconds: u32,
}

/// What the machine says to the runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromGuest {
    /// The kernel runs and so does init. First, and once.
    Up {
        /// The version of the link that this init speaks: [`LINK_VERSION`].
        link: u32,
    },
    /// It is another machine now: 16 bytes from its random number generator, after it took the entropy.
    Renewed {
        /// Never the same twice.
        proof: [u8; 16],
    },
    /// Everything that was to be said is said, and nothing is taken any more, until the machine is another one.
    Resting,
    /// How often the kernel has killed a process because memory ran out. Said before the server's end is.
    OutOfMemory {
        /// Kills since the machine started.
        kills: u64,
    },
}

/// The version of the link between the runtime and a machine's init. They are built together; a template may be older.
pub const LINK_VERSION: u32 = 2;
