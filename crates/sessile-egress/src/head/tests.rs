//! A head has one meaning or none. The corpus has the many cases; these are the laws.

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Result<RequestHead, HeadError> {
    RequestHead::parse(text.as_bytes())
}

#[test]
fn a_head_ends_at_its_empty_line() {
    assert_eq!(head_end(b"GET / HTTP/1.1\r\nA: b\r\n\r\nrest"), Ok(Some(24)));
    for part in ["", "GET", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n\r"] {
        assert_eq!(head_end(part.as_bytes()), Ok(None), "{part:?}");
    }
    for bad in ["\r\n", "a\n", "a\rb", "a\0", "a\r\n\nb", "a\r\r\n"] {
        assert_eq!(head_end(bad.as_bytes()), Err(HeadError::BareLineEnd), "{bad:?}");
    }
    assert_eq!(head_end(&[b'a'; LONGEST_HEAD]), Ok(None));
    assert_eq!(head_end(&[b'a'; LONGEST_HEAD + 1]), Err(HeadError::TooLong));
}

#[test]
fn what_is_sent_on_is_written_anew() {
    let head = parse("POST http://A.example:81 HTTP/1.1\r\nhost: a.example:81\r\nX:  y \r\ncontent-length: 0\r\n\r\n")
        .unwrap();
    let Form::Absolute { target, path } = &head.form else { panic!("{head:?}") };
    let sent = String::from_utf8(head.forwarded(target, path, true)).unwrap();
    assert_eq!(sent, "POST / HTTP/1.1\r\nHost: a.example:81\r\nx: y\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

#[test]
fn errors_name_what_is_wrong() {
    let with = |lines: &str| parse(&format!("POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n"));
    assert_eq!(with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), Err(HeadError::Framing));
    assert_eq!(with("Host: a.example\r\n"), Err(HeadError::Host));
    assert_eq!(parse("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().form, Form::Origin { path: "/x".into() });
    assert_eq!(parse("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), Err(HeadError::WantsTls));
    assert_eq!(parse("CONNECT a@b:1 HTTP/1.1\r\nHost: a\r\n\r\n"), Err(HostError::UserName.into()));
    assert_eq!(with("Content-Length: 7\r\n").unwrap().body, Body::Length(7));
    assert_eq!(with("Transfer-Encoding: Chunked\r\n").unwrap().body, Body::Chunked);
}

proptest! {
    /// What the gate sends on is a head that it would read in the same way.
    #[test]
    fn what_is_sent_on_reads_the_same(
        name in "[A-Za-z0-9-]{1,12}", value in "[ -~]{0,20}", path in "/[!-\"$-~]{0,20}", length in 0..1000u64,
    ) {
        let text = format!("PUT http://a.example{path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n{name}: {value}\r\n\r\n");
        if let Ok(head) = parse(&text) {
            let target = Target::parse("a.example:80", None).unwrap();
            let again = RequestHead::parse(&head.forwarded(&target, &path, false)).unwrap();
            prop_assert_eq!(&again.form, &Form::Origin { path });
            prop_assert_eq!(again.body, head.body);
            prop_assert!(again.host_agrees_with(&target));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = RequestHead::parse(&bytes);
    }

    #[test]
    fn no_line_end_survives_in_a_head(at in 0..60usize, byte in prop::sample::select(vec![b'\r', b'\n', 0])) {
        let mut bytes = b"GET http://a.example/abc HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n".to_vec();
        let at = at.min(bytes.len() - 4);
        if bytes[at] != b'\r' && bytes[at] != b'\n' {
            bytes[at] = byte;
            prop_assert!(RequestHead::parse(&bytes).is_err());
        }
    }
}
