//! Who is calling: principals, API keys, and the one door every request comes through.
//!
//! This crate turns an `Authorization` header and the fact "the peer is on this machine" into a
//! [`Principal`], or into a refusal that says what the client must send. It reads one file, the API
//! keys, and nothing else.
//!
//! It is not HTTP (it sees header values, not requests), it does not decide what a principal may do,
//! and it keeps no record of who came.
//!
//! Start with [`Door::admit`]; every other way to authenticate joins there.

mod api_key;
mod bearer;
mod door;
mod key_file;
mod listener;
mod principal;
mod secret;

pub use api_key::{ApiKey, KeyDigest};
pub use bearer::{Credentials, bearer};
pub use door::{Anonymous, Door, Refused};
pub use key_file::{KeyFile, KeyFileError, KeyFileFault, Outcome};
pub use listener::{OpenListener, refuse_open_listener};
pub use principal::{Principal, PrincipalId};
pub use secret::Secret;
