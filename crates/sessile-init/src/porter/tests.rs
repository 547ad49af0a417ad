//! The guest and the runtime are played.

use super::*;
use rustix::fd::IntoRawFd;
use rustix::pipe::{PipeFlags, pipe_with};
use sessile_link::guest::Renew;
use sessile_link::porter::ToPorter;
use sessile_link::streams::encode_end;
use sessile_link::{Frame, FrameDecoder, ToInit};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::{self, JoinHandle};

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
}

fn blocking(end: OwnedFd) -> File {
    fcntl_setfl(&end, OFlags::empty()).unwrap();
    // SAFETY: handed over from one owner to the other.
    unsafe { <File as std::os::fd::FromRawFd>::from_raw_fd(end.into_raw_fd()) }
}

/// Frames from somewhere.
struct Ear<R> {
    from: R,
    frames: FrameDecoder,
}

impl<R: Read> Ear<R> {
    fn new(from: R) -> Self {
        Self { from, frames: FrameDecoder::new() }
    }

    /// The next one; `None` at the end.
    fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut piece = [0; 4096];
        loop {
            if let Some(Frame { channel, payload }) = self.frames.next().unwrap() {
                return Some((channel, payload));
            }
            match self.from.read(&mut piece).unwrap_or(0) {
                0 => return None,
                count => self.frames.push(&piece[..count]),
            }
        }
    }
}

fn say(to: &mut impl Write, channel: u8, payload: &[u8]) {
    let mut bytes = Vec::new();
    frame::encode(channel, payload, &mut bytes).unwrap();
    to.write_all(&bytes).unwrap();
}

fn json(message: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(message).unwrap()
}

/// A porter at work, and everybody around it.
struct Stage {
    guest_says: File,
    guest_hears: Ear<File>,
    stdin: File,
    stdout: File,
    stderr: File,
    port: u16,
    porter: JoinHandle<()>,
}

fn stage(rest: Option<Rest>) -> Stage {
    let ((from, guest_says), (guest_hears, to)) = (pipe(), pipe());
    let ((inside_in, stdin), (stdout, inside_out), (stderr, inside_err)) = (pipe(), pipe(), pipe());
    let (visitors, port) = Visitors::at(0).unwrap();
    let streams = [inside_in, inside_out, inside_err];
    let porter = thread::spawn(move || Porter::new(Port::new(from, to), streams, rest, None, visitors).run());
    let [guest_says, guest_hears, stdin, stdout, stderr] =
        [guest_says, guest_hears, stdin, stdout, stderr].map(blocking);
    Stage { guest_says, guest_hears: Ear::new(guest_hears), stdin, stdout, stderr, port, porter }
}

impl Stage {
    fn visit(&self, purpose: &ToPorter) -> TcpStream {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        say(&mut socket, frame::CONTROL, &json(purpose));
        socket
    }
}

const EXITED: &[u8] = br#"{"Exited":{"end":{"Code":0},"cpu_us":1,"peak_rss":2}}"#;

#[test]
fn what_nobody_heard_is_kept_for_who_comes_and_the_rest_is_given_out() {
    let mut stage = stage(None);
    say(&mut stage.guest_says, 2, b"said last");
    say(&mut stage.guest_says, frame::CONTROL, EXITED);
    thread::sleep(Duration::from_millis(50));
    let mut control = Ear::new(stage.visit(&ToPorter::Control));
    assert_eq!(control.next(), Some((frame::CONTROL, EXITED.to_vec())));
    let mut said = String::new();
    stage.stdout.read_to_string(&mut said).unwrap();
    assert_eq!(said, "said last");
    stage.porter.join().unwrap();
    assert_eq!(control.next(), None);
}

#[test]
fn control_goes_to_whoever_asked_for_it_last() {
    let mut stage = stage(None);
    let mut first = Ear::new(stage.visit(&ToPorter::Control));
    say(&mut stage.guest_says, MACHINE, br#"{"Up":{"link":2}}"#);
    assert!(first.next().is_some());
    let mut second = stage.visit(&ToPorter::Control);
    say(&mut second, frame::CONTROL, &json(&ToInit::Terminate));
    assert_eq!(stage.guest_hears.next(), Some((frame::CONTROL, json(&ToInit::Terminate))));
    assert_eq!(first.next(), None, "nobody speaks to it any more");
    say(&mut stage.guest_says, frame::CONTROL, EXITED);
    assert_eq!(Ear::new(second).next(), Some((frame::CONTROL, EXITED.to_vec())));
    stage.porter.join().unwrap();
}

#[test]
fn a_guest_that_breaks_the_rules_is_named_and_ended() {
    for (bytes, expected) in
        [(vec![2, 0xff, 0xff, 0xff, 0xff], "4294967295"), (vec![9, 0, 0, 0, 0], "unknown channel 9")]
    {
        let mut stage = stage(None);
        let mut control = Ear::new(stage.visit(&ToPorter::Control));
        say(&mut stage.guest_says, 3, b"before\n");
        stage.guest_says.write_all(&bytes).unwrap();
        let (channel, said) = control.next().unwrap();
        let FromPorter::Broken(why) = serde_json::from_slice(&said).unwrap() else { panic!("{said:?}") };
        assert!(channel == PORTER && why.contains(expected), "{why}");
        let mut said = String::new();
        stage.stderr.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("before\nsessile: the guest broke the rules of its link: "), "{said}");
        assert!(said.contains(expected) && said.ends_with('\n'), "{said}");
        stage.porter.join().unwrap();
    }
}

