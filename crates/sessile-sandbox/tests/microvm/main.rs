//! The microVM driver, held to its promises by machines that really boot: with KVM where it works, else under emulation. Needs what
//! `scripts/microvm-kernel` installs. One file for each promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attacks;
mod booting;
mod echo;
mod ending;
mod exec;
mod images;
mod inside;
mod limits;
mod refusals;
mod sleep;
mod spoiled;
mod support;
mod templates;
mod trial;
mod walls;
