//! What another runtime must know of a conversation over HTTP to go on with it.
//!
//! The session keeps it, not the peer: it changes in the same step as the bridge, so that the record holds both or neither. What the
//! peer has read of the server and the session has not heard is not in it, and is asked for again where the server's events have ids.

use super::about::About;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sessile_manifest::Endpoint;
use sessile_protocol::{Body, Message, Method, RequestId};
use std::collections::BTreeMap;

/// A conversation with the server that listens at an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Conversation {
    #[serde(serialize_with = "write_endpoint", deserialize_with = "read_endpoint")]
    pub(crate) endpoint: Endpoint,
    /// Where `initialize` has led to; none with a modern server.
    pub(super) settled: Option<Settled>,
    /// Whether the server was told that it is initialized: from then on it may say what belongs to no call.
    pub(super) listens: bool,
    /// The event after which the stream outside of calls is gone on with; empty where the server gives no ids.
    pub(super) outside: String,
    /// Whether the client wants to hear what the server logs.
    pub(super) wants_log: bool,
    /// Requests that are on their way to the server, or there.
    calls: BTreeMap<RequestId, Call>,
}

/// What `initialize` has settled with a legacy server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settled {
    /// The id of the server's own session, if it has given one. A secret of the sandbox's.
    pub(super) session: Option<String>,
    /// The version that was agreed on.
    pub(super) version: Option<String>,
}

/// A request that has no answer yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Call {
    method: Method,
    /// The last event of its stream that the session has heard; empty where there is none to go on after.
    last: String,
}

/// A call of which the rest can be asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broken {
    pub(super) id: RequestId,
    pub(super) method: Method,
    pub(super) last: String,
}

impl Conversation {
    /// One that has not begun.
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            settled: None,
            listens: false,
            outside: String::new(),
            wants_log: false,
            calls: BTreeMap::new(),
        }
    }

    /// Notes a line that is on its way to the server.
    pub(crate) fn say(&mut self, line: &Bytes) {
        let Ok(message) = Message::parse(line.clone()) else { return };
        match message.body() {
            Body::Request { id, method } => {
                self.wants_log |= *method == "logging/setLevel";
                self.calls.insert(id.clone(), Call { method: method.clone(), last: String::new() });
            }
            Body::Notification { method } if *method == "notifications/initialized" => self.listens = true,
            _ => {}
        }
        if let Some(given_up) = message.cancelled_request() {
            self.calls.remove(&given_up);
        }
    }

    /// Notes what the session has heard: where the line came from, and the message in it.
    pub(crate) fn hear(&mut self, about: &About, message: Option<&Message>) {
        if let Some(settled) = &about.settled {
            self.settled = Some(settled.clone());
        }
        if let Some(event) = &about.event {
            let last = match &about.call {
                Some(id) => self.calls.get_mut(id).map(|call| &mut call.last),
                None => Some(&mut self.outside),
            };
            // A call that is answered needs no place to go on from.
            if let Some(last) = last {
                last.clone_from(event);
            }
        }
        if let Some(Body::Response { id: Some(id), .. }) = message.map(Message::body) {
            self.calls.remove(id);
        }
    }

    /// Whether some of what the server was asked, besides what is `unsent`, would be lost with the connections to it.
    pub(crate) fn is_bound(&self, unsent: &Bytes) -> bool {
        // The bridge asks again to be told of changes.
        let is_call = |id: &RequestId| self.calls.get(id).is_some_and(|call| call.method != "subscriptions/listen");
        !self.calls.is_empty() && self.broken_off(unsent).1.iter().any(is_call)
    }

    /// Judges what the server was asked by a runtime that is gone, besides what is `unsent`: whose rest can be asked for, and what
    /// nobody will ever answer.
    pub(crate) fn broken_off(&self, unsent: &Bytes) -> (Vec<Broken>, Vec<RequestId>) {
        let lines = unsent.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let messages = lines.filter_map(|line| Message::parse(unsent.slice_ref(line)).ok());
        let to_come: Vec<_> = messages
            .filter_map(|message| match message.body() {
                Body::Request { id, .. } => Some(id.clone()),
                _ => None,
            })
            .collect();
        let (mut rest, mut lost) = (Vec::new(), Vec::new());
        for (id, Call { method, last }) in self.calls.iter().filter(|(id, _)| !to_come.contains(id)) {
            if last.is_empty() {
                lost.push(id.clone());
            } else {
                rest.push(Broken { id: id.clone(), method: method.clone(), last: last.clone() });
            }
        }
        (rest, lost)
    }
}

