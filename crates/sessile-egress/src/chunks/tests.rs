//! Chunks end where they end, however they are cut.

use super::*;
use proptest::prelude::*;

fn follow(chunks: &mut Chunks, bytes: &[u8], step: usize) -> Result<usize, HeadError> {
    let mut taken = 0;
    for part in bytes.chunks(step) {
        let count = chunks.follow(part)?;
        taken += count;
        if count < part.len() {
            break;
        }
    }
    Ok(taken)
}

#[test]
fn what_is_not_plain_is_malformed() {
    for text in [
        "\r\n",
        "g\r\n",
        "5;a\r\n",
        "5 \r\n",
        " 5\r\n",
        "+5\r\n",
        "0x5\r\n",
        "5\n",
        "5\rx",
        "1\r\nab",
        "1\r\na\n",
        "1111111111111111\r\n",
        "0\r\nA: b\r\n\r\n",
        "0\r\n\n",
    ] {
        assert_eq!(Chunks::of_request().follow(text.as_bytes()), Err(HeadError::Chunks), "{text:?}");
    }
    assert_eq!(Chunks::of_response().follow(b"0\r\nA: b\r\n\r\nrest"), Ok(11));
    let endless = format!("0\r\n{}", "a: b\r\n".repeat(3000));
    assert_eq!(Chunks::of_response().follow(endless.as_bytes()), Err(HeadError::Chunks));
}

proptest! {
    #[test]
    fn they_end_where_they_end(parts in prop::collection::vec(1..300usize, 0..6), step in 1..80usize, rest in 0..40usize) {
        let mut body = Vec::new();
        for size in parts {
            body.extend(format!("{size:x}\r\n").bytes());
            body.extend(vec![b'\r'; size]);
            body.extend(b"\r\n");
        }
        body.extend(b"0\r\n\r\n");
        let length = body.len();
        body.extend(vec![b'0'; rest]);
        let mut chunks = Chunks::of_request();
        prop_assert_eq!(follow(&mut chunks, &body, step), Ok(length));
        prop_assert!(chunks.is_done());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(taken) = Chunks::of_response().follow(&bytes) {
            prop_assert!(taken <= bytes.len());
        }
    }
}
