//! Session handles for servers that never heard of them (SEP-2567, "Explicit state handles").
//!
//! A server gets two tools more, one that opens a session and gives its handle, one that closes it, and each of its
//! own tools gets an optional argument for the handle. The argument is annotated with `x-mcp-header` (2026-07-28,
//! basic/transports/streamable-http, "Custom Headers from Tool Parameters"), so that conforming clients mirror it in
//! a header that load balancers can route on. The server sees nothing of it: the argument is taken out before.
//!
//! [`HandleNames`] chooses names that collide with nothing the server has; [`add_to_list`] and [`take_handle`] work
//! with those; [`answer`] holds what the two tools say. Which handles there are is not known here.

pub mod answer;
mod list;
mod names;
mod occupied;
mod take;
mod tool;

#[cfg(test)]
mod tests;

pub use list::add_to_list;
pub use names::HandleNames;
pub use take::{HandleProblem, Taken, take_handle};
