//! Sessions: who may open one, how it lives, and why it ends.
//!
//! A [`Node`] hosts servers ([`Hosted`]). A caller's `initialize` opens a [`Session`] in a sandbox of its own;
//! every later message finds it by its [`SessionId`] and goes through its bridge to the server's pipes. What
//! comes back is pulled through an [`Exchange`]. One task per session, the pump, reads the server and keeps
//! the session's clocks.
//!
//! It does not speak HTTP (that is `sessile-front`), does not know how a sandbox is made
//! (`sessile-sandbox`), and does not decide what a message means (`sessile-bridge`).
//!
//! Start reading at [`Node::open`], then `starting.rs`, `session.rs` and `pump.rs`.

mod admission;
mod adoption;
mod book;
mod breaker;
mod chronicle;
mod egress;
mod error;
mod estate;
mod exchange;
mod exec;
mod handle_call;
mod hosted;
mod input;
mod legacy;
mod lines;
mod lists;
mod memory;
mod modern;
mod names;
mod node;
mod opening;
mod oversized;
mod peer;
mod place;
mod pool;
mod pump;
mod record;
mod records;
mod registry;
mod session;
mod session_id;
mod sleep;
mod started;
mod starting;
mod states;
mod stderr;
mod stop;
mod tasks;
mod tools;
mod workspace;

pub use admission::{Budget, Full};
pub use adoption::Adoption;
pub use egress::EgressView;
pub use error::{ModernFault, OpenError, SessionError, Side};
pub use exchange::Exchange;
pub use exec::{ExecFault, SessionExec};
pub use hosted::Hosted;
pub use legacy::LegacyAnswer;
pub use lists::{NodeView, RestView, ServerView, SessionView, UseView};
pub use memory::{RememberedEras, Speaks, remembered_eras};
pub use modern::{ModernAnswer, ModernCall, ModernError};
pub use node::{Keeping, Node, NodeLimits, NodeParts};
pub use registry::EndedSession;
/// What running a command in a session takes and gives.
pub use sessile_sandbox::{Exec, ExecError, ExecSpec, Exit, Pipes, Streams, Terminal, WindowSize};
pub use session::{Session, State, Visit};
pub use session_id::{SessionId, SessionName};
pub use sleep::{HibernationPlace, Later, Listening, RestFault};
pub use stop::{PostMortem, StopReason};
