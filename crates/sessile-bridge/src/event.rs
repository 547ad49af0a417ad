//! What a bridge is told, and what it says.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use bytes::Bytes;
use sessile_protocol::{ErrorObject, Message};

use crate::mint::CallId;
use crate::profile::ServerProfile;
use crate::record::Record;

/// One HTTP exchange that can carry messages to the client: a POST that holds requests, or a GET. Minted by the
/// caller, and never used twice in a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A POST body: one message, or the messages of a batch.
    ClientMessages {
        /// The exchange that waits for the answer. There when the body holds a request and the transport is
        /// [`Transport::Streamable`](crate::Transport::Streamable) or
        /// [`Transport::PerRequest`](crate::Transport::PerRequest).
        connection: Option<ConnectionId>,
        /// The messages in their order.
        messages: Vec<Message>,
    },
    /// A modern request that goes on with a call that waits for its client. Its request state was opened, and found
    /// to belong to this session, caller, method and parameters.
    Retry {
        /// The exchange that waits for the answer.
        connection: ConnectionId,
        /// The request, with `inputResponses`.
        message: Message,
        /// The call, from the state.
        call: CallId,
        /// The generation, from the state.
        generation: u32,
        /// The server's own request state, from the state.
        inner: Option<String>,
    },
    /// `tasks/update` of a task that the bridge made of a call.
    TaskInput {
        /// The task.
        task: String,
        /// `inputResponses`, a JSON object.
        responses: String,
    },
    /// `tasks/cancel` of a task that the bridge made of a call.
    TaskCancel {
        /// The task.
        task: String,
    },
    /// A GET: the client listens.
    Listen {
        /// The exchange. It is a stream of events from the start, so [`Pull::OpenSse`] never comes on it.
        connection: ConnectionId,
        /// The `Last-Event-ID` header: the client resumes the stream this event was on.
        last_event_id: Option<String>,
    },
    /// The HTTP side will wait no longer for a single JSON answer. [`Pull::OpenSse`] follows, unless the answer is
    /// there already.
    Stream {
        /// The exchange, a POST.
        connection: ConnectionId,
    },
    /// The exchange ended before the bridge ended it.
    ConnectionClosed {
        /// The exchange.
        connection: ConnectionId,
    },
    /// A line of the server. The message is kept until it is sent, and longer for replay: its bytes should not
    /// hold on to a buffer much larger than themselves.
    ServerMessage(Message),
    /// The server has ended, or is about to be ended. Every open request is answered with this error.
    ServerGone(ErrorObject),
    /// Time has passed; see [`Relay::deadline`](crate::Relay::deadline).
    Tick,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this line to the server and a newline after it.
    ToServer(Bytes),
    /// Something can be pulled on this connection.
    Wake(ConnectionId),
    /// Log and count this.
    Record(Record),
    /// The server has said who it is; requests are taken from now on. Comes once.
    Ready(Arc<ServerProfile>),
    /// The server does not speak the era it was opened in, or refused to be opened: what it said. Nothing more will
    /// come of this session.
    Unopened(ErrorObject),
    /// The server's list has changed: what was remembered of it is stale.
    ListChanged(List),
    /// A task that the bridge made of a call is new, or has changed. It must be stored before anything is pulled.
    Task(TaskChange),
    /// The server has made a task of its own, with this id.
    ServerTask(String),
}

/// A list that a server may change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum List {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list` and `resources/templates/list`.
    Resources,
}

impl List {
    /// The list that a notification says has changed.
    pub fn changed_by(method: &str) -> Option<Self> {
        match method {
            "notifications/tools/list_changed" => Some(Self::Tools),
            "notifications/prompts/list_changed" => Some(Self::Prompts),
            "notifications/resources/list_changed" => Some(Self::Resources),
            _ => None,
        }
    }
}

/// What has become of a task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TaskChange {
    /// Its id.
    pub task: String,
    /// What it is now.
    pub state: TaskState,
}

/// The states of a task (SEP-2663, "Task Status").
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TaskState {
    /// It is new, and working.
    Created,
    /// It works, with a message for people where there is one.
    Working(Option<String>),
    /// It waits for its client: `inputRequests`, a JSON object.
    InputRequired(String),
    /// It is done: the result, a JSON object.
    Completed(String),
    /// It failed: the JSON-RPC error, a JSON object.
    Failed(String),
    /// It was cancelled.
    Cancelled,
}

/// What a connection may send next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Nothing yet. A [`Action::Wake`] follows.
    Pending,
    /// The one thing ever said on this POST: answer with this body as `application/json`. The connection is
    /// over.
    Json(Bytes),
    /// Something other than the one final answer comes first: answer as `text/event-stream`, then pull again.
    OpenSse,
    /// An event.
    Event(SseEvent),
    /// All is said; end the response. The connection is over. Also the answer for a connection nobody knows.
    End,
    /// End the response, although not all is said. The connection is over.
    Cut(Cut),
}

/// An event for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    /// Unique in the session; names the stream and the place in it.
    pub id: Option<String>,
    /// How long the client should wait before it connects again.
    pub retry: Option<Duration>,
    /// One message, as it came from the server. Empty in an event whose only use is its id.
    pub data: Bytes,
}

/// Why a connection ends early.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Cut {
    /// The client resumed the stream on another connection.
    Displaced,
    /// The connection did not take its events for the stall timeout while the session was backlogged.
    Stalled,
    /// The server said more than the session may hold before the connection took it.
    Overrun,
}
