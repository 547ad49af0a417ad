//! The process driver, held to its promises on the host that runs the tests: as root when root runs them, and then again as an
//! ordinary user (`rootless`). One file for each promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod adoption;
mod crowd;
mod downgrade;
mod echo;
mod ending;
mod exec;
mod fallbacks;
mod files;
mod frozen;
mod gate;
mod given;
mod held;
mod inside;
mod kept;
mod languages;
mod limits;
mod orphans;
mod port;
mod refusals;
mod rootless;
mod support;
mod unsandboxed;
