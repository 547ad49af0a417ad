//! What the load goes to: started here, asked until it answers, and ended with everything it started.

mod kind;
mod language;
mod node;
mod peer;
mod process;

pub use kind::{Backend, Eras, Kind, Places, start};
pub use language::Language;
pub use node::{Served, server_url, start_node};
pub use process::Running;

#[cfg(test)]
mod tests;
