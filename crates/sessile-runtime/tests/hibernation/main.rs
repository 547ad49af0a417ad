//! Sessions that hibernate and wake, from a node down to real child processes; the driver between is played.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod failing;
mod falling;
mod restarts;
mod support;
mod waking;
