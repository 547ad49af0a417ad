//! The guest is played here, by somebody who knows no manners.

use super::*;
use rustix::fs::{OFlags, fcntl_setfl};
use sessile_link::Frame;
use sessile_link::streams::{WINDOW, encode_credit};
use std::fs::File;
use std::io::{Read, Write};
use tokio::time::timeout;

/// A guest's end of the link.
struct Guest {
    to_host: File,
    from_host: File,
}

fn guest() -> (Guest, Streams, Pipes) {
    let pipe = || pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
    let ((from, to_host), (from_host, to)) = (pipe(), pipe());
    for end in [&to_host, &from_host] {
        fcntl_setfl(end, OFlags::empty()).unwrap();
    }
    let (streams, pipes) = Streams::over(Wire::new(to, from).unwrap()).unwrap();
    (Guest { to_host: to_host.into(), from_host: from_host.into() }, streams, pipes)
}

impl Guest {
    fn say(&mut self, channel: u8, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::encode(channel, payload, &mut bytes).unwrap();
        self.to_host.write_all(&bytes).unwrap();
    }
}

/// What becomes of the link once the guest has said all this.
async fn after(bytes: Vec<u8>) -> Result<Report, WireError> {
    let (mut guest, mut streams, _pipes) = guest();
    let saying = std::thread::spawn(move || {
        let _ = guest.to_host.write_all(&bytes);
        guest
    });
    let outcome = timeout(Duration::from_secs(10), streams.carry()).await.expect("an end");
    drop(streams);
    drop(saying.join());
    outcome
}

fn frames(frames: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (channel, payload) in frames {
        frame::encode(*channel, payload, &mut bytes).unwrap();
    }
    bytes
}

#[tokio::test]
async fn a_guest_that_breaks_the_rules_loses_its_link() {
    let piece = vec![b'x'; MAX_PIECE];
    let flood = vec![(2, piece.as_slice()); usize::try_from(WINDOW).unwrap() / MAX_PIECE * 4];
    let too_long = vec![b'x'; MAX_PIECE + 1];
    let mut credit = Vec::new();
    encode_credit(Stream::Stdin, 1, &mut credit);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a flood of what nobody reads", frames(&flood), "more of Stdout than was granted"),
        ("a length beyond all bounds", vec![2, 0xff, 0xff, 0xff, 0xff], "over the limit"),
        ("a piece that is too long", frames(&[(2, &too_long)]), "on channel 2"),
        ("a channel that is not there", frames(&[(77, b"x")]), "unknown channel 77"),
        ("the wrong direction", frames(&[(1, b"x")]), "the wrong way"),
        ("credit for nothing", credit, "more credit"),
        ("credit of another shape", frames(&[(4, b"xx")]), "on channel 4"),
        ("something after the end", frames(&[(3, b""), (3, b"x")]), "more of Stderr"),
        ("control that is no JSON", frames(&[(0, b"\xff{")]), "expected value"),
        ("a second start", frames(&[(0, br#"{"Started":{"pid":1,"landlock":0,"notes":[]}}"#)]), "after the start"),
        ("a second greeting", frames(&[(5, br#"{"Up":{"link":1}}"#)]), "after the start"),
    ];
    for (what, bytes, expected) in cases {
        match after(bytes).await {
            Err(WireError::Nonsense(why)) => assert!(why.contains(expected), "{what}: {why}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn half_a_frame_and_then_nothing_is_an_end() {
    let (mut guest, mut streams, _pipes) = guest();
    guest.to_host.write_all(&[2, 0, 0]).unwrap();
    drop(guest);
    assert!(matches!(streams.carry().await, Err(WireError::Closed)));
}

#[tokio::test]
async fn what_was_not_read_is_held_up_to_a_window_and_given_out_later() {
    let (mut guest, mut streams, pipes) = guest();
    let speaking = std::thread::spawn(move || {
        for _ in 0..usize::try_from(WINDOW).unwrap() / MAX_PIECE {
            guest.say(2, &vec![b'x'; MAX_PIECE]);
        }
        guest.say(5, br#"{"OutOfMemory":{"kills":2}}"#);
        guest.say(0, br#"{"Exited":{"end":{"Signal":9},"cpu_us":5,"peak_rss":6}}"#);
        guest
    });
    let report = streams.carry().await.unwrap();
    assert_eq!((report.end, report.out_of_memory_kills), (ServerEnd::Signal(9), 2));
    let reading = std::thread::spawn(move || {
        fcntl_setfl(&pipes.stdout, OFlags::empty()).unwrap();
        let mut all = Vec::new();
        File::from(pipes.stdout).read_to_end(&mut all).unwrap();
        all.len()
    });
    streams.finish().await;
    assert_eq!(reading.join().unwrap(), usize::try_from(WINDOW).unwrap());
    drop(speaking.join());
}

#[tokio::test]
async fn standard_input_stops_at_its_window_and_goes_on_with_credit() {
    let (guest, mut streams, pipes) = guest();
    let Pipes { stdin, stdout: _stdout, stderr: _stderr } = pipes;
    fcntl_setfl(&stdin, OFlags::empty()).unwrap();
    let writing = std::thread::spawn(move || File::from(stdin).write_all(&vec![b'y'; 1_000_000]).unwrap());
    let Guest { mut to_host, mut from_host } = guest;
    let listening = std::thread::spawn(move || {
        let mut frames = sessile_link::FrameDecoder::new();
        let (mut got, mut owed) = (0, 0_u32);
        let mut piece = vec![0; 65_536];
        loop {
            while let Some(Frame { channel, payload }) = frames.next().unwrap() {
                assert_eq!(channel, 1);
                if payload.is_empty() {
                    let mut bytes = Vec::new();
                    frame::encode(0, br#"{"Exited":{"end":{"Code":0},"cpu_us":0,"peak_rss":0}}"#, &mut bytes).unwrap();
                    to_host.write_all(&bytes).unwrap();
                    return got;
                }
                got += payload.len();
                owed += u32::try_from(payload.len()).unwrap();
                assert!(owed <= WINDOW, "more than was granted");
                if owed == WINDOW {
                    let mut bytes = Vec::new();
                    encode_credit(Stream::Stdin, std::mem::take(&mut owed), &mut bytes);
                    to_host.write_all(&bytes).unwrap();
                }
            }
            let count = from_host.read(&mut piece).unwrap();
            frames.push(&piece[..count]);
        }
    });
    let report = timeout(Duration::from_secs(20), streams.carry()).await.unwrap().unwrap();
    assert_eq!(report.end, ServerEnd::Code(0));
    assert_eq!(listening.join().unwrap(), 1_000_000);
    writing.join().unwrap();
}
