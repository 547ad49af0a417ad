//! What holds for a sandbox holds for each kind of it: the same tests, of processes and of machines.
//!
//! Tests of what only one of them has are elsewhere: `a_session_has_a_kernel_of_its_own.rs`, and all others for processes.

mod ends;
mod files;
mod limits;
mod network;
mod pools;
mod restarts;
