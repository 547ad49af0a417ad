//! The era bridge: what a session does with each message, as state machines without I/O.
//!
//! A machine is told what happened ([`Event`]) and when ([`Time`]); it says what to do ([`Action`]) and what each
//! HTTP exchange may send next ([`Pull`]). It has no clock, no socket, no task and no randomness, so that tests
//! drive hours in microseconds and any order of events can be tried. It reads of JSON what it must: the envelope, and
//! where eras meet the members that one of them does not have. All else goes through as it came.
//!
//! There is one machine per pair of eras. [`Relay`] joins a client and a server that are both of the legacy era:
//! Streamable HTTP (2025-03-26 to 2025-11-25) or HTTP+SSE (2024-11-05) on one side, stdio on the other. Start
//! reading there; `calls`, `server_requests` and `streams` are the three tables it keeps.
//! [`Upgraded`] puts a server of the modern era behind such a relay, and plays a legacy one in front of it.
//! [`Modern`] serves clients of the modern era from one server of either era: it opens the server, parks the calls
//! that a legacy server asks something about until their clients come back, and makes tasks of those that take long.

mod bridge;
mod calls;
mod config;
mod event;
mod event_id;
mod forgotten;
pub mod handles;
mod mint;
mod modern;
mod profile;
mod record;
mod refusal;
mod relay;
mod ring;
mod salient;
mod server_requests;
mod streams;
mod time;
mod upgraded;

pub use bridge::Bridge;
pub use config::{Config, Opening, Transport};
pub use event::{Action, ConnectionId, Cut, Event, List, Pull, SseEvent, TaskChange, TaskState};
pub use mint::{CallId, Mint, StateOf};
pub use modern::Modern;
pub use profile::{ClientProfile, ServerProfile};
pub use record::{Kind, Outcome, Record, Side, Why};
pub use refusal::Refusal;
pub use relay::Relay;
pub use salient::salient;
pub use time::Time;
pub use upgraded::Upgraded;
