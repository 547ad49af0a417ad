//! The floors: what the machine itself takes for the same thing, with no runtime in between.

mod exec;
mod pipe;
mod seal;
mod tiny_elf;

pub use exec::{Spawn, exec_churn};
pub use pipe::{PipeBackend, pipe_calls, pipe_churn, pipe_new_session};
pub use seal::{Sealing, sealing};

#[cfg(test)]
mod tests;
