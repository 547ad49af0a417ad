use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::key::{Key, KeyId};
use super::key_ring::{KeyRing, SEALS_FOR_MS};
use super::sealed::MAX_PLAIN;
use super::*;

mod processes;

/// A Tuesday, and what is one rotation later.
const NOW: u64 = 1_800_000_000_000;
const DAY: u64 = SEALS_FOR_MS;

fn ticket() -> Ticket {
    Ticket {
        session: "b0b5".into(),
        call: 7,
        generation: 2,
        principal: "key:ada".into(),
        server: "everything".into(),
        method: "tools/call".into(),
        digest: [0xd1; 32],
        expires_ms: NOW + 600_000,
        inner: Some("step-2".into()),
    }
}

fn sealer() -> Sealer {
    Sealer::ephemeral().expect("randomness")
}

prop_compose! {
    fn tickets()(
        texts in prop::array::uniform4("\\PC{0,60}"),
        numbers in any::<[u64; 3]>(),
        digest in any::<[u8; 32]>(),
        inner in prop::option::of("\\PC{0,2000}"),
    ) -> Ticket {
        let [session, principal, server, method] = texts;
        let [call, generation, expires_ms] = numbers;
        Ticket { session, call, generation, principal, server, method, digest, expires_ms, inner }
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens_as_it_was(ticket in tickets()) {
        let sealer = sealer();
        let text = sealer.seal(&ticket).expect("fits");
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        prop_assert_eq!(sealer.open(&text), Ok(ticket));
    }

    #[test]
    fn any_text_is_refused(text in "\\PC{0,400}") {
        prop_assert_eq!(sealer().open(&text), Err(Refused));
    }

    /// With the right version and key, so that it comes as far as the tag.
    #[test]
    fn any_bytes_under_a_valid_key_are_refused(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let key = Key::random(NOW).unwrap();
        let sealer = Sealer::with(KeyRing { current: key.clone(), previous: None }, None).unwrap();
        let bytes = [&[1], &key.id.0[..], &body].concat();
        prop_assert_eq!(sealer.open(&URL_SAFE_NO_PAD.encode(bytes)), Err(Refused));
    }

    /// Sealed by ourselves, as only a fault of ours could: still no panic, and no ticket unless it is the one form of it.
    #[test]
    fn any_content_under_the_seal_is_read_or_refused(content in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(ticket) = Ticket::decode(&content) {
            prop_assert_eq!(ticket.encode(), Some(content));
        }
    }

    #[test]
    fn a_form_has_one_length(ticket in tickets(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut form = ticket.encode().unwrap();
        prop_assert_eq!(Ticket::decode(&form[..at.index(form.len())]), None);
        form.push(byte);
        prop_assert_eq!(Ticket::decode(&form), None);
    }

    #[test]
    fn a_changed_form_is_another_ticket_or_none(
        ticket in tickets(),
        at in any::<prop::sample::Index>(),
        mask in 1_u8..,
    ) {
        let mut form = ticket.encode().unwrap();
        *at.get_mut(&mut form) ^= mask;
        if let Some(other) = Ticket::decode(&form) {
            prop_assert_ne!(&other, &ticket);
            prop_assert_eq!(other.encode(), Some(form));
        }
    }
}

#[test]
fn each_flipped_bit_is_refused() {
    let sealer = sealer();
    let text = sealer.seal(&ticket()).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert_eq!(sealer.open(&URL_SAFE_NO_PAD.encode(changed)), Err(Refused), "byte {at}, bit {bit}");
        }
    }
    // And of the text, where a decoder could be lenient: in the last digit, with padding, with white space.
    for at in 0..text.len() {
        for bit in 0..7 {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(sealer.open(&changed), Err(Refused), "digit {at}, bit {bit}");
        }
    }
    assert_eq!(sealer.open(&text), Ok(ticket()));
}

#[test]
fn each_shorter_and_longer_text_is_refused() {
    let sealer = sealer();
    // Of three lengths, so that each rest of the base64 occurs.
    for inner in ["", "a", "ab"] {
        let text = sealer.seal(&Ticket { inner: Some(inner.into()), ..ticket() }).unwrap();
        for length in 0..text.len() {
            assert_eq!(sealer.open(&text[..length]), Err(Refused), "cut to {length}");
            assert_eq!(sealer.open(&text[length + 1..]), Err(Refused), "without the first {}", length + 1);
        }
        for tail in ["A", "AA", "AAA", "AAAA", "=", "==", "\n", " "] {
            assert_eq!(sealer.open(&format!("{text}{tail}")), Err(Refused), "followed by {tail:?}");
        }
    }
}

