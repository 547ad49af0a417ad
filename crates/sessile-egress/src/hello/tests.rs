//! ClientHellos built by hand; those of a real client are in `tests/`.

use super::*;
use proptest::prelude::*;

fn vector16(bytes: &[u8]) -> Vec<u8> {
    let mut all = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    all.extend(bytes);
    all
}

fn name_of(name: &str) -> Vec<u8> {
    let mut entry = vec![0];
    entry.extend(vector16(name.as_bytes()));
    vector16(&entry)
}

fn message(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend(vector16(&[0x13, 1]));
    body.extend([1, 0]);
    let mut all = Vec::new();
    for (kind, content) in extensions {
        all.extend(kind.to_be_bytes());
        all.extend(vector16(content));
    }
    body.extend(vector16(&all));
    let mut message = vec![1, 0];
    message.extend(vector16(&body));
    message
}

fn records(message: &[u8], step: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for part in message.chunks(step) {
        all.extend([22, 3, 1]);
        all.extend(vector16(part));
    }
    all
}

fn peek(extensions: &[(u16, Vec<u8>)]) -> Result<Option<ClientHello>, HelloError> {
    ClientHello::peek(&records(&message(extensions), 1 << 14))
}

#[test]
fn the_name_is_read_however_the_message_is_cut_into_records() {
    let message = message(&[(10, vec![0, 2, 0, 29]), (0, name_of("a.test"))]);
    for step in [1, 2, 40, 1 << 14] {
        let bytes = records(&message, step);
        let expected = ClientHello { server_name: Some("a.test".to_owned()), is_encrypted: false };
        assert_eq!(ClientHello::peek(&bytes), Ok(Some(expected)));
        for end in 0..bytes.len() {
            assert_eq!(ClientHello::peek(&bytes[..end]), Ok(None), "{end} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn what_does_not_read_cleanly_is_refused() {
    assert_eq!(peek(&[]), Ok(Some(ClientHello { server_name: None, is_encrypted: false })));
    assert!(peek(&[(0xfe0d, vec![0])]).unwrap().unwrap().is_encrypted);
    let mut other_kind = name_of("a.test");
    other_kind[2] = 1;
    let mut two_names = vec![0];
    two_names.extend(vector16(b"a.test"));
    two_names.extend([0, 0, 1, b'b']);
    for content in [name_of(""), name_of("a\u{e9}"), other_kind, vector16(&two_names), vec![], vec![0, 5, 0]] {
        assert_eq!(peek(&[(0, content)]), Err(HelloError::Malformed));
    }
    assert_eq!(peek(&[(0, name_of("a")), (0, name_of("a"))]), Err(HelloError::Malformed));
    let mut server_hello = message(&[]);
    server_hello[0] = 2;
    assert_eq!(ClientHello::peek(&records(&server_hello, 99)), Err(HelloError::NotFirst));
    assert_eq!(ClientHello::peek(&[21, 3, 3, 0, 2, 1, 0]), Err(HelloError::NotFirst));
    let long = records(&[&[1, 0, 0xff, 0xff], [0; 20_000].as_slice()].concat(), 1 << 14);
    assert_eq!(ClientHello::peek(&long), Err(HelloError::TooLong));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), like_tls in any::<bool>()) {
        if let (true, Some(start)) = (like_tls, bytes.get_mut(..6)) {
            start.copy_from_slice(&[22, 3, 1, 0, 200, 1]);
        }
        let _ = ClientHello::peek(&bytes);
    }

    /// Whatever is flipped, the name that is read is one that is there.
    #[test]
    fn a_flipped_bit_hides_no_name(at in 0..70usize, bit in 0..8u32) {
        let mut bytes = records(&message(&[(0, name_of("a.test"))]), 1 << 14);
        let at = at.min(bytes.len() - 1);
        bytes[at] ^= 1 << bit;
        if let Ok(Some(ClientHello { server_name: Some(name), .. })) = ClientHello::peek(&bytes) {
            prop_assert!(bytes.windows(name.len()).any(|part| part == name.as_bytes()));
        }
    }
}
