//! Control messages: what travels on channel 0.

use crate::frame::{self, CONTROL, FrameDecoder, FrameError};
use crate::{Note, Refusal, StartOrder};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// What the runtime says to init.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToInit {
    /// Build the sandbox and start the server. Once, and first.
    Start(Box<StartOrder>),
    /// Close init's own copy of the server's standard input, so that the server sees its end when the runtime closes its copy.
    CloseStdin,
    /// Send SIGTERM to the server.
    Terminate,
    /// The first thing that another runtime says, over a link of its own, when the one before is gone: the sandbox is to be its.
    Adopt,
    /// Make a TCP socket inside, begin to connect it to a port of the loopback interface, and hand it over with
    /// [`FromInit::Connected`].
    Connect {
        /// What the answer will carry.
        id: u32,
        /// Which of the two loopback addresses.
        to: Loopback,
        /// The port.
        port: u16,
    },
}

/// An address at which a sandbox reaches itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loopback {
    /// `127.0.0.1`.
    V4,
    /// `::1`.
    V6,
}

/// What init says to the runtime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromInit {
    /// The server's program runs. The message carries three descriptors: the runtime's ends of stdin, stdout, stderr; and
    /// a fourth if the order asked for a [gate](StartOrder::gate): the socket that listens inside.
    Started {
        /// The server's process id inside the sandbox.
        pid: i32,
        /// The version of Landlock that holds it; 0 if none does.
        landlock: u32,
        /// What is less than was asked for.
        notes: Vec<Note>,
    },
    /// The sandbox is that of the runtime which asked for it. The message carries the runtime's ends of stdout and stderr, what was
    /// [kept](Bequest) for it, then its end of stdin if `stdin`, the socket that listens inside if `gate`, and what else was kept if
    /// `kept`.
    Adopted {
        /// [`Bequest::record`], as it came.
        record: String,
        /// As in [`Started`](Self::Started).
        pid: i32,
        /// As in [`Started`](Self::Started).
        landlock: u32,
        /// As in [`Started`](Self::Started).
        notes: Vec<Note>,
        /// How many runtimes have had it, this one included: from 2.
        generation: u32,
        /// Whether the server's standard input is still open.
        stdin: bool,
        /// Whether there is a socket that listens inside.
        gate: bool,
        /// Whether something else was [kept](Bequest::kept).
        kept: bool,
    },
    /// The server was not started, and the sandbox ends.
    Refused(Refusal),
    /// The server ended, and with it the sandbox.
    Exited {
        /// How.
        end: ServerEnd,
        /// Processor time of all processes that init has reaped, in microseconds.
        cpu_us: u64,
        /// The largest resident size of one process, in bytes.
        peak_rss: u64,
    },
    /// What came of [`ToInit::Connect`]. Without an error the message carries one descriptor: a non-blocking socket that is
    /// connecting. Whether somebody listens shows once it is writable, or not.
    Connected {
        /// Of the request.
        id: u32,
        /// What the kernel refused; 0 for nothing.
        errno: i32,
    },
}

/// How a server process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerEnd {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

/// What a runtime says to its keeper, the process that removes cgroups after the runtime was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToKeeper {
    /// Look after these cgroup directories, each with everything below it, once the runtime is gone.
    Guard(Vec<String>),
    /// Remove these now, which another runtime left behind, as soon as nothing lives in them.
    Sweep(Vec<String>),
    /// Sandboxes may live this long after the runtime, in milliseconds. The longest one ever sent counts.
    Grace(u64),
    /// The directory of the runtime's lease: a file `lease` in it is locked (`flock(2)`) by whoever has its sandboxes. While somebody
    /// has it, nothing is killed. Goes when nothing is left.
    Lease(String),
}

/// Bytes on the link that mean nothing. The link cannot be used any further.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A channel that nobody serves.
    #[error("frame on unknown channel {0}")]
    Channel(u8),
    /// Not a message.
    #[error("control message is not understood: {0}")]
    Message(#[from] serde_json::Error),
}

/// Appends `message` to `out` as a frame.
///
/// # Errors
/// [`LinkError::Frame`] if it is over [`frame::MAX_PAYLOAD`] as JSON.
pub fn encode<M: Serialize>(message: &M, out: &mut Vec<u8>) -> Result<(), LinkError> {
    Ok(frame::encode(CONTROL, &serde_json::to_vec(message)?, out)?)
}

/// Turns bytes into messages of type `M`.
#[derive(Debug)]
pub struct Inbox<M> {
    frames: FrameDecoder,
    message: PhantomData<fn() -> M>,
}

impl<M> Default for Inbox<M> {
    fn default() -> Self {
        Self { frames: FrameDecoder::new(), message: PhantomData }
    }
}

impl<M: DeserializeOwned> Inbox<M> {
    /// Takes in bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.frames.push(bytes);
    }

    /// The next whole message, if there is one.
    ///
    /// # Errors
    /// [`LinkError`] for bytes that mean nothing.
    #[allow(clippy::should_implement_trait)] // an iterator would hide that `None` means "not yet"
    pub fn next(&mut self) -> Result<Option<M>, LinkError> {
        let Some(frame) = self.frames.next()? else {
            return Ok(None);
        };
        if frame.channel != CONTROL {
            return Err(LinkError::Channel(frame.channel));
        }
        Ok(Some(serde_json::from_slice(&frame.payload)?))
    }
}
