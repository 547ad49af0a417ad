//! What is taken for HTTP and TLS, and what is not.

use super::*;
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Result<Option<FirstBytes>, FirstBytesError> {
    FirstBytes::read(bytes, false)
}

#[test]
fn whatever_some_server_takes_for_http_is_http() {
    for text in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1",
        "get / http/1.1\n",
        "\r\n\r\nGET / HTTP/1.1\r\n",
        " GET / HTTP/1.0\r\n",
        "GET\t/\tHTTP/1.1\r\n",
        "M-SEARCH * HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\rHost: x\r\n",
    ] {
        assert_eq!(read(text.as_bytes()), Ok(Some(FirstBytes::Http)), "{text:?}");
    }
    assert_eq!(read(b"GET /\xff\x80 HTTP/1.1\r\n"), Ok(Some(FirstBytes::Http)));
    for part in ["G", "GET", "GET ", "GET /", "GET / HTT", "\r\n", "\r\n\r\n"] {
        assert_eq!(read(part.as_bytes()), Ok(None), "{part:?}");
    }
    let endless = vec![b'\n'; LONGEST_HEAD + 1];
    assert_eq!(read(&endless), Err(FirstBytesError::Http(HeadError::TooLong)));
    assert_eq!(
        read(&[b"GET ".as_slice(), &[b'a'; LONGEST_HEAD]].concat()),
        Err(FirstBytesError::Http(HeadError::TooLong))
    );
}

#[test]
fn other_protocols_are_other() {
    for bytes in [
        b"SSH-2.0-x".as_slice(),
        b"*1\r\n",
        b"\0\0\0\x08",
        b"{\"a\"",
        b"EHLO x\r\n",
        b"PING\r\n",
        b"a1 LOGIN x\r\n",
        b"GET /\r\n",
    ] {
        assert_eq!(read(bytes), Ok(Some(FirstBytes::Other)), "{bytes:?}");
    }
    assert_eq!(FirstBytes::read(b"QUIT", true), Ok(Some(FirstBytes::Other)));
    assert_eq!(FirstBytes::read(b"", true), Ok(Some(FirstBytes::Other)));
    assert_eq!(FirstBytes::read(b"\x16\x03", true), Err(FirstBytesError::Tls(HelloError::Malformed)));
}

proptest! {
    /// A verdict is not changed by what follows, or it would depend on how the bytes were cut.
    #[test]
    fn a_verdict_stays(bytes in prop::collection::vec(prop::sample::select(b"GET /HTTP1.\r\n\t \x16\x03\0\xff".to_vec()), 0..60), cut in 0..60usize) {
        let early = read(&bytes[..cut.min(bytes.len())]);
        if let Ok(Some(verdict)) = early {
            prop_assert_eq!(read(&bytes), Ok(Some(verdict)));
        }
    }
}
