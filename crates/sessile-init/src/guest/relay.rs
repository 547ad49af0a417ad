//! The time after the start: the server's pipes travel over the port, until it ends.

use super::machine::Counters;
use super::port::{OUTBOX, Port};
use crate::life::Begun;
use crate::root::Built;
use crate::{clock, seccomp, signals};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use sessile_link::guest::FromGuest;
use sessile_link::streams::{Incoming, MAX_PIECE, Outgoing, encode_end};
use sessile_link::{FromInit, Packet, Stream, ToInit};

/// How long what a server said last may take to be fetched once it has ended.
const AFTERWARDS: Duration = Duration::from_millis(1500);

/// Everything that flows, and the server it flows from and to.
struct Relay {
    port: Port,
    pid: i32,
    signals: OwnedFd,
    stdin: Input,
    outputs: [Output; 2],
}

/// To the server.
struct Input {
    /// `None` once nobody reads it, or nothing more comes.
    pipe: Option<OwnedFd>,
    flow: Incoming,
    /// What the pipe has not taken yet.
    queue: Vec<u8>,
    ended: bool,
}

/// From the server.
struct Output {
    stream: Stream,
    /// `None` once it has ended.
    pipe: Option<OwnedFd>,
    flow: Outgoing,
}

/// Carries streams and reports the end. Returns when everything is said.
pub(super) fn watch(mut port: Port, begun: Begun, counters: Counters) {
    let Begun { server, signals, built: Built { proc, notes }, .. } = begun;
    drop(proc);
    let (pid, landlock) = (server.pid, server.landlock);
    let [stdin, stdout, stderr] = server.into_host_ends();
    if port.say(&FromInit::Started { pid, landlock, notes }).is_err() {
        return;
    }
    // Where the kernel has no filters, the server's was refused as well, which has been said.
    let _ = seccomp::confine_init();
    let input = Input { pipe: stdin, flow: Incoming::new(Stream::Stdin), queue: Vec::new(), ended: false };
    let output = |stream, pipe| Output { stream, pipe, flow: Outgoing::new(stream) };
    let outputs = [output(Stream::Stdout, stdout), output(Stream::Stderr, stderr)];
    let mut relay = Relay { port, pid, signals, stdin: input, outputs };
    if let Ok(status) = relay.until_the_end() {
        relay.report(status, &counters);
    }
}

/// What is ready.
struct Ready {
    port: bool,
    stdin: PollFlags,
    outputs: [bool; 2],
}

impl Relay {
    /// Carries on until the server has ended, and gives its status.
    fn until_the_end(&mut self) -> Result<i32, Errno> {
        loop {
            while let Some(reaped) = signals::reap() {
                if reaped.pid == self.pid {
                    return Ok(reaped.status);
                }
            }
            self.step(None)?;
        }
    }

    /// Waits until something is ready, for `patience` at most, and carries it on.
    fn step(&mut self, patience: Option<Duration>) -> Result<(), Errno> {
        let ready = self.poll(patience);
        signals::drain(&self.signals);
        if ready.port {
            self.port.fill()?;
            while let Some(packet) = self.port.next()? {
                self.hear(packet)?;
            }
        }
        self.feed(ready.stdin);
        for (output, ready) in self.outputs.iter_mut().zip(ready.outputs) {
            if ready {
                output.carry(self.port.outbox());
            }
        }
        self.port.flush()
    }

