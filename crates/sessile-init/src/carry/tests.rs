//! Two carriers over pipes, and one whose other side knows no manners.

#![allow(unsafe_code)]

use super::*;
use crate::connect;
use rustix::fd::{FromRawFd, IntoRawFd};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use sessile_link::streams::{CONNECTION_WINDOW, FIRST_CONNECTION, WINDOW, encode_closed, encode_credit};
use sessile_link::{Loopback, frame};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

const TICK: Duration = Duration::from_millis(20);

fn pipe() -> (OwnedFd, OwnedFd) {
    pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
}

fn sockets() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap()
}

fn blocking(end: OwnedFd) -> File {
    fcntl_setfl(&end, OFlags::empty()).unwrap();
    // SAFETY: handed over from one owner to the other.
    unsafe { <File as std::os::fd::FromRawFd>::from_raw_fd(end.into_raw_fd()) }
}

/// This program's own type of a descriptor, which is not the standard library's.
fn owned(socket: TcpStream) -> OwnedFd {
    // SAFETY: handed over from one owner to the other.
    unsafe { OwnedFd::from_raw_fd(std::os::fd::IntoRawFd::into_raw_fd(socket)) }
}

fn ports() -> (Port, Port) {
    let ((a, b), (c, d)) = (pipe(), pipe());
    (Port::new(a, d), Port::new(c, b))
}

/// A driver may fetch what came for whoever looks at it, and wake nobody then.
#[test]
fn nothing_is_looked_at_twice_at_once() {
    let (one, _other) = sockets();
    let mut port = Port::both(one);
    let looks = |port: &Port| port.wanted().into_iter().map(|(_, flags)| flags).collect::<Vec<_>>();
    assert_eq!(looks(&port), [PollFlags::IN]);
    port.outbox().push(0);
    assert_eq!(looks(&port), [PollFlags::IN | PollFlags::OUT]);
}

/// What the far ends of the server's streams are.
struct Ends {
    /// The runtime's.
    stdin: File,
    stdout: File,
    /// The server's.
    server_in: File,
    server_out: File,
}

/// A host's and a guest's carrier with one stream each way.
fn pair() -> (Carrier, Carrier, Ends) {
    let (host, guest) = ports();
    let ((host_in, stdin), (stdout, host_out)) = (pipe(), pipe());
    let ((server_in, guest_in), (guest_out, server_out)) = (pipe(), pipe());
    let host = Carrier::new(
        host,
        Side::Host,
        vec![Line::source(host_in, Stream::STDIN, None), Line::sink(host_out, Stream::STDOUT, None)],
    );
    let guest = Carrier::new(
        guest,
        Side::Guest,
        vec![Line::sink(guest_in, Stream::STDIN, None), Line::source(guest_out, Stream::STDOUT, None)],
    );
    let [stdin, stdout, server_in, server_out] = [stdin, stdout, server_in, server_out].map(blocking);
    (host, guest, Ends { stdin, stdout, server_in, server_out })
}

/// Carries until told to stop; what is to lead somewhere leads to `port`.
fn carry(mut carrier: Carrier, stop: &Arc<AtomicBool>, port: u16) -> JoinHandle<Carrier> {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let mut events = Vec::new();
            if carrier.step(&[], Some(TICK), &mut events).is_err() {
                break;
            }
            for event in events {
                if let Event::Open(stream, _) = event {
                    match connect::begin(Loopback::V4, port) {
                        Ok(socket) => carrier.join(stream, socket),
                        Err(errno) => carrier.refuse(stream, errno),
                    }
                }
            }
            let _ = carrier.flush();
        }
        carrier
    })
}

#[test]
fn streams_arrive_whole_and_end() {
    let (host, guest, Ends { mut stdin, mut stdout, mut server_in, mut server_out }) = pair();
    let stop = Arc::default();
    let carried = [carry(host, &stop, 0), carry(guest, &stop, 0)];
    let sent: Vec<u8> = (0..1_500_000_u32).map(|n| (n % 251) as u8).collect();
    let expected = sent.clone();
    let writing = thread::spawn(move || stdin.write_all(&sent).unwrap());
    let echo = thread::spawn(move || {
        std::io::copy(&mut server_in, &mut server_out).unwrap();
    });
    let mut got = Vec::new();
    stdout.read_to_end(&mut got).unwrap();
    assert!(got == expected);
    writing.join().unwrap();
    echo.join().unwrap();
    stop.store(true, Ordering::Relaxed);
    for carrier in carried {
        assert!(carrier.join().unwrap().is_drained());
    }
}

