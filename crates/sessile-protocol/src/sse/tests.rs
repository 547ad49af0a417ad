//! Events written and read back, and streams as other writers write them.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

fn decode(stream: &[u8], pieces: usize) -> Result<Vec<SseEvent>, DecodeError> {
    let mut decoder = Decoder::new(1 << 20);
    let mut events = Vec::new();
    for piece in stream.chunks(pieces.max(1)) {
        decoder.feed(piece);
        while let Some(event) = decoder.next_event()? {
            events.push(event);
        }
    }
    Ok(events)
}

fn data(text: &'static str) -> SseEvent {
    SseEvent { data: Bytes::from_static(text.as_bytes()), ..SseEvent::default() }
}

#[test]
fn an_event_looks_like_this() {
    let mut out = BytesMut::new();
    encode(&mut out, Some("3-1"), Some(1000), None, b"{\r\n}");
    encode(&mut out, Some("a\nb"), None, Some("endpoint"), b"");
    comment(&mut out, "keep\r\nalive");
    assert_eq!(
        out,
        &b"id: 3-1\nretry: 1000\ndata: {\ndata: }\n\nid: ab\nevent: endpoint\ndata: \n\n: keepalive\n\n"[..]
    );
}

#[test]
fn the_examples_of_the_standard_are_read() {
    let stock = b"data: YHOO\ndata: +2\ndata: 10\n\n";
    assert_eq!(decode(stock, 3).unwrap(), [data("YHOO\n+2\n10")]);
    let four = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n";
    let mut decoder = Decoder::new(100);
    decoder.feed(four);
    let first = decoder.next_event().unwrap().unwrap();
    assert_eq!((first.id.as_deref(), first.data.as_ref()), (Some("1"), &b"first event"[..]));
    assert_eq!(decoder.last_event_id(), "1");
    let second = decoder.next_event().unwrap().unwrap();
    assert_eq!((second.id.as_deref(), second.data.as_ref()), (Some(""), &b"second event"[..]));
    assert_eq!((decoder.next_event(), decoder.last_event_id()), (Ok(None), ""));
    let two = b"data\n\ndata\ndata\n\ndata:";
    assert_eq!(decode(two, 100).unwrap(), [data(""), data("\n")]);
}

#[test]
fn lines_end_in_three_ways_also_across_pieces() {
    for pieces in 1..6 {
        assert_eq!(
            decode(b"\xEF\xBB\xBFdata:a\r\n\r\ndata:b\r\rdata:c\n\n", pieces).unwrap(),
            [data("a"), data("b"), data("c")]
        );
    }
}

#[test]
fn an_id_without_data_is_remembered_and_bad_fields_are_ignored() {
    let mut decoder = Decoder::new(100);
    decoder.feed(b"id: 9\nretry: 12x\nretry: 250\nfoo: bar\n\nid: a\0b\n\n");
    assert_eq!(decoder.next_event(), Ok(None));
    assert_eq!((decoder.last_event_id(), decoder.retry()), ("9", Some(250)));
}

#[test]
fn a_stream_that_goes_on_keeps_its_place_until_there_is_another() {
    let mut decoder = Decoder::new(100).after("7");
    decoder.feed(b": still here\n\ndata: a\n\n");
    assert_eq!((decoder.next_event(), decoder.last_event_id()), (Ok(Some(data("a"))), "7"));
    decoder.feed(b"id: 8\ndata: b\n\n");
    assert!(decoder.next_event().unwrap().is_some());
    assert_eq!(decoder.last_event_id(), "8");
}

#[test]
fn an_event_that_never_ends_is_an_error() {
    let too_long = Err(DecodeError::TooLong { limit: 10 });
    let mut decoder = Decoder::new(10);
    decoder.feed(b"data: 0123456789");
    assert_eq!(decoder.next_event(), too_long);
    let mut decoder = Decoder::new(10);
    decoder.feed(b"data: 1\ndata: 2\ndata: 3\n");
    assert_eq!(decoder.next_event(), too_long);
}

fn any_event() -> impl Strategy<Value = SseEvent> {
    let text = || proptest::option::of("[^\r\n\0]{0,8}");
    (text(), text(), any::<Vec<u8>>(), any::<Option<u64>>()).prop_map(|(id, event, data, retry)| SseEvent {
        id,
        event,
        data: Bytes::from(data),
        retry,
    })
}

/// What CR, LF and CRLF in data become.
fn normalised(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, byte) in data.iter().enumerate() {
        match byte {
            b'\r' if data.get(at + 1) == Some(&b'\n') => {}
            b'\r' => out.push(b'\n'),
            other => out.push(*other),
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_what_is_read(events in prop::collection::vec(any_event(), 0..5), pieces in 1usize..40) {
        let mut out = BytesMut::new();
        for event in &events {
            encode(&mut out, event.id.as_deref(), event.retry, event.event.as_deref(), &event.data);
            comment(&mut out, "between");
        }
        let expected: Vec<_> = events
            .into_iter()
            .map(|event| SseEvent { data: Bytes::from(normalised(&event.data)), ..event })
            .collect();
        prop_assert_eq!(decode(&out, pieces).unwrap(), expected);
    }

    #[test]
    fn pieces_do_not_matter(stream in "([a-z:\r\n ]|data:|id:){0,60}", pieces in 1usize..20) {
        prop_assert_eq!(decode(stream.as_bytes(), pieces), decode(stream.as_bytes(), usize::MAX));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(stream in any::<Vec<u8>>(), pieces in 1usize..20) {
        let _events = decode(&stream, pieces);
    }
}
