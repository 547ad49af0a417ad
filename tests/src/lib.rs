//! What the end-to-end tests stand on: nodes, clients, servers made for one test, and a look at what is left.
//!
//! Each file under `tests/` holds one promise to the real `sessile` binary and real servers, over real sockets on
//! free ports of 127.0.0.1. A [`Node`] is a running `sessile`, with a [`Home`] of its own that everything of it
//! lies in; dropping it stops it and fails the test if anything of it is left ([`leaks`]). [`http`] talks to it
//! with full control over every header and byte, [`Client`] as a well-behaved client of the legacy era would,
//! [`Modern`] as one of the modern era.
//! Nothing here sleeps to let things happen: [`wait::until`] polls, with a deadline.
//!
//! It shares no code with what it tests but the event-stream decoder of `sessile-protocol`.
//!
//! Start reading at [`Node`], then [`Client`].

pub mod admin;
pub mod binaries;
pub mod client;
pub mod events;
pub mod home;
pub mod http;
pub mod leaks;
pub mod machine;
pub mod modern;
pub mod node;
pub mod procfs;
pub mod raw;
pub mod script;
pub mod terminal;
pub mod wait;

pub use client::Client;
pub use events::Events;
pub use home::Home;
pub use http::{Ask, Endpoint, Reply};
pub use modern::{Modern, Parked};
pub use node::Node;
pub use script::Script;
