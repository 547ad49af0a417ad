//! What a line says of itself. Pipes know nothing of streams; but the stream on which a server asks its client something says for which
//! call it asks, and an event's id says where to go on should this runtime be killed. Both are too good to be lost.

use super::conversation::Settled;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sessile_protocol::RequestId;

/// Room for a mark, in bytes: for the ids of a request, of an event and of the server's session, which are short or not passed on.
pub(crate) const MAX_MARK: usize = 32 * 1024;

/// What such a line begins with, which no JSON does.
const MARK: u8 = b'@';
/// What ends the mark, which as JSON text holds none.
const END: u8 = b'\t';

/// Where a line comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    /// The request on whose stream it came; none for the stream outside of calls, and for what is no event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) call: Option<RequestId>,
    /// The event that the stream can be gone on with after this line; empty if it no longer can. None where nothing has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<String>,
    /// What the answer to `initialize`, which the line is, has settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settled: Option<Settled>,
}

impl About {
    /// The request that the line belongs to.
    pub(crate) fn into_call(self) -> Option<RequestId> {
        self.call
    }

    /// The beginning of a line; nothing where there is nothing to say.
    pub(super) fn mark(&self) -> Bytes {
        if *self == Self::default() {
            return Bytes::new();
        }
        // Plain data is always written.
        let text = serde_json::to_string(self).unwrap_or_default();
        [&[MARK], text.as_bytes(), &[END]].concat().into()
    }
}

/// What a line says of itself, and the message, which is empty where it says nothing else.
pub(crate) fn split(line: Bytes) -> (About, Bytes) {
    let end = memchr::memchr(END, &line).filter(|_| line.first() == Some(&MARK));
    let about = end.and_then(|end| serde_json::from_slice(line.get(1..end)?).ok());
    match (about, end) {
        (Some(about), Some(end)) => (about, line.slice(end + 1..)),
        _ => (About::default(), line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_comes_apart_again() {
        let settled = Settled { session: Some("its own".to_owned()), version: None };
        for id in ["7", "\"a\"", "\"tab \\t and @\""] {
            let id = RequestId::from_json(id).unwrap();
            for about in [
                About { call: Some(id.clone()), ..About::default() },
                About { event: Some("an\tevent \u{e9}".to_owned()), settled: Some(settled.clone()), call: Some(id) },
            ] {
                for message in [&b"{\"a\":\t1}"[..], b""] {
                    let line = [about.mark(), Bytes::from_static(message)].concat().into();
                    assert_eq!(split(line), (about.clone(), Bytes::from_static(message)));
                }
            }
        }
    }

    #[test]
    fn what_is_not_marked_stays_as_it_is() {
        assert!(About::default().mark().is_empty());
        for plain in ["{}", "", "@", "@7", "{\"a\":\t1}", "@\t{}"] {
            assert_eq!(split(Bytes::from(plain)), (About::default(), Bytes::from(plain)));
        }
    }
}
