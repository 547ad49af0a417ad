//! The link: what the runtime and `sessile-init`, the first process of every sandbox, say to each other.
//!
//! Frames (`[channel u8][length u32, big endian][payload]`) travel over a Unix socket or a serial port; channel 0 carries
//! control messages as JSON. This crate is pure: it turns bytes into messages and back, and never reads or writes
//! anything itself. Both sides distrust each other's bytes: a frame that is too long, on an unknown channel, or not
//! JSON is an error that ends the link, never a panic.
//!
//! Start reading at [`control`], the two enums of messages; [`order`] is the order to start a server, [`refusal`] why it
//! was not carried out, [`elf`] what both sides read of a program, [`exec`] the order to run a further command beside it, [`frame`] the bytes; [`streams`] and [`guest`] are
//! what a virtual machine needs beside them, and [`porter`] what its porter is told.

#![no_std] // init is built without the standard library

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod control;
pub mod elf;
pub mod exec;
pub mod frame;
pub mod guest;
pub mod order;
pub mod porter;
pub mod protection;
pub mod refusal;
pub mod streams;

pub use control::{FromInit, Inbox, LinkError, Loopback, ServerEnd, ToInit, ToKeeper};
pub use exec::{Confinement, ExecOrder, ExecRequest, FromExec, Inside, ToDoor, ToExec, WindowSize};
pub use frame::{Frame, FrameDecoder, FrameError};
pub use order::{Bequest, GATE_PORT, HostUsers, MAX_GIVEN, Note, Program, Rlimits, StartOrder, View};
pub use protection::{LeftOut, Protection};
pub use refusal::Refusal;
pub use streams::{Packet, Stream, StreamError};