#[test]
fn a_guest_that_talks_about_itself_without_end_is_ended() {
    let mut stage = stage(None);
    let message = [b"\"".as_slice(), &[b'x'; 1000], b"\""].concat();
    let talking = thread::spawn(move || {
        for _ in 0..1000 {
            let mut bytes = Vec::new();
            frame::encode(MACHINE, &message, &mut bytes).unwrap();
            if stage.guest_says.write_all(&bytes).is_err() {
                break;
            }
        }
    });
    let mut said = String::new();
    stage.stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("more about itself than anybody can hear"), "{said}");
    talking.join().unwrap();
    stage.porter.join().unwrap();
}

#[test]
fn the_runtime_ends_a_machine_with_its_own_last_words() {
    let mut stage = stage(None);
    let mut control = stage.visit(&ToPorter::Control);
    say(&mut stage.guest_says, 3, b"the server's own\n");
    thread::sleep(Duration::from_millis(50));
    say(&mut control, PORTER, &json(&Errand::End("sessile: it is over\n".into())));
    let mut said = String::new();
    stage.stderr.read_to_string(&mut said).unwrap();
    assert_eq!(said, "the server's own\nsessile: it is over\n");
    stage.porter.join().unwrap();
}

#[test]
fn a_machine_rests_behind_what_was_written_and_goes_on_in_another_porter() {
    let mut stage = stage(None);
    let mut control = stage.visit(&ToPorter::Control);
    stage.stdin.write_all(b"before").unwrap();
    say(&mut control, PORTER, &json(&Errand::Rest));
    assert_eq!(stage.guest_hears.next(), Some((1, b"before".to_vec())));
    assert_eq!(stage.guest_hears.next(), Some((MACHINE, json(&ToGuest::Rest))));
    say(&mut stage.guest_says, 2, b"answer");
    say(&mut stage.guest_says, MACHINE, &json(&FromGuest::Resting));
    let (channel, said) = Ear::new(control).next().unwrap();
    let FromPorter::Rested(rest) = serde_json::from_slice(&said).unwrap() else { panic!("{said:?}") };
    assert_eq!(channel, PORTER);
    let mut answer = [0; 6];
    stage.stdout.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer");
    drop(stage.guest_says); // it is switched off
    stage.porter.join().unwrap();

    let mut stage = self::stage(Some(rest));
    let mut control = stage.visit(&ToPorter::Control);
    stage.stdin.write_all(b"after").unwrap();
    let renew = ToGuest::Renew(Renew { entropy: [1; 32], seconds: 1, nanoseconds: 2 });
    say(&mut control, MACHINE, &json(&renew));
    assert_eq!(stage.guest_hears.next(), Some((MACHINE, json(&renew))), "before it is another one, it is told nothing");
    say(&mut stage.guest_says, MACHINE, &json(&FromGuest::Renewed { proof: [3; 16] }));
    assert_eq!(stage.guest_hears.next(), Some((1, b"after".to_vec())));
    let mut end = Vec::new();
    encode_end(Stream::STDOUT, &mut end);
    stage.guest_says.write_all(&end).unwrap();
    let mut rest = String::new();
    stage.stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    say(&mut stage.guest_says, frame::CONTROL, EXITED);
    let mut control = Ear::new(control);
    assert!(control.next().is_some_and(|(channel, _)| channel == MACHINE));
    assert_eq!(control.next(), Some((frame::CONTROL, EXITED.to_vec())));
    stage.porter.join().unwrap();
}

#[test]
fn who_does_not_say_what_it_wants_gets_nothing() {
    let mut stage = stage(None);
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 0, 0, 0, 2, b'{', b'}'], &[0, 0xff, 0xff, 0xff, 0xff]] {
        let mut stranger = TcpStream::connect(("127.0.0.1", stage.port)).unwrap();
        stranger.write_all(nonsense).unwrap();
        stranger.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        assert_eq!(stranger.read(&mut [0; 8]).unwrap_or(0), 0);
    }
    let control = stage.visit(&ToPorter::Control);
    say(&mut stage.guest_says, frame::CONTROL, EXITED);
    assert!(Ear::new(control).next().is_some());
    stage.porter.join().unwrap();
}
