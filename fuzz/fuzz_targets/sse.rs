//! However an event stream is cut, it decodes to the same events; what is encoded comes back.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use sessile_protocol::sse::{Decoder, encode};

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new(1 << 20);
    let mut events = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        while let Ok(Some(event)) = decoder.next_event() {
            events.push(format!("{event:?}").into_bytes());
        }
    }
    events
}

fuzz_target!(|data: &[u8]| {
    assert_eq!(decode(std::iter::once(data)), decode(data.chunks(3)));
    let mut encoded = BytesMut::new();
    encode(&mut encoded, Some("1-1"), Some(1000), None, data);
    assert_eq!(decode(std::iter::once(&encoded[..])).len(), 1);
});
