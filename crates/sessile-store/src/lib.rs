//! What a node keeps outside its own memory: request states, which travel through clients under seal.
//!
//! This crate does not decide anything: whose ticket it is and whether a call may go on is known further up. It seals
//! and opens. All its calls block, most for microseconds.
//!
//! Start with [`Sealer`].

mod lock;
mod private;
mod request_state;
mod state_dir;

pub use lock::LockError;
pub use private::PrivateError;
pub use request_state::{KeyError, MAX_TEXT, Refused, SealError, Sealer, Ticket};
pub use state_dir::StateDirError;
