//! Messages as lines, for servers that speak over stdio.

use bytes::Bytes;
use memchr::memchr2;

/// Raw JSON made fit for one line of newline-delimited stdio.
///
/// In JSON, CR and LF can stand raw only between tokens, where any white space means the same: they become
/// spaces. Nothing is copied when there are none. The newline that ends the line is the caller's to add.
pub fn to_line(raw: Bytes) -> Bytes {
    if memchr2(b'\r', b'\n', &raw).is_none() {
        return raw;
    }
    raw.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}
