//! Bodies: messages that are nearly right, and some that are.

use crate::dice::Dice;

/// Messages to start from. `initialize` is not among them: it goes elsewhere.
const MESSAGES: [&str; 11] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":"a","method":"tools/list","params":{"cursor":"x"}}"#,
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"ping","arguments":{"a":1.5,"b":[true,null]}}}"#,
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"mirror","_meta":{"progressToken":7}}}"#,
    r#"{"jsonrpc":"2.0","id":4,"method":"resources/read","params":{"uri":"test://x"}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"why not"}}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":0.5,"total":1}}"#,
    r#"{"jsonrpc":"2.0","id":9,"result":{"roots":[{"uri":"file:///x"}]}}"#,
    r#"{"jsonrpc":"2.0","id":"q","error":{"code":-32601,"message":"no","data":{}}}"#,
    r#"[{"jsonrpc":"2.0","id":5,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"}]"#,
];

/// Opens a session, if it is left as it is.
pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"m","version":"1"}}}"#;

/// Pieces that have broken parsers.
const PIECES: [&[u8]; 42] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"null",
    b"true",
    b"-",
    b"0",
    b"1e400",
    b"-0",
    b"1.0",
    b"00",
    b"123456789012345678901234567890",
    b"9223372036854775808",
    b"18446744073709551616",
    b"NaN",
    b"Infinity",
    b"\0",
    b"\r\n",
    b"\n",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"\"id\":1,",
    b"\"id\":null,",
    b"\"id\":[],",
    b"\"jsonrpc\":\"1.0\",",
    b"\"method\":\"\",",
    b"\"params\":[],",
    b"\"result\":{},",
    b"\"error\":{},",
    b"/*x*/",
    b"\x1b[31m",
];

/// A message with up to a few changes.
pub(crate) fn any(dice: &mut Dice) -> Vec<u8> {
    let start = dice.pick(&MESSAGES).as_bytes();
    changed(dice, start)
}

/// `start` with up to a few changes.
pub(crate) fn changed(dice: &mut Dice, start: &[u8]) -> Vec<u8> {
    let mut body = start.to_vec();
    for _ in 0..dice.below(4) {
        change(dice, &mut body);
    }
    if dice.one_in(400) {
        // Over the limit of the manifest.
        body.resize(300 * 1024, b' ');
    }
    body
}

fn change(dice: &mut Dice, body: &mut Vec<u8>) {
    let at = dice.below(body.len() + 1);
    let end = (at + 1 + dice.below(12)).min(body.len());
    match dice.below(9) {
        0 => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        1 => drop(body.drain(at.min(end)..end)),
        2 => {
            let copy = body[at.min(end)..end].to_vec();
            body.splice(at..at, copy);
        }
        3 => body.truncate(at),
        4 => body.insert(at, dice.byte()),
        5 => {
            let depth = dice.pick(&[&3_usize, &127, &128, &129, &5000]);
            let (open, close) = if dice.one_in(2) { ("[", "]") } else { ("{\"a\":", "}") };
            let nested = format!("{}1{}", open.repeat(*depth), close.repeat(*depth));
            body.splice(at..at, nested.into_bytes());
        }
        6 => {
            let long = vec![dice.byte(); 1 + dice.below(3000)];
            body.splice(at..at, long);
        }
        _ => {
            let piece = dice.pick(&PIECES);
            body.splice(at..at, piece.iter().copied());
        }
    }
}
