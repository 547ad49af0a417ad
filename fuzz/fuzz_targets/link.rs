//! What init sends is hostile input: any bytes are frames or an error, however they are cut, and nothing grows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile_link::{Frame, FrameDecoder};

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, bool) {
    let mut decoder = FrameDecoder::new();
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

fuzz_target!(|data: &[u8]| {
    let (whole, bad) = decode(std::iter::once(data));
    let (cut, cut_bad) = decode(data.chunks(5));
    assert_eq!(bad, cut_bad);
    assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
});
