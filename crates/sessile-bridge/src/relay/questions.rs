//! Questions that are asked for a call, and end with it.
//!
//! Over pipes, a legacy server does not say which call it asks for. Over HTTP the stream says it, and a modern one does
//! itself: what plays a legacy server in front of it (see [`Upgraded`](crate::Upgraded)) passes that on.

use sessile_protocol::error::cancelled;
use sessile_protocol::{Body, Message, Method, RequestId};

use crate::record::Outcome;
use crate::ring::Content;
use crate::time::Time;

use super::Relay;
use super::routing::Affinity;

impl Relay {
    /// Takes a message of whatever plays the server.
    pub(crate) fn hear(&mut self, now: Time, message: Message) {
        self.advance(now);
        let message = self.prefix.add(message);
        self.server_message(message);
        self.settle();
    }

    /// Takes a request of whatever plays the server, asked for a client request: it goes out on the stream of `call`,
    /// and the client is told when `call` ends before it has answered.
    pub(crate) fn ask(&mut self, now: Time, call: RequestId, question: Message) {
        self.advance(now);
        let question = self.prefix.add(question);
        self.server_question(call, question);
        self.settle();
    }

    /// Takes a request that is asked for `call`; anything else as if it were not.
    pub(super) fn server_question(&mut self, call: RequestId, question: Message) {
        let Body::Request { id, method } = question.body() else {
            return self.server_message(question);
        };
        let (id, method) = (id.clone(), method.clone());
        let call = self.calls.get(&call).is_some().then_some(call);
        self.server_request(id, method, call, question);
    }

    /// A call ends: nobody waits for the answers to what was asked for it.
    pub(super) fn end_questions(&mut self, call: &RequestId) {
        for id in self.server_requests.asked_for(call) {
            let Some(request) = self.server_requests.give_up(&id) else {
                continue;
            };
            if !self.streams.withdraw(&id) {
                // The client has seen it, and may still be asking its user.
                let notice = cancelled(&id, "the request it was asked for has ended");
                let affinity = request.stream.map_or(Affinity::Listeners, Affinity::Stream);
                self.route(affinity, Content::Notification(Method::new("notifications/cancelled")), notice);
            }
            self.end_server_request(request, Outcome::Cancelled);
        }
    }
}
