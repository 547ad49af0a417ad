//! `Accept` and `Content-Type` as clients really send them.

use proptest::prelude::*;

use super::*;

#[test]
fn the_most_specific_range_decides() {
    let cases: [(&[&str], bool); 14] = [
        (&[], true),
        (&["application/json, text/event-stream"], true),
        (&["application/json"], false),
        (&["application/json", "TEXT/Event-Stream; q=0.5"], true),
        (&["*/*"], true),
        (&["text/*"], true),
        (&["application/*"], false),
        (&["*/*, text/event-stream;q=0"], false),
        (&["*/*;q=0, text/event-stream"], true),
        (&["text/event-stream;charset=utf-8; Q=0.000"], false),
        (&["text/event-stream;q=0.001"], true),
        (&["text/*;q=0, */*"], false),
        (&[""], false),
        (&["text/event-streams, text"], false),
    ];
    for (values, expected) in cases {
        assert_eq!(accepts(values.iter().copied(), TEXT_EVENT_STREAM), expected, "{values:?}");
    }
}

#[test]
fn media_types_lose_their_parameters() {
    assert_eq!(media_type(" application/json ; charset=utf-8"), "application/json");
    assert!(is_json("Application/JSON"));
    assert!(!is_json("text/plain"));
    assert!(!is_json(""));
}

proptest! {
    #[test]
    fn no_value_makes_the_reader_panic(value in any::<String>()) {
        let _taken = accepts([value.as_str()], APPLICATION_JSON);
        let _kind = media_type(&value);
    }
}

#[test]
fn the_order_of_the_client_decides_among_equals() {
    let prefers_events = |accept: &str| prefers([accept], "text/event-stream", "application/json");
    assert!(prefers_events("text/event-stream, application/json"));
    assert!(!prefers_events("application/json, text/event-stream"));
    assert!(prefers_events("application/json;q=0.5, text/event-stream"));
    assert!(!prefers_events("text/event-stream;q=0.1, application/json"));
    assert!(!prefers_events("*/*"));
}
