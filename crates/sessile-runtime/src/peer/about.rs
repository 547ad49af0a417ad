//! How a line says which request it belongs to. Pipes know nothing of streams; the stream on which a server asks its client
//! something says for which call it asks, and that is too good to be lost.

use bytes::Bytes;
use sessile_protocol::RequestId;

/// What such a line begins with, which no JSON does.
const MARK: u8 = b'@';
/// What ends the id, which as JSON text holds none.
const END: u8 = b'\t';

/// The beginning of a line about `id`.
pub(super) fn mark(id: &RequestId) -> Bytes {
    [&[MARK], id.as_json().as_bytes(), &[END]].concat().into()
}

/// The request that a line belongs to, where it says so, and the message.
pub(crate) fn split(line: Bytes) -> (Option<RequestId>, Bytes) {
    if line.first() != Some(&MARK) {
        return (None, line);
    }
    let Some(end) = memchr::memchr(END, &line) else { return (None, line) };
    let id = line.get(1..end).and_then(|id| std::str::from_utf8(id).ok()).and_then(RequestId::from_json);
    (id, line.slice(end + 1..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_comes_apart_again() {
        for id in ["7", "\"a\"", "\"tab \\t and @\""] {
            let id = RequestId::from_json(id).unwrap();
            let line = [mark(&id), Bytes::from_static(b"{\"a\":\t1}")].concat().into();
            assert_eq!(split(line), (Some(id), Bytes::from_static(b"{\"a\":\t1}")));
        }
        for plain in ["{}", "", "@", "@7"] {
            assert_eq!(split(Bytes::from(plain)), (None, Bytes::from(plain)));
        }
    }
}
