//! How deep a JSON text nests, found without parsing it.

use memchr::memchr2;

/// Whether no value of `text` lies deeper than `limit` brackets.
///
/// Reads brackets only, so the answer means something only for text that is, or is about to be shown to be, JSON.
pub(super) fn within(text: &[u8], limit: usize) -> bool {
    // Most messages hold fewer brackets in all than the limit, strings included: one pass, no bookkeeping.
    let opening = text.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    opening <= limit || nesting_within(text, limit)
}

fn nesting_within(text: &[u8], limit: usize) -> bool {
    let mut depth = 0usize;
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return false;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => rest = after_string(tail),
            _ => {}
        }
    }
    true
}

/// What follows the string whose opening quote was just read.
fn after_string(mut text: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', text) {
        let escaped = text.get(at) == Some(&b'\\');
        text = text.get(at + 1 + usize::from(escaped)..).unwrap_or_default();
        if !escaped {
            return text;
        }
    }
    &[]
}
