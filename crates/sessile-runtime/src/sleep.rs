//! Sessions that sleep: written to the disk with their sandbox's state and their own, and brought back by the first who comes.
//!
//! The order in which a session falls asleep, each step of which the next one relies on:
//!
//! 1. nothing of its clients is let in any more, and nothing is written to its server ([`session::rest`](crate::session));
//! 2. its driver writes the sandbox down and ends it, while the pump reads what the server says to its end (`pump/rest.rs`);
//! 3. the session's own state follows, the file is synced and gets its name, and the ledger says so ([`dormitory`]);
//! 4. the registry leads to what is left in memory ([`asleep`]), and whoever waited goes on from there.
//!
//! Up to the third step the session goes on if anything fails, unless its sandbox has ended by then.
//!
//! Waking ([`waking`]) takes the file first, for good and on the disk, and lets the machine run then: a runtime that is killed between
//! the two loses the session, and no state is ever run twice. Only where a driver says that nothing has run is the file put back.

mod asleep;
mod commands;
mod dormitory;
mod head;
mod listening;
mod streams;
mod waking;

pub(crate) use asleep::{Asleep, Bed};
pub use commands::RestFault;
pub(crate) use dormitory::Dormitory;
pub use dormitory::HibernationPlace;
pub(crate) use head::Head;
pub use listening::{Later, Listening};
pub(crate) use streams::{sink, source};
pub(crate) use waking::Awake;
