use super::*;
use proptest::prelude::*;
use std::prelude::rust_2024::*;
use std::vec;

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let frame = (any::<u8>(), prop::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(channel, payload)| Frame { channel, payload });
    prop::collection::vec(frame, 0..12)
}

fn drain(decoder: &mut FrameDecoder) -> Result<Vec<Frame>, FrameError> {
    let mut out = Vec::new();
    while let Some(frame) = decoder.next()? {
        out.push(frame);
    }
    Ok(out)
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in_however_the_bytes_are_cut(
        sent in frames(),
        cuts in prop::collection::vec(1_usize..64, 1..40),
    ) {
        let mut bytes = Vec::new();
        for frame in &sent {
            encode(frame.channel, &frame.payload, &mut bytes).unwrap();
        }
        let mut decoder = FrameDecoder::new();
        let mut got = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            decoder.push(now);
            got.extend(drain(&mut decoder).unwrap());
            rest = later;
        }
        prop_assert_eq!(got, sent);
        prop_assert!(!decoder.is_mid_frame());
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_hold_more_than_came(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
        let mut decoder = FrameDecoder::new();
        decoder.push(&bytes);
        if let Ok(frames) = drain(&mut decoder) {
            let given: usize = frames.iter().map(|f| f.payload.len() + 5).sum();
            prop_assert!(given <= bytes.len());
        }
    }
}

#[test]
fn a_header_that_lies_about_its_length_is_refused_before_the_payload_comes() {
    let mut decoder = FrameDecoder::new();
    decoder.push(&[0, 0xff, 0xff, 0xff, 0xff]);
    let refused = Err(FrameError::TooLong { length: 0xffff_ffff });
    assert_eq!(decoder.next(), refused);
    assert_eq!(decoder.next(), refused);
}

#[test]
fn the_longest_payload_fits_and_one_byte_more_does_not() {
    let mut out = Vec::new();
    let mut payload = vec![7; MAX_PAYLOAD];
    encode(CONTROL, &payload, &mut out).unwrap();
    let mut decoder = FrameDecoder::new();
    decoder.push(&out);
    assert_eq!(decoder.next().unwrap().unwrap().payload, payload);
    payload.push(7);
    out.clear();
    assert!(encode(CONTROL, &payload, &mut out).is_err());
    assert!(out.is_empty());
}