#[test]
fn whoever_stops_listening_stops_who_speaks() {
    let (host, guest, Ends { mut stdin, stdout: _stdout, server_in, server_out: _server_out }) = pair();
    let stop = Arc::default();
    let carried = [carry(host, &stop, 0), carry(guest, &stop, 0)];
    drop(server_in);
    let mut error = None;
    for _ in 0..1000 {
        if let Err(why) = stdin.write_all(&[0; 1000]) {
            error = Some(why.kind());
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(error, Some(std::io::ErrorKind::BrokenPipe));
    stop.store(true, Ordering::Relaxed);
    carried.into_iter().for_each(|carrier| drop(carrier.join().unwrap()));
}

/// A connection opened by the guest, and what is at its end there.
fn opened(carrier: &mut Carrier, announce: Option<fn(u16) -> Vec<u8>>) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    carrier.open(&Opening::Gate, owned(socket), announce).unwrap();
    client
}

#[test]
fn connections_carry_both_ways_and_their_channels_are_used_again() {
    let (host, mut guest, _ends) = pair();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = target.local_addr().unwrap().port();
    let echo = thread::spawn(move || {
        for connection in target.incoming().take(300) {
            let mut connection = connection.unwrap();
            let mut reader = connection.try_clone().unwrap();
            thread::spawn(move || {
                let _ = std::io::copy(&mut reader, &mut connection);
                let _ = connection.shutdown(Shutdown::Write);
            });
        }
    });
    let stop = Arc::default();
    let carried = carry(host, &stop, port);
    // Three at a time, a hundred times: more than there are channels.
    for round in 0..100_usize {
        let clients = [(); 3].map(|()| opened(&mut guest, None));
        let length = if round % 50 == 0 { 400_000 } else { 1000 + round };
        let users = clients.map(|mut client| {
            thread::spawn(move || {
                let mut writer = client.try_clone().unwrap();
                let writing = thread::spawn(move || {
                    writer.write_all(&vec![7; length]).unwrap();
                    writer.shutdown(Shutdown::Write).unwrap();
                });
                let mut got = Vec::new();
                client.read_to_end(&mut got).unwrap();
                writing.join().unwrap();
                got.len()
            })
        });
        while !users.iter().all(JoinHandle::is_finished) {
            guest.step(&[], Some(TICK), &mut Vec::new()).unwrap();
        }
        for user in users {
            assert_eq!(user.join().unwrap(), length);
        }
    }
    for _ in 0..10 {
        guest.step(&[], Some(TICK), &mut Vec::new()).unwrap();
    }
    assert_eq!(guest.lines.len(), 2, "all channels are free again");
    stop.store(true, Ordering::Relaxed);
    assert_eq!(carried.join().unwrap().lines.len(), 2);
    echo.join().unwrap();
}

#[test]
fn what_leads_nowhere_is_announced_with_its_reason() {
    let (host, mut guest, _ends) = pair();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stop = Arc::default();
    let carried = carry(host, &stop, nobody);
    let mut client = opened(&mut guest, Some(|errno| errno.to_be_bytes().to_vec()));
    let asking = thread::spawn(move || {
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        got
    });
    while !asking.is_finished() {
        guest.step(&[], Some(TICK), &mut Vec::new()).unwrap();
    }
    let refused = u16::try_from(Errno::CONNREFUSED.raw_os_error()).unwrap();
    assert_eq!(asking.join().unwrap(), refused.to_be_bytes());
    stop.store(true, Ordering::Relaxed);
    carried.join().unwrap();
}

#[test]
fn there_is_an_end_to_channels() {
    let (_host, mut guest, _ends) = pair();
    let clients: Vec<_> = (0..120).map(|_| opened(&mut guest, None)).collect();
    assert!(!guest.has_room());
    let (socket, _) = pipe();
    assert!(guest.open(&Opening::Gate, socket, None).is_err());
    drop(clients);
}

/// What becomes of a host's carrier that hears all this.
fn after(bytes: &[u8]) -> Result<(), String> {
    let (from, to_host) = pipe();
    let (_from_host, to) = pipe();
    let (stdout_read, stdout) = pipe();
    let (stdin, _stdin) = pipe();
    let (stderr_read, stderr) = pipe();
    let mut carrier = Carrier::new(
        Port::new(from, to),
        Side::Host,
        vec![
            Line::source(stdin, Stream::STDIN, None),
            Line::sink(stdout, Stream::STDOUT, None),
            Line::sink(stderr, Stream::STDERR, None),
        ],
    );
    let bytes = bytes.to_vec();
    let saying = thread::spawn(move || {
        let _ = blocking(to_host).write_all(&bytes);
    });
    let outcome = loop {
        match carrier.step(&[], Some(TICK), &mut Vec::new()) {
            Ok(_) => {}
            Err(Fault::Nonsense(error)) => break Err(error.to_string()),
            Err(Fault::Kernel(_)) => break Ok(()),
        }
    };
    drop((carrier, stdout_read, stderr_read));
    saying.join().unwrap();
    outcome
}

#[test]
fn a_guest_that_breaks_the_rules_is_found_out() {
    let of = |frames: &[(u8, &[u8])]| {
        let mut bytes = Vec::new();
        frames.iter().for_each(|(channel, payload)| frame::encode(*channel, payload, &mut bytes).unwrap());
        bytes
    };
    let piece = vec![b'x'; MAX_PIECE];
    let too_long = vec![b'x'; MAX_PIECE + 1];
    let flood = vec![(2, piece.as_slice()); usize::try_from(WINDOW).unwrap() / MAX_PIECE + 8];
    let (mut credit, mut closed) = (Vec::new(), Vec::new());
    encode_credit(Stream::STDIN, 1, &mut credit);
    let theirs = Stream::connections(Side::Guest).next().unwrap();
    encode_closed(theirs, 0, &mut closed);
    let (hosts, guests) = (FIRST_CONNECTION, FIRST_CONNECTION + 1);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a flood of what nobody reads", of(&flood), "more of channel 2"),
        ("a length beyond all bounds", vec![2, 0xff, 0xff, 0xff, 0xff], "over the limit"),
        ("a piece that is too long", of(&[(2, &too_long)]), "on channel 2"),
        ("a channel that is not there", of(&[(9, b"x")]), "unknown channel 9"),
        ("the wrong direction", of(&[(1, b"x")]), "channel 1 is not in that state"),
        ("credit for nothing", credit, "more credit"),
        ("credit of another shape", of(&[(4, b"xx")]), "on channel 4"),
        ("something after the end", of(&[(3, b""), (3, b"x")]), "more of channel 3"),
        ("a connection nobody opened", of(&[(guests, b"x")]), "channel 17 is not in that state"),
        ("one that is not its own to open", of(&[(6, &[hosts, b'"', b'G', b'a', b't', b'e', b'"'])]), "channel 16"),
        ("an opening to nowhere", of(&[(6, &[guests, b'{'])]), "channel 17"),
        ("an answer to nothing", of(&[(6, &[guests])]), "channel 17"),
        ("an end of nothing", closed, "channel 17"),
    ];
    for (what, bytes, expected) in cases {
        match after(&bytes) {
            Err(why) => assert!(why.contains(expected), "{what}: {why}"),
            Ok(()) => panic!("{what}"),
        }
    }
    assert_eq!(after(&[2, 0, 0]), Ok(()), "half a frame and then nothing is an end");
}

