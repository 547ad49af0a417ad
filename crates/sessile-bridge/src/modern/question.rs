//! One thing that a server wants to know of the client.

use serde::{Deserialize, Serialize};
use sessile_protocol::{Method, Object, RequestId};

use crate::time::Time;

use super::capabilities::Need;

/// Where a question came from, and so where its answer goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Origin {
    /// A request of a legacy server: the answer is its response.
    Server(RequestId),
    /// An error that wants URLs opened (2025-11-25, `-32042`): the call is asked anew once they were.
    Error,
    /// `inputRequests` of a modern server, by this key, about a call that is a task.
    Round(String),
}

/// A question that is open.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) origin: Origin,
    pub(super) method: Method,
    /// JSON text.
    pub(super) params: Option<Box<str>>,
    pub(super) need: Need,
    pub(super) asked: Time,
    /// Its key in `inputRequests`, a number unique over the life of its call.
    pub(super) key: u32,
    /// Whether the client was told of it.
    pub(super) is_published: bool,
    /// Whether the server has said that the user did what a URL was for.
    pub(super) is_completed: bool,
}

impl Question {
    pub(super) fn new(origin: Origin, method: Method, params: Option<&str>, need: Need, asked: Time) -> Self {
        let params = params.map(Box::from);
        Self { origin, method, params, need, asked, key: 0, is_published: false, is_completed: false }
    }

    pub(super) fn is_from(&self, id: &RequestId) -> bool {
        matches!(&self.origin, Origin::Server(known) if known == id)
    }

    pub(super) fn key(&self) -> String {
        format!("q{}", self.key)
    }

    /// Whether it asks to open the URL with this id, JSON text.
    pub(super) fn is_elicitation(&self, id: &str) -> bool {
        let params = self.params.as_deref().and_then(Object::parse);
        self.need == Need::Url && params.is_some_and(|params| params.get("elicitationId") == Some(id))
    }
}

/// `inputRequests` of these questions, a JSON object.
pub(super) fn input_requests<'a>(questions: impl IntoIterator<Item = &'a Question>) -> String {
    let mut requests = Object::new();
    for question in questions {
        let mut request = Object::new();
        request.set_string("method", &question.method);
        if let Some(params) = &question.params {
            request.set("params", &**params);
        }
        requests.set(question.key(), request.to_json());
    }
    requests.to_json()
}