fn write_endpoint<S: Serializer>(endpoint: &Endpoint, serializer: S) -> Result<S::Ok, S::Error> {
    (endpoint.port, endpoint.path.as_str()).serialize(serializer)
}

fn read_endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
    let (port, path) = <(std::num::NonZeroU16, String)>::deserialize(deserializer)?;
    let path = path.parse().map_err(serde::de::Error::custom)?;
    Ok(Endpoint { port, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Bytes {
        Bytes::from(format!("{{\"jsonrpc\":\"2.0\",{text}}}"))
    }

    fn message(text: &str) -> Message {
        Message::parse(line(text)).unwrap()
    }

    /// After three calls, of which the first two were heard of.
    fn conversation() -> Conversation {
        let endpoint = Endpoint { port: 8000.try_into().unwrap(), path: "/mcp".parse().unwrap() };
        let mut conversation = Conversation::new(endpoint);
        conversation.say(&line(r#""method":"notifications/initialized""#));
        for id in [1, 2, 3] {
            conversation.say(&line(&format!(r#""id":{id},"method":"tools/call""#)));
        }
        for (id, event) in [(1, "a-1"), (2, "b-1"), (2, "b-2")] {
            let about = About { call: Some(id.into()), event: Some(event.to_owned()), settled: None };
            conversation.hear(&about, None);
        }
        conversation
    }

    fn broken(id: i64, last: &str) -> Broken {
        Broken { id: id.into(), method: Method::new("tools/call"), last: last.to_owned() }
    }

    #[test]
    fn what_can_be_asked_for_again_is_told_from_what_cannot() {
        let text = serde_json::to_string(&conversation()).unwrap();
        let conversation: Conversation = serde_json::from_str(&text).unwrap();
        assert!(conversation.listens && conversation.endpoint.path.as_str() == "/mcp");
        let (rest, lost) = conversation.broken_off(&Bytes::new());
        assert_eq!((rest, lost), (vec![broken(1, "a-1"), broken(2, "b-2")], vec![3.into()]));
        let unsent = [line(r#""id":3,"method":"tools/call""#), Bytes::from_static(b"\n")].concat().into();
        assert_eq!(conversation.broken_off(&unsent).1, [], "it is still to be sent");
    }

    #[test]
    fn it_is_bound_to_its_connections_by_calls_that_cannot_be_asked_for_again() {
        let mut conversation = conversation();
        assert!(conversation.is_bound(&Bytes::new()), "by the third");
        let unsent = [line(r#""id":3,"method":"tools/call""#), Bytes::from_static(b"\n")].concat().into();
        assert!(!conversation.is_bound(&unsent), "which is still to be sent");
        conversation.hear(&About::default(), Some(&message(r#""id":3,"result":{}"#)));
        conversation.say(&line(r#""id":4,"method":"subscriptions/listen""#));
        assert!(!conversation.is_bound(&Bytes::new()));
    }

    #[test]
    fn what_is_answered_or_given_up_is_over() {
        let mut conversation = conversation();
        conversation.hear(&About::default(), Some(&message(r#""id":3,"result":{}"#)));
        conversation.say(&line(r#""method":"notifications/cancelled","params":{"requestId":1}"#));
        assert_eq!(conversation.broken_off(&Bytes::new()), (vec![broken(2, "b-2")], vec![]));
        // A late event of its stream is no reason to ask for it.
        let about = About { call: Some(3.into()), event: Some("c-9".to_owned()), settled: None };
        conversation.hear(&about, None);
        assert_eq!(conversation.broken_off(&Bytes::new()).0, [broken(2, "b-2")]);
    }

    #[test]
    fn a_stream_whose_ids_have_ended_cannot_be_asked_for() {
        let mut conversation = conversation();
        conversation.hear(&About { call: Some(1.into()), event: Some(String::new()), settled: None }, None);
        assert_eq!(conversation.broken_off(&Bytes::new()).1, [1.into(), 3.into()]);
    }
}
