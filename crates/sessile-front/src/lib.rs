//! HTTP: the only crate that speaks it.
//!
//! A request comes in through [`serve`], is checked for being meant for us and for who sends it (`guard`),
//! finds its server by its path (`route`), and becomes messages for a session, in the era that its client speaks
//! (`post`, then `legacy`, `modern` or `sse_2024`), or for a remote server (`remote`). What comes back is one JSON body
//! or a stream of events (`reply`, `stream`). What goes wrong becomes a status code in one place (`answer`).
//!
//! It holds no session state and decides nothing about sandboxes: that is the runtime's.
//!
//! Start reading at `route.rs`, then `post.rs`.

mod admin;
mod answer;
mod body;
mod cors;
pub mod exec;
mod guard;
mod legacy;
mod modern;
mod post;
mod remote;
mod reply;
mod route;
mod serve;
mod sse_2024;
mod stream;

pub use guard::Hosts;
pub use remote::{Remote, RemoteSettings};
pub use route::{Admin, Public};
pub use serve::{Side, serve};
