//! The porter of a machine: a server of the process driver that starts the machine's monitor and carries the guest's streams between the
//! link and its own standard streams. So a machine's pipes, its way out and its end are those of every sandbox, and outlive the runtime as
//! those do; and whatever a guest says that has broken out of its rules, it says to a process that is itself locked in.
//!
//! The runtime controls it over a connection that it may make again and again ([`visitors`]); [`monitor`] starts QEMU.
#![allow(unsafe_code)]

mod monitor;
mod visitors;

#[cfg(test)]
mod tests;

use crate::carry::{Carrier, Event, Fault, Line, Port};
use crate::{clock, connect, signals};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ffi::{CStr, c_char};
use core::time::Duration;
use monitor::Monitor;
use rustix::event::PollFlags;
use rustix::fd::{BorrowedFd, FromRawFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use sessile_link::guest::{FromGuest, ToGuest};
use sessile_link::porter::{Errand, FromPorter, PORTER, Rest};
use sessile_link::streams::{MACHINE, Opening, Side};
use sessile_link::{FromInit, GATE_PORT, Loopback, Stream, frame};
use visitors::{Said, Visitors};

/// How long the runtime may take nothing of what a server said last.
const LINGER: Duration = Duration::from_secs(3);

/// Runs one machine.
///
/// # Safety
/// `arguments` are terminated strings, and null after the last: this program's name, where the streams stand ([`Rest`] as JSON, or
/// nothing), the monitor's program and its arguments.
pub(crate) unsafe fn run(arguments: *const *const c_char) -> i32 {
    // SAFETY: as the caller promises; `take` stops at the null.
    let [Some(_), Some(rest), Some(_)] = (unsafe { [*arguments, *arguments.add(1), *arguments.add(2)] })
        .map(|argument| (!argument.is_null()).then_some(argument))
    else {
        return 2;
    };
    // SAFETY: a terminated string.
    let rest = unsafe { CStr::from_ptr(rest) }.to_bytes();
    let rest = if rest.is_empty() { Ok(None) } else { serde_json::from_slice(rest).map(Some) };
    let Ok(rest) = rest else { return 2 };
    signals::ignore_broken_pipes();
    let streams = [0, 1, 2].map(inherited);
    let (Some(stdin), Some(stdout), Some(stderr)) = streams.into() else { return 2 };
    // SAFETY: there are at least two more, see above.
    let monitor = unsafe { Monitor::start(arguments.add(2)) };
    let Ok((monitor, port)) = monitor else { return 1 };
    let Ok(visitors) = Visitors::expect() else { return 1 };
    Porter::new(port, [stdin, stdout, stderr], rest, Some(monitor), visitors).run();
    0
}

/// A standard stream, which does not block from here on.
fn inherited(number: i32) -> Option<OwnedFd> {
    // SAFETY: the process driver gives every server three pipes, and nobody in this process uses them by number.
    let stream = unsafe { OwnedFd::from_raw_fd(number) };
    let flags = fcntl_getfl(&stream).ok()?;
    fcntl_setfl(&stream, flags | OFlags::NONBLOCK).ok()?;
    Some(stream)
}

/// The way to the end.
enum State {
    /// The machine runs.
    Carrying,
    /// The machine is over. What it said last is given out, as long as somebody takes it.
    Ending {
        /// How much there was, at the last look.
        held: usize,
        until: Duration,
    },
}

/// One machine's.
struct Porter {
    carrier: Carrier,
    visitors: Visitors,
    /// Killed when it goes.
    monitor: Option<Monitor>,
    state: State,
    /// The runtime has asked for the machine to rest, and has not been told that it does.
    is_to_rest: bool,
    /// The guest has said that it rests.
    rests: bool,
}

impl Porter {
    fn new(
        port: Port,
        streams: [OwnedFd; 3],
        rest: Option<Rest>,
        monitor: Option<Monitor>,
        visitors: Visitors,
    ) -> Self {
        let [stdin, stdout, stderr] = streams;
        let rests = rest.is_some();
        let carrier = match rest {
            None => Carrier::new(
                port,
                Side::Host,
                Vec::from([
                    Line::source(stdin, Stream::STDIN, None),
                    Line::sink(stdout, Stream::STDOUT, None),
                    Line::sink(stderr, Stream::STDERR, None),
                ]),
            ),
            Some(Rest { stdin: to_server, outputs: [out, err], unsaid }) => {
                let stdin = to_server.map(|flow| Line::source(stdin, Stream::STDIN, Some(flow)));
                let stdout = out.map(|flow| Line::sink(stdout, Stream::STDOUT, Some(flow)));
                let stderr = err.map(|flow| Line::sink(stderr, Stream::STDERR, Some(flow)));
                let lines = [stdin, stdout, stderr].into_iter().flatten().collect();
                Carrier::new(port, Side::Host, lines).resting(unsaid)
            }
        };
        Self { carrier, visitors, monitor, state: State::Carrying, is_to_rest: false, rests }
    }

    /// Carries to the end.
    fn run(mut self) {
        while !self.is_over() {
            if let Err(fault) = self.step() {
                self.fall(&fault);
            }
        }
    }

    /// Whether everything is said, or nobody listens.
    fn is_over(&mut self) -> bool {
        let State::Ending { held, until } = &mut self.state else { return false };
        let now = self.carrier.held() + self.visitors.unheard();
        if now < *held {
            (*held, *until) = (now, clock::now() + LINGER);
        }
        now == 0 || clock::now() >= *until
    }

    fn step(&mut self) -> Result<(), Fault> {
        let (patience, ended) = match self.state {
            State::Carrying => (None, false),
            State::Ending { until, .. } => (Some(until.saturating_sub(clock::now())), true),
        };
        let mut events = Vec::new();
        let ready = {
            let waited: Vec<(BorrowedFd<'_>, PollFlags)> = self.visitors.wanted();
            self.carrier.step(&waited, patience, &mut events)
        };
        let ready = match ready {
            Err(_) if ended => {
                // The link has ended as well; what is left is given out all the same.
                self.carrier.cut();
                return Ok(());
            }
            ready => ready?,
        };
        for event in events {
            self.hear(event)?;
        }
        for said in self.visitors.carry(&ready) {
            self.act(said)?;
        }
        self.come_to_rest()?;
        self.tell_of_rest();
        self.visitors.flush();
        self.carrier.flush()
    }

    /// The guest says something.
    fn hear(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Control(message) => {
                let exited =
                    matches!(serde_json::from_slice(&message), Ok(FromInit::Exited { .. } | FromInit::Refused(_)));
                self.pass(frame::CONTROL, &message)?;
                if exited {
                    self.end();
                }
            }
            Event::Machine(message) => match serde_json::from_slice(&message) {
                Ok(FromGuest::Resting) => self.rests = true,
                Ok(FromGuest::Renewed { .. }) => {
                    (self.rests, self.is_to_rest) = (false, false);
                    self.carrier.go_on();
                    self.pass(MACHINE, &message)?;
                }
                Ok(FromGuest::Up { .. } | FromGuest::OutOfMemory { .. }) | Err(_) => self.pass(MACHINE, &message)?,
            },
            Event::Open(stream, Opening::Gate) => match connect::begin(Loopback::V4, GATE_PORT) {
                Ok(socket) => self.carrier.join(stream, socket),
                Err(errno) => self.carrier.refuse(stream, errno),
            },
            Event::Open(stream, Opening::Port { .. } | Opening::Exec) => self.carrier.refuse(stream, Errno::OPNOTSUPP),
        }
        Ok(())
    }

    /// Passes a message of the guest's on to the runtime.
    fn pass(&mut self, channel: u8, message: &[u8]) -> Result<(), Fault> {
        if self.visitors.say(channel, message) { Ok(()) } else { Err(Errno::NOBUFS.into()) }
    }

    /// The runtime says something.
    fn act(&mut self, said: Said) -> Result<(), Fault> {
        match said {
            Said::ToGuest { channel, message } => {
                // It is to be another machine, and then it runs: whoever wanted it to rest wants that no more, or is gone.
                self.is_to_rest &= channel != MACHINE;
                frame::encode(channel, &message, self.carrier.port().outbox()).map_err(|_| Errno::MSGSIZE)?;
            }
            Said::Open { opening, socket } => {
                if let Err(socket) = self.carrier.open(&opening, socket, Some(visitors::announce)) {
                    visitors::refuse(&socket, Errno::AGAIN);
                }
            }
            Said::Errand(Errand::Rest) => {
                self.is_to_rest = true;
            }
            Said::Errand(Errand::End(words)) => {
                self.carrier.add(Stream::STDERR, words.as_bytes());
                self.end();
            }
        }
        Ok(())
    }

    /// Has the machine rest, once everything that was written for its server is on its way there.
    fn come_to_rest(&mut self) -> Result<(), Fault> {
        if self.is_to_rest && !self.rests && !self.carrier.rests() && self.carrier.has_taken(Stream::STDIN) {
            self.carrier.rest();
            self.carrier.port().put(MACHINE, &ToGuest::Rest)?;
        }
        Ok(())
    }

    /// Once the machine rests and everything it said is passed on, the runtime is told.
    fn tell_of_rest(&mut self) {
        if !(self.is_to_rest && self.rests && self.carrier.is_drained()) {
            return;
        }
        if let Some(rest) = self.carrier.standing()
            && self.tell(&FromPorter::Rested(rest))
        {
            self.is_to_rest = false;
        }
    }

    fn tell(&mut self, message: &FromPorter) -> bool {
        serde_json::to_vec(message).is_ok_and(|message| self.visitors.say(PORTER, &message))
    }

    /// The link has ended, or must.
    fn fall(&mut self, fault: &Fault) {
        if let Fault::Nonsense(why) = fault {
            self.broken(&why.to_string());
        } else if let Fault::Kernel(Errno::NOBUFS) = fault {
            self.broken("it says more about itself than anybody can hear");
        }
        self.end();
        self.carrier.cut();
    }

    fn broken(&mut self, why: &str) {
        let words: String = format!("sessile: the guest broke the rules of its link: {why}\n");
        self.carrier.add(Stream::STDERR, words.as_bytes());
        self.tell(&FromPorter::Broken(why.into()));
    }

    /// Ends the machine.
    fn end(&mut self) {
        if matches!(self.state, State::Carrying) {
            self.state = State::Ending { held: usize::MAX, until: clock::now() + LINGER };
        }
        self.monitor = None;
    }
}
