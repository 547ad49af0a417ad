//! The time after the start: the server's pipes, and connections in and out, travel over the port, until the server ends.

use super::door::Door;
use super::machine::Counters;
use crate::carry::{Carrier, Event, Fault, Line, Port};
use crate::life::Begun;
use crate::root::Built;
use crate::{clock, connect, seccomp, signals};
use alloc::vec::Vec;
use core::time::Duration;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use rustix::process::{Pid, Signal, kill_process};
use sessile_link::guest::{FromGuest, ToGuest};
use sessile_link::streams::{MACHINE, Opening, Side};
use sessile_link::{FromInit, Stream, ToInit, frame};

/// How long what a server said last may take to be fetched once it has ended.
const AFTERWARDS: Duration = Duration::from_millis(1500);

/// Everything that flows, and the server it flows from and to.
struct Relay {
    carrier: Carrier,
    pid: i32,
    signals: OwnedFd,
    /// What listens for the server's way out.
    gate: Option<OwnedFd>,
    door: Door,
}

/// Carries streams and reports the end. Returns when everything is said.
pub(super) fn watch(mut port: Port, begun: Begun, counters: Counters, door: Door) {
    let Begun { server, signals, built: Built { proc, notes }, gate, .. } = begun;
    drop(proc);
    let (pid, landlock) = (server.pid, server.landlock);
    let [stdin, stdout, stderr] = server.into_host_ends();
    if super::say(&mut port, &FromInit::Started { pid, landlock, notes }).is_err() {
        return;
    }
    // Where the kernel has no filters, the server's was refused as well, which has been said.
    let _ = seccomp::confine_init();
    let lines = [
        stdin.map(|pipe| Line::sink(pipe, Stream::STDIN, None)),
        stdout.map(|pipe| Line::source(pipe, Stream::STDOUT, None)),
        stderr.map(|pipe| Line::source(pipe, Stream::STDERR, None)),
    ];
    let carrier = Carrier::new(port, Side::Guest, lines.into_iter().flatten().collect());
    let mut relay = Relay { carrier, pid, signals, gate, door };
    if let Ok(status) = relay.until_the_end() {
        relay.report(status, &counters);
    }
}

impl Relay {
    /// Carries on until the server has ended, and gives its status.
    fn until_the_end(&mut self) -> Result<i32, Fault> {
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
    fn step(&mut self, patience: Option<Duration>) -> Result<(), Fault> {
        let gate = self.gate.as_ref().filter(|_| self.carrier.has_room());
        let mut others: Vec<_> = [(self.signals.as_fd(), PollFlags::IN)].into();
        others.extend(gate.map(|gate| (gate.as_fd(), PollFlags::IN)));
        let mut events = Vec::new();
        let ready = self.carrier.step(&others, patience, &mut events)?;
        signals::drain(&self.signals);
        if ready.get(1).is_some_and(|flags| !flags.is_empty()) {
            self.let_out();
        }
        for event in events {
            self.act(event)?;
        }
        self.carrier.flush()
    }

    /// Takes a connection of the server's on its way out.
    fn let_out(&mut self) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        if let Some(socket) = self.gate.as_ref().and_then(|gate| accept_with(gate, flags).ok()) {
            // There was room for it.
            let _ = self.carrier.open(&Opening::Gate, socket, None);
        }
    }

    fn act(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Control(message) => match serde_json::from_slice(&message) {
                Ok(ToInit::Terminate) => {
                    if let Some(pid) = Pid::from_raw(self.pid) {
                        let _ = kill_process(pid, Signal::TERM);
                    }
                }
                Ok(ToInit::CloseStdin) => {} // the end of the stream says it
                Ok(ToInit::Start(_) | ToInit::Adopt | ToInit::Connect { .. }) | Err(_) => {
                    return Err(Errno::PROTO.into());
                }
            },
            Event::Machine(message) => match serde_json::from_slice(&message).map_err(|_| Errno::PROTO)? {
                ToGuest::Rest => {
                    let _ = self.door.forget();
                    self.carrier.rest();
                    self.carrier.port().put(MACHINE, &FromGuest::Resting)?;
                }
                ToGuest::Renew(renew) => {
                    let proof = self.door.renew(renew)?;
                    self.carrier.port().put(MACHINE, &FromGuest::Renewed { proof })?;
                    self.carrier.go_on();
                }
            },
            Event::Open(stream, Opening::Port { to, port }) => match connect::begin(to, port) {
                Ok(socket) => self.carrier.join(stream, socket),
                Err(errno) => self.carrier.refuse(stream, errno),
            },
            Event::Open(stream, Opening::Exec) => match self.door.command() {
                Ok(socket) => self.carrier.join(stream, socket),
                Err(errno) => self.carrier.refuse(stream, errno),
            },
            Event::Open(stream, Opening::Gate) => self.carrier.refuse(stream, Errno::OPNOTSUPP),
        }
        Ok(())
    }

    /// Ends whatever the server left behind, fetches what was said last, and tells how it ended.
    fn report(&mut self, status: i32, counters: &Counters) {
        signals::kill_all();
        let deadline = clock::now() + AFTERWARDS;
        while self.carrier.has(Stream::STDOUT) || self.carrier.has(Stream::STDERR) {
            let left = deadline.saturating_sub(clock::now());
            if left.is_zero() || self.step(Some(left)).is_err() {
                break;
            }
            while signals::reap().is_some() {}
        }
        let kills = counters.out_of_memory_kills();
        let (cpu_us, peak_rss) = signals::children_usage();
        let exited = FromInit::Exited { end: signals::end_of(status), cpu_us, peak_rss };
        let port = self.carrier.port();
        let _ = port.put(MACHINE, &FromGuest::OutOfMemory { kills });
        let _ = port.put(frame::CONTROL, &exited);
        super::wait_for_the_end(port);
    }
}