    fn poll(&self, patience: Option<Duration>) -> Ready {
        let mut port = PollFlags::IN;
        port.set(PollFlags::OUT, self.port.waiting() > 0);
        let calm = self.port.waiting() < OUTBOX;
        let wanted = |output: &Output| output.flow.room() > 0 && calm;
        let fed = if self.stdin.queue.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        let [first, second] = &self.outputs;
        let mut polled = [
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.port.as_fd(), port),
            self.place(self.stdin.pipe.as_ref(), fed),
            self.place(first.pipe.as_ref().filter(|_| wanted(first)), PollFlags::IN),
            self.place(second.pipe.as_ref().filter(|_| wanted(second)), PollFlags::IN),
        ];
        let _ = poll(&mut polled, patience.and_then(clock::timespec).as_ref());
        let [_, port, stdin, first, second] = polled.map(|fd| fd.revents());
        let something = |flags: PollFlags| flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
        Ready { port: something(port), stdin, outputs: [something(first), something(second)] }
    }

    /// A place among what is waited for. Where there is nothing to ask, the signals are asked nothing.
    fn place<'a>(&'a self, pipe: Option<&'a OwnedFd>, asked: PollFlags) -> PollFd<'a> {
        match pipe {
            Some(pipe) => PollFd::from_borrowed_fd(pipe.as_fd(), asked),
            None => PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::empty()),
        }
    }

    fn hear(&mut self, packet: Packet) -> Result<(), Errno> {
        let nonsense = |_| Errno::PROTO;
        match packet {
            Packet::Control(message) => match serde_json::from_slice(&message) {
                Ok(ToInit::Terminate) => {
                    if let Some(pid) = Pid::from_raw(self.pid) {
                        let _ = kill_process(pid, Signal::TERM);
                    }
                }
                Ok(ToInit::CloseStdin) => {} // the end of the stream says it
                Ok(ToInit::Start(_) | ToInit::Adopt | ToInit::Connect { .. }) | Err(_) => return Err(Errno::PROTO),
            },
            Packet::Piece(Stream::Stdin, piece) => {
                self.stdin.flow.received(&piece).map_err(nonsense)?;
                if self.stdin.pipe.is_some() {
                    self.stdin.queue.extend_from_slice(&piece);
                }
                self.feed(PollFlags::OUT);
            }
            Packet::End(Stream::Stdin) => {
                self.stdin.flow.end().map_err(nonsense)?;
                self.stdin.ended = true;
                self.feed(PollFlags::OUT);
            }
            Packet::Credit(stream, bytes) => {
                let output = self.outputs.iter_mut().find(|output| output.stream == stream).ok_or(Errno::PROTO)?;
                output.flow.credit(bytes).map_err(nonsense)?;
            }
            Packet::Machine(_) | Packet::Piece(..) | Packet::End(_) => return Err(Errno::PROTO),
        }
        Ok(())
    }

    /// Gives the server what it takes.
    fn feed(&mut self, ready: PollFlags) {
        let Some(pipe) = &self.stdin.pipe else { return };
        let mut deaf = ready.contains(PollFlags::ERR);
        let mut taken = 0;
        while let Some(rest) = self.stdin.queue.get(taken..).filter(|rest| !rest.is_empty() && !deaf) {
            match rustix::io::write(pipe, rest) {
                Ok(count) => taken += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => deaf = true,
            }
        }
        self.stdin.queue.drain(..taken);
        self.stdin.flow.passed(taken, self.port.outbox());
        if deaf {
            self.stdin.queue = Vec::new();
            encode_end(Stream::Stdin, self.port.outbox()); // nobody reads it any more: whoever writes shall know
        }
        if deaf || self.stdin.ended && self.stdin.queue.is_empty() {
            self.stdin.pipe = None;
        }
    }

    /// Ends whatever the server left behind, fetches what was said last, and tells how it ended.
    fn report(&mut self, status: i32, counters: &Counters) {
        signals::kill_all();
        let deadline = clock::now() + AFTERWARDS;
        while self.outputs.iter().any(|output| output.pipe.is_some()) {
            let left = deadline.saturating_sub(clock::now());
            if left.is_zero() || self.step(Some(left)).is_err() {
                break;
            }
            while signals::reap().is_some() {}
        }
        let kills = counters.out_of_memory_kills();
        let _ = self.port.say_of_machine(&FromGuest::OutOfMemory { kills });
        let (cpu_us, peak_rss) = signals::children_usage();
        let _ = self.port.say(&FromInit::Exited { end: signals::end_of(status), cpu_us, peak_rss });
        self.port.wait_for_the_end();
    }
}

impl Output {
    /// Takes what the server said, as much as may be sent.
    fn carry(&mut self, outbox: &mut Vec<u8>) {
        let Some(pipe) = &self.pipe else { return };
        let mut piece = vec![0; self.flow.room().min(MAX_PIECE)];
        match rustix::io::read(pipe, piece.as_mut_slice()) {
            Ok(0) => {
                self.pipe = None;
                encode_end(self.stream, outbox);
            }
            Ok(count) => self.flow.send(piece.get(..count).unwrap_or_default(), outbox),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.pipe = None,
        }
    }
}