/// What is said of a connection is not the other side's, and gives it no credit: more than it has used ends the link.
#[test]
fn an_announcement_counts_for_nothing() {
    let (host, mut guest, _ends) = pair();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let stop = Arc::default();
    let carried = carry(host, &stop, target.local_addr().unwrap().port());
    let mut client = opened(&mut guest, Some(|_| vec![b'!'; 20]));
    let writing = thread::spawn(move || {
        let (mut server, _) = target.accept().unwrap();
        // Each as much as is worth credit, and no more on its way.
        let piece = vec![7; usize::try_from(CONNECTION_WINDOW / 4).unwrap()];
        for _ in 0..8 {
            server.write_all(&piece).unwrap();
            assert_eq!(server.read(&mut [0; 1]).unwrap(), 1, "the link is well");
        }
    });
    let reading = thread::spawn(move || {
        client.read_exact(&mut [0; 20]).unwrap();
        let mut piece = vec![0; usize::try_from(CONNECTION_WINDOW / 4).unwrap()];
        for _ in 0..8 {
            client.read_exact(&mut piece).unwrap();
            client.write_all(b".").unwrap();
        }
    });
    while !reading.is_finished() || !writing.is_finished() {
        assert!(!carried.is_finished(), "the other side broke off");
        guest.step(&[], Some(TICK), &mut Vec::new()).unwrap();
    }
    reading.join().unwrap();
    writing.join().unwrap();
    stop.store(true, Ordering::Relaxed);
    drop(carried.join().unwrap());
}

