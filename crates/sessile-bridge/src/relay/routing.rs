//! Which stream a message of the server belongs to.

use bytes::Bytes;
use sessile_protocol::error::{SERVER_GONE, error_response};
use sessile_protocol::{ErrorObject, Method};

use crate::calls::Call;
use crate::config::Transport;
use crate::event::Action;
use crate::event_id::StreamId;
use crate::record::{Kind, Outcome, Record, Why};
use crate::ring::Content;
use crate::streams::{Effect, Reach};

use super::Relay;

/// Where a message would best go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Affinity {
    /// To this stream, as it is about its request.
    Stream(StreamId),
    /// To a request in flight, as servers speak to clients on their behalf.
    Calls,
    /// To a GET stream, as it is about no request.
    Listeners,
}

/// Where a notification goes whose request is not known.
pub(super) fn affinity_of(method: &Method) -> Affinity {
    match method.as_str() {
        "notifications/prompts/list_changed"
        | "notifications/resources/list_changed"
        | "notifications/resources/updated"
        | "notifications/tasks/status"
        | "notifications/tools/list_changed"
        // Progress whose request is over belongs to a task that goes on without it.
        | "notifications/progress" => Affinity::Listeners,
        _ => Affinity::Calls,
    }
}

impl Relay {
    /// Sends a message to the one stream it belongs to, or keeps it for the next GET stream.
    pub(super) fn route(&mut self, affinity: Affinity, content: Content, data: Bytes) {
        let stream = self.place(affinity);
        if let Content::Request(id, _) = &content {
            self.server_requests.moved(id, stream);
        }
        self.streams.send(stream, content, data);
    }

    /// Gives a call that was taken out of the table its answer.
    pub(super) fn end_call(&mut self, call: Call, answer: Bytes, outcome: Outcome) {
        if call.method == "initialize" && outcome != Outcome::Ok {
            self.handshake.fail();
        }
        self.end_questions(&call.id);
        match call.stream {
            Some(stream) => self.streams.answer(stream, call.id.clone(), answer),
            None => self.route(Affinity::Listeners, Content::Answer(call.id.clone()), answer),
        }
        let took = self.now.since(call.started);
        let Call { id, method, subject, .. } = call;
        self.record(Record::CallEnded { id, method, subject, outcome, took });
    }

    /// Answers a call that was taken out of the table with an error of Sessile's own.
    pub(super) fn fail_call(&mut self, call: Call, error: &ErrorObject, outcome: Outcome) {
        let answer = error_response(Some(&call.id), error);
        self.end_call(call, answer, outcome);
    }

    /// Turns what the streams did into actions.
    pub(super) fn settle(&mut self) {
        let (mut events, mut bytes) = (0, 0);
        while let Some(effect) = self.streams.next_effect() {
            match effect {
                Effect::Wake(connection) => self.actions.push_back(Action::Wake(connection)),
                Effect::Cut(connection, cut) => self.record(Record::ConnectionCut { connection, cut }),
                Effect::Moved(id, stream) => self.server_requests.moved(&id, Some(stream)),
                Effect::Homeless(content, data) => self.rehome(content, data),
                Effect::Lost(Content::Notification(_), size, Why::Evicted | Why::SessionEnded) => {
                    events += 1;
                    bytes += size;
                }
                Effect::Lost(content, _, why) => self.lose(content, why),
            }
        }
        if events > 0 {
            self.record(Record::Evicted { events, bytes });
        }
        self.streams.note_backlog();
    }

    /// Finds another stream for a message that was on one that has ended.
    fn rehome(&mut self, content: Content, data: Bytes) {
        let affinity = match &content {
            Content::Notification(method) => affinity_of(method),
            Content::Request(..) | Content::Answer(_) => Affinity::Calls,
        };
        self.route(affinity, content, data);
    }

    /// Nobody will ever take this message.
    fn lose(&mut self, content: Content, why: Why) {
        let record = match content {
            Content::Answer(id) => Record::Undeliverable { kind: Kind::Answer, id: Some(id), method: None, why },
            Content::Notification(method) => {
                Record::Undeliverable { kind: Kind::Notification, id: None, method: Some(method), why }
            }
            Content::Request(id, method) => {
                if let Some(request) = self.server_requests.give_up(&id) {
                    let error = ErrorObject::new(SERVER_GONE, "the client did not come to take the request");
                    self.write(error_response(Some(&id), &error));
                    self.end_server_request(request, Outcome::Undeliverable);
                }
                Record::Undeliverable { kind: Kind::Request, id: Some(id), method: Some(method), why }
            }
        };
        self.record(record);
    }

    /// `None` means that the message waits for the next GET stream.
    fn place(&self, affinity: Affinity) -> Option<StreamId> {
        let listener = self.streams.listener();
        if self.config.transport == Transport::SingleStream {
            return listener;
        }
        match affinity {
            Affinity::Stream(stream) if self.streams.reach(stream) != Reach::None => Some(stream),
            Affinity::Stream(_) | Affinity::Calls => self.youngest_call().or(listener),
            Affinity::Listeners => listener.or_else(|| self.youngest_call()),
        }
    }

    /// The stream of the youngest request in flight, one that is connected before one that may be resumed.
    fn youngest_call(&self) -> Option<StreamId> {
        let with = |reach: Reach| {
            let mut streams = self.calls.youngest_first().filter_map(|call| call.stream);
            streams.find(|stream| self.streams.reach(*stream) == reach)
        };
        with(Reach::Connected).or_else(|| with(Reach::Resumable))
    }
}
