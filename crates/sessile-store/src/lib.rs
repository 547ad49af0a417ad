//! What a node keeps outside its own memory: request states, which travel through clients under seal, the
//! ledger, a SQLite database in the state directory, and the workspaces of principals.
//!
//! This crate does not decide anything: whose ticket it is, whether a call may go on and when a task is over is known
//! further up. It writes down, seals, reads and opens. All its calls block, most for microseconds.
//!
//! Start with [`Sealer`] (what a client carries for us) and [`Ledger`] (what lies on the disk: sessions and tasks).
//! [`Workspaces`] are what servers write to.

mod hibernation;
mod ledger;
mod lock;
mod number;
mod private;
mod process;
mod request_state;
mod sessions;
mod state_dir;
mod tasks;
mod workspaces;

pub use hibernation::{
    CHUNK, Claimed, Draft, HibernatedRow, Hibernation, HibernationError, Label, Settled, Stage, read_any,
};
pub use ledger::{Ledger, LedgerError};
pub use lock::LockError;
pub use private::PrivateError;
pub use process::{NoProcess, Process};
pub use request_state::{KeyError, MAX_TEXT, Refused, SealError, Sealer, Ticket};
pub use sessions::{SessionEnd, SessionRow};
pub use state_dir::StateDirError;
pub use tasks::{TaskCounts, TaskRow, TaskStatus, new_task_id};
pub use workspaces::{Attempt, Lease, Usage, Workspace, WorkspaceError, Workspaces};
