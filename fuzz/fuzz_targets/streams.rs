//! What a guest says over its link is hostile: any bytes are packets or an error, however they are cut; a stream never holds more than
//! its window, whatever was claimed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile_link::guest::FromGuest;
use sessile_link::streams::{Incoming, Outgoing, WINDOW};
use sessile_link::{FrameDecoder, FromInit, Packet, Stream, StreamError};

/// What the runtime does with a guest's bytes, without the pipes. Gives what it understood, and the error that ended it.
fn hear<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Option<StreamError>) {
    let mut decoder = FrameDecoder::new();
    let mut heard = Vec::new();
    let (mut stdout, mut stderr) = (Incoming::new(Stream::Stdout), Incoming::new(Stream::Stderr));
    let mut stdin = Outgoing::new(Stream::Stdin);
    let mut held = 0_usize;
    for piece in pieces {
        decoder.push(piece);
        loop {
            let packet = match decoder.next() {
                Ok(Some(frame)) => Packet::try_from(frame),
                Ok(None) => break,
                Err(error) => return (heard, Some(error.into())),
            };
            let done = packet.and_then(|packet| {
                heard.push(format!("{packet:?}"));
                match packet {
                    Packet::Piece(Stream::Stdout, bytes) => stdout.received(&bytes).map(|()| held += bytes.len()),
                    Packet::Piece(Stream::Stderr, bytes) => stderr.received(&bytes),
                    Packet::End(Stream::Stdout) => stdout.end(),
                    Packet::End(Stream::Stderr) => stderr.end(),
                    Packet::Credit(Stream::Stdin, bytes) => stdin.credit(bytes),
                    Packet::Control(json) => {
                        let _ = serde_json::from_slice::<FromInit>(&json);
                        Ok(())
                    }
                    Packet::Machine(json) => {
                        let _ = serde_json::from_slice::<FromGuest>(&json);
                        Ok(())
                    }
                    _ => Ok(()),
                }
            });
            if let Err(error) = done {
                return (heard, Some(error));
            }
            assert!(held <= WINDOW as usize);
        }
    }
    (heard, None)
}

fuzz_target!(|data: &[u8]| {
    assert_eq!(hear(std::iter::once(data)), hear(data.chunks(7)));
});