#[test]
fn a_connection_never_holds_more_than_its_window() {
    let (host, mut guest, _ends) = pair();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let stop = Arc::default();
    let carried = carry(host, &stop, port);
    let mut client = opened(&mut guest, None);
    client.set_nonblocking(true).unwrap();
    let (held, _) = loop {
        guest.step(&[], Some(TICK), &mut Vec::new()).unwrap();
        silent.set_nonblocking(true).unwrap();
        if let Ok(accepted) = silent.accept() {
            break accepted;
        }
    };
    for _ in 0..200 {
        let _ = client.write(&[0; 200_000]);
        guest.step(&[], Some(Duration::from_millis(1)), &mut Vec::new()).unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let host = carried.join().unwrap();
    assert!(host.held() <= usize::try_from(CONNECTION_WINDOW).unwrap(), "{}", host.held());
    drop(held);
}

#[test]
fn a_carrier_that_rests_goes_on_where_it_stood() {
    let (mut host, mut guest, Ends { mut stdin, mut stdout, mut server_in, mut server_out }) = pair();
    let (mut sent, mut got) = (Vec::new(), Vec::new());
    for round in 0..30_u8 {
        let piece = vec![round; 40_000];
        stdin.write_all(&piece).unwrap();
        server_out.write_all(&piece).unwrap();
        sent.extend_from_slice(&piece);
        let run = |host: &mut Carrier, guest: &mut Carrier| {
            for _ in 0..20 {
                let quick = Some(Duration::from_millis(1));
                host.step(&[], quick, &mut Vec::new()).unwrap();
                guest.step(&[], quick, &mut Vec::new()).unwrap();
            }
        };
        run(&mut host, &mut guest);
        let mut piece = vec![0; 40_000];
        server_in.read_exact(&mut piece).unwrap();
        stdout.read_exact(&mut piece).unwrap();
        got.extend_from_slice(&piece);
        // Nothing was said to rest: credit that comes of what was read last is said after it.
        host.rest();
        run(&mut host, &mut guest);
        let Rest { stdin: flow, outputs: [out, _], unsaid } = host.standing().unwrap();
        let Carrier { port, lines, .. } = host;
        let mut ends = lines.into_iter().map(|line| line.into_end().unwrap());
        let (input, output) = (ends.next().unwrap(), ends.next().unwrap());
        let lines = vec![Line::source(input, Stream::STDIN, flow), Line::sink(output, Stream::STDOUT, out)];
        host = Carrier::new(port, Side::Host, lines).resting(unsaid);
        host.go_on();
    }
    assert!(got == sent);
}

/// Whoever has said its last word and goes has not read everything, and is heard all the same.
#[test]
fn last_words_arrive_also_when_nobody_takes_anything_any_more() {
    let (here, there) = sockets();
    let stream = Stream::connections(Side::Host).next().unwrap();
    let (mut line, mut out, mut piece) = (Line::connecting(stream, here), Vec::new(), vec![0; MAX_PIECE]);
    line.carry(PollFlags::OUT, &mut piece, &mut out);
    line.received(b"never read", &mut out).unwrap();
    rustix::io::write(&there, b"last words").unwrap();
    drop(there);
    for _ in 0..3 {
        line.received(b"into the void", &mut out).unwrap();
    }
    for _ in 0..2 {
        line.carry(PollFlags::IN | PollFlags::HUP | PollFlags::ERR, &mut piece, &mut out);
    }
    let place = |words: &[u8]| out.windows(words.len()).position(|window| window == words);
    assert!(place(b"last words").is_some(), "{out:?}");
    assert!(!line.is_live(), "it is done with");
}
