//! Any bytes are a message, a batch, or an error; never a panic. What is a message keeps its bytes.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sessile_protocol::{Payload, to_line};

fuzz_target!(|data: &[u8]| {
    let raw = Bytes::copy_from_slice(data);
    if let Ok(payload) = Payload::parse(raw, 100) {
        for message in payload.into_messages() {
            let _ =
                (message.progress_token(), message.cancelled_request(), message.subject(), message.protocol_version());
            let line = to_line(message.raw().clone());
            assert!(!line.contains(&b'\n'), "a line has no line feed");
            let again = Payload::parse(line, 100).expect("a message stays one as a line");
            assert_eq!(again.into_messages()[0].body(), message.body());
        }
    }
});
