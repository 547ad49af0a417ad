//! What the load goes to: started here, asked until it answers, and ended with everything it started.

mod kind;
mod peer;
mod process;

pub use kind::{Backend, Kind, Places, start};
pub use process::Running;

#[cfg(test)]
mod tests;
