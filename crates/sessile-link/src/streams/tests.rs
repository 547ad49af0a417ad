use super::*;
use crate::FrameDecoder;
use alloc::vec;
use proptest::prelude::*;

fn packets(bytes: &[u8]) -> Result<Vec<Packet>, StreamError> {
    let mut decoder = FrameDecoder::new();
    decoder.push(bytes);
    let mut packets = Vec::new();
    while let Some(frame) = decoder.next()? {
        packets.push(Packet::try_from(frame)?);
    }
    Ok(packets)
}

fn frame(channel: u8, payload: &[u8]) -> Frame {
    Frame { channel, payload: payload.to_vec() }
}

#[test]
fn pieces_ends_and_credit_arrive_as_sent() {
    let mut bytes = Vec::new();
    Outgoing::new(Stream::STDOUT).send(b"hello", &mut bytes);
    encode_end(Stream::STDIN, &mut bytes);
    encode_credit(Stream::STDERR, 70_000, &mut bytes);
    let expected = [
        Packet::Piece(Stream::STDOUT, b"hello".to_vec()),
        Packet::End(Stream::STDIN),
        Packet::Credit(Stream::STDERR, 70_000),
    ];
    assert_eq!(packets(&bytes).unwrap(), expected);
}

#[test]
fn what_no_honest_peer_sends_is_an_error() {
    let of = |channel, payload: &[u8]| Packet::try_from(frame(channel, payload)).unwrap_err();
    assert_eq!(of(8, b""), StreamError::Channel(8));
    assert_eq!(of(OPEN, b""), StreamError::Length { channel: OPEN, length: 0 });
    assert_eq!(of(OPEN, &[2]), StreamError::Channel(2));
    assert_eq!(of(CLOSE, &[16]), StreamError::Length { channel: CLOSE, length: 1 });
    assert_eq!(of(CLOSE, &[9, 0, 0]), StreamError::Channel(9));
    assert_eq!(of(CREDIT, &[1, 0, 0, 0]), StreamError::Length { channel: CREDIT, length: 4 });
    assert_eq!(of(CREDIT, &[9, 0, 0, 0, 1]), StreamError::Channel(9));
    let long = vec![0; MAX_PIECE + 1];
    assert_eq!(of(2, &long), StreamError::Length { channel: 2, length: MAX_PIECE + 1 });
}

#[test]
fn connections_have_channels_of_whoever_opens_them() {
    let [hosts, guests] = [Side::Host, Side::Guest].map(|side| Stream::connections(side).collect::<Vec<_>>());
    assert_eq!((hosts.len(), guests.len()), (120, 120));
    assert!(hosts.iter().all(|stream| stream.opener() == Some(Side::Host) && !guests.contains(stream)));
    assert!(guests.iter().all(|stream| stream.opener() == Some(Side::Guest)));
    assert_eq!(Stream::STDERR.opener(), None);
    let (first, mut bytes) = (hosts[0], Vec::new());
    encode_open(first, b"{}", &mut bytes).unwrap();
    encode_open(first, b"", &mut bytes).unwrap();
    encode_closed(first, 111, &mut bytes);
    let expected = [Packet::Open(first, b"{}".to_vec()), Packet::Opened(first), Packet::Closed(first, 111)];
    assert_eq!(packets(&bytes).unwrap(), expected);
}

#[test]
fn nobody_sends_more_than_was_granted() {
    let mut incoming = Incoming::new(Stream::STDOUT);
    let piece = vec![0; MAX_PIECE];
    for _ in 0..usize::try_from(WINDOW).unwrap() / MAX_PIECE {
        incoming.received(&piece).unwrap();
    }
    assert_eq!(incoming.received(b"x"), Err(StreamError::Flood(Stream::STDOUT)));
}

#[test]
fn nothing_comes_after_the_end() {
    let mut incoming = Incoming::new(Stream::STDERR);
    incoming.end().unwrap();
    assert_eq!(incoming.received(b"x"), Err(StreamError::Flood(Stream::STDERR)));
    assert_eq!(incoming.end(), Err(StreamError::Flood(Stream::STDERR)));
}

#[test]
fn credit_beyond_what_was_sent_is_an_error() {
    let mut outgoing = Outgoing::new(Stream::STDIN);
    let mut bytes = Vec::new();
    outgoing.send(b"four", &mut bytes);
    assert_eq!(outgoing.credit(5), Err(StreamError::Credit(Stream::STDIN)));
    assert_eq!(outgoing.credit(4), Ok(()));
    assert_eq!(outgoing.credit(u32::MAX), Err(StreamError::Credit(Stream::STDIN)));
}

proptest! {
    /// However much is sent and however slowly it is passed on: an honest sender is never cut, never stuck, and never has more than
    /// a window on its way.
    #[test]
    fn honest_peers_never_fall_out(steps in proptest::collection::vec((0_usize..100_000, 0_usize..100_000), 1..200)) {
        let (mut outgoing, mut incoming) = (Outgoing::new(Stream::STDOUT), Incoming::new(Stream::STDOUT));
        let mut held = 0_usize;
        for (send, pass) in steps {
            let mut bytes = Vec::new();
            outgoing.send(&vec![7; send.min(outgoing.room())], &mut bytes);
            for packet in packets(&bytes).unwrap() {
                let Packet::Piece(_, piece) = packet else { panic!("{packet:?}") };
                incoming.received(&piece).unwrap();
                held += piece.len();
            }
            prop_assert!(held <= usize::try_from(WINDOW).unwrap());
            let pass = pass.min(held);
            held -= pass;
            let mut credit = Vec::new();
            incoming.passed(pass, &mut credit);
            for packet in packets(&credit).unwrap() {
                let Packet::Credit(_, more) = packet else { panic!("{packet:?}") };
                outgoing.credit(more).unwrap();
            }
            prop_assert!(held > 0 || outgoing.room() > 0);
        }
    }

    #[test]
    fn any_bytes_are_packets_or_an_error(bytes: Vec<u8>) {
        let _ = packets(&bytes);
    }
}
