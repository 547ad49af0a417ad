//! What the runtime and a machine's porter say to each other.
//!
//! The porter is the server of the process driver that a machine monitor runs under: it starts the monitor, carries the guest's streams
//! between the link and its own standard streams, and so outlives the runtime with them. It listens on [`PORT`] of its loopback interface,
//! where the runtime has itself connected by init. The first frame of each connection says what it is for: [`ToPorter`].

use crate::streams::{Incoming, Opening, Outgoing};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Where the porter listens.
pub const PORT: u16 = 3127;

/// The channel, on a connection for control, of what is said to the porter itself: [`Errand`] and [`FromPorter`]. The channels
/// [`CONTROL`](crate::frame::CONTROL) and [`MACHINE`](crate::streams::MACHINE) are the guest's, as they are.
pub const PORTER: u8 = 8;

/// What a connection is for; its first frame, on [`CONTROL`](crate::frame::CONTROL).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToPorter {
    /// Control of the machine; instead of whoever had it. What was not heard by anybody is said again here.
    Control,
    /// A connection into the machine. Answered by a frame with [`Opened`]; from then on its bytes are what travels.
    Open(Opening),
}

/// What came of [`ToPorter::Open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Why there is no connection; 0 if there is.
    pub errno: u16,
}

/// What the runtime asks of the porter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Errand {
    /// End all connections and have the machine [rest](crate::guest::ToGuest::Rest); answered by [`FromPorter::Rested`]. Ends when the machine
    /// proves to be another one.
    Rest,
    /// End the machine, and then itself, once this is on standard error behind what the server said.
    End(String),
}

/// What the porter says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromPorter {
    /// The machine rests, and everything it said has been passed on.
    Rested(Rest),
    /// The guest broke the rules of its link. It is being ended.
    Broken(String),
}

/// Where the streams of a machine stand that rests. They go on from there, also in another porter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// `None` once nobody reads it.
    pub stdin: Option<Outgoing>,
    /// Standard output and standard error; `None` once they have ended.
    pub outputs: [Option<Incoming>; 2],
    /// What the guest is still to be told.
    pub unsaid: Vec<u8>,
}