#[test]
fn the_seal_covers_the_key_id() {
    // The same key under two names: only the associated data tells them apart.
    let current = Key::random(NOW).unwrap();
    let previous = Key { id: KeyId(*b"previous"), ..current };
    let sealer = Sealer::with(KeyRing { current, previous: Some(previous.clone()) }, None).unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(sealer.seal(&ticket()).unwrap()).unwrap();
    bytes[1..9].copy_from_slice(&previous.id.0);
    assert_eq!(sealer.open(&URL_SAFE_NO_PAD.encode(bytes)), Err(Refused));
    let of_previous = previous.seal(&ticket().encode().unwrap()).unwrap().write();
    assert_eq!(sealer.open(&of_previous), Ok(ticket()));
}

#[test]
fn another_nodes_states_are_refused() {
    let text = sealer().seal(&ticket()).unwrap();
    assert_eq!(sealer().open(&text), Err(Refused));
}

#[test]
fn no_two_seals_are_alike() {
    let sealer = sealer();
    assert_ne!(sealer.seal(&ticket()).unwrap(), sealer.seal(&ticket()).unwrap());
}

#[test]
fn the_longest_state_fits_and_one_byte_more_does_not() {
    let sealer = sealer();
    let overhead = Ticket { inner: Some(String::new()), ..ticket() }.encode().unwrap().len();
    let longest = Ticket { inner: Some("x".repeat(MAX_PLAIN - overhead)), ..ticket() };
    let text = sealer.seal(&longest).unwrap();
    assert_eq!(text.len(), MAX_TEXT);
    assert_eq!(sealer.open(&text), Ok(longest));
    for more in [1, 20_000, 1_000_000] {
        let inner = Some("x".repeat(MAX_PLAIN - overhead + more));
        assert!(matches!(sealer.seal(&Ticket { inner, ..ticket() }), Err(SealError::TooLong)));
    }
    for length in [MAX_TEXT + 1, 8 * MAX_TEXT] {
        assert_eq!(sealer.open(&"A".repeat(length)), Err(Refused));
    }
}

#[test]
fn two_keys_are_valid_and_the_third_oldest_is_not() {
    let sealer = Sealer::with(KeyRing::random(NOW).unwrap(), None).unwrap();
    let first = sealer.seal(&ticket()).unwrap();
    assert!(!sealer.rotate_if_due(NOW + DAY - 1).unwrap());
    assert!(sealer.rotate_if_due(NOW + DAY).unwrap());
    let second = sealer.seal(&ticket()).unwrap();
    assert_ne!(first[..12], second[..12], "another key seals");
    assert_eq!(sealer.open(&first), Ok(ticket()));
    assert_eq!(sealer.open(&second), Ok(ticket()));
    assert!(!sealer.rotate_if_due(NOW + 2 * DAY - 1).unwrap());
    assert!(sealer.rotate_if_due(NOW + 2 * DAY).unwrap());
    assert_eq!(sealer.open(&first), Err(Refused));
    assert_eq!(sealer.open(&second), Ok(ticket()));
}

#[test]
fn a_key_of_the_far_future_does_not_seal_until_then() {
    let sealer = Sealer::with(KeyRing::random(NOW + 1000 * DAY).unwrap(), None).unwrap();
    assert!(sealer.rotate_if_due(NOW).unwrap());
    assert!(!sealer.rotate_if_due(NOW).unwrap());
}

#[test]
fn a_clone_has_the_same_keys_after_a_rotation_too() {
    let one = Sealer::with(KeyRing::random(NOW).unwrap(), None).unwrap();
    let other = one.clone();
    assert!(one.rotate_if_due(NOW + DAY).unwrap());
    assert_eq!(other.open(&one.seal(&ticket()).unwrap()), Ok(ticket()));
}

#[test]
fn a_ticket_expires_on_the_millisecond() {
    let ticket = ticket();
    assert!(!ticket.is_expired(ticket.expires_ms - 1));
    assert!(ticket.is_expired(ticket.expires_ms));
}

#[test]
fn secrets_are_not_shown() {
    let key = Key { id: KeyId(*b"identity"), made_ms: NOW, secret: *b"0123456789abcdef0123456789abcdef" };
    let shown = format!("{key:?} {:?}", ticket());
    // Bytes are shown as numbers: 48 and 49 are the first of the key.
    for secret in ["48, 49", "b0b5", "step-2", "209"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
