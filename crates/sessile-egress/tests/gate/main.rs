//! The gate over real sockets: real servers and clients, scripted names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bounds;
mod corpus;
mod first_bytes;
mod forwarding;
mod policy;
mod rebinding;
mod upstream;
mod workbench;
