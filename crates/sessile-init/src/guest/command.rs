//! A further command beside a machine's server, in a process of its own that the [door](super::door) has made: it takes the way of
//! [`crate::exec`] to a command, resigns, and then carries the command's streams over its connection to the runtime. Its connection's
//! end is the command's.

use crate::carry::{Carrier, Event, Fault, Line, Port};
use crate::confine::OOM_SCORE;
use crate::exec::{self, AGAIN, session};
use crate::{clock, life, seccomp, signals, userns};
use alloc::vec::Vec;
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::termios::{Winsize, tcsetwinsize};
use sessile_link::exec::FORK;
use sessile_link::frame::CONTROL;
use sessile_link::streams::Side;
use sessile_link::{FromExec, Inside, Packet, Refusal, ServerEnd, Stream, ToDoor, WindowSize};

/// How long the runtime may take to hear what is said last.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long output is fetched before the command's end is told: what it left behind may never stop talking.
const FETCHING: Duration = Duration::from_millis(200);

/// Says over a connection that there is no process for a command.
pub(super) fn refuse(socket: OwnedFd, errno: Errno) {
    say_refused(Port::both(socket), life::kernel(FORK)(errno));
}

fn say_refused(mut port: Port, refusal: Refusal) {
    let _ = port.put(CONTROL, &FromExec::Refused(refusal));
    let _ = port.flush_until(clock::now() + PATIENCE);
}

/// Runs the one command that is asked for over `socket`, to its end.
pub(super) fn run(socket: OwnedFd, inside: &Inside, proc: &OwnedFd) {
    // As a program inside is marked for when memory runs out; the command is born with the mark.
    let _ = userns::write_self(proc, b"self/oom_score_adj\0", OOM_SCORE);
    let mut port = Port::both(socket);
    let Ok(Packet::Control(message)) = port.wait() else { return };
    let Ok(ToDoor::Run(request)) = serde_json::from_slice(&message) else { return };
    let is_terminal = request.terminal.is_some();
    let begun = signals::as_descriptor().map_err(life::kernel("take signals"));
    match begun.and_then(|signals| exec::start(&inside.order(*request), signals, proc.as_fd())) {
        Ok(begun) => {
            // Without streams it ends with this process.
            if let Ok(running) = Running::new(port, begun, is_terminal) {
                running.see_to_its_end();
            }
        }
        Err(refusal) => say_refused(port, refusal),
    }
}

/// A command that runs. It dies with this process.
struct Running {
    carrier: Carrier,
    pid: i32,
    session: i32,
    signals: OwnedFd,
    /// The runtime's end of its terminal, if it has one and nobody has hung up.
    terminal: Option<OwnedFd>,
    /// Whether the runtime has hung up. That may end the command before its handle's end is heard, and says the same.
    is_hung_up: bool,
}

impl Running {
    fn new(port: Port, begun: exec::Begun, is_terminal: bool) -> Result<Self, Errno> {
        let exec::Begun { pid, session, signals, host_ends } = begun;
        let mut ends = host_ends.into_iter();
        let (terminal, lines) = if is_terminal {
            let end = ends.next().ok_or(Errno::BADF)?;
            let more = || fcntl_dupfd_cloexec(&end, 3);
            let lines =
                Vec::from([Line::sink(more()?, Stream::STDIN, None), Line::source(more()?, Stream::STDOUT, None)]);
            (Some(end), lines)
        } else {
            let stdin = ends.next().map(|pipe| Line::sink(pipe, Stream::STDIN, None));
            let outputs = ends.zip([Stream::STDOUT, Stream::STDERR]);
            let outputs = outputs.map(|(pipe, stream)| Line::source(pipe, stream, None));
            (None, stdin.into_iter().chain(outputs).collect())
        };
        let mut carrier = Carrier::new(port, Side::Guest, lines);
        carrier.port().put(CONTROL, &FromExec::Started)?;
        // Where the kernel has no filters, the server's was refused as well, which has been said.
        let _ = seccomp::confine_exec();
        Ok(Self { carrier, pid, session, signals, terminal, is_hung_up: false })
    }

    /// Carries its streams until it has ended, tells how, and goes on with those that it left open to others.
    fn see_to_its_end(mut self) {
        let (end, is_wanted) = self.until_its_end();
        let until = clock::now() + FETCHING;
        while is_wanted && clock::now() < until && !self.carrier.is_quiet() && self.step(Some(AGAIN)).is_ok() {}
        let _ = self.carrier.port().put(CONTROL, &FromExec::Ended(end));
        let mut goes_on = is_wanted && self.carrier.flush().is_ok();
        while goes_on && (self.carrier.has(Stream::STDOUT) || self.carrier.has(Stream::STDERR)) {
            goes_on = self.step(None).is_ok();
        }
        let _ = self.carrier.port().part_until(clock::now() + PATIENCE);
    }

    /// Waits for its end, or brings it about when the connection has ended. Gives the end, and whether anybody still wants it.
    fn until_its_end(&mut self) -> (ServerEnd, bool) {
        let mut is_wanted = self.carrier.flush().is_ok();
        loop {
            if !is_wanted {
                session::kill(self.pid, self.session);
            }
            while let Some(reaped) = signals::reap() {
                if reaped.pid == self.pid {
                    if !is_wanted || self.is_hung_up {
                        session::kill_rest(self.session);
                    }
                    return (signals::end_of(reaped.status), is_wanted);
                }
            }
            if is_wanted {
                is_wanted = self.step(None).is_ok();
            } else {
                let _ = poll(&mut [PollFd::new(&self.signals, PollFlags::IN)], clock::timespec(AGAIN).as_ref());
                signals::drain(&self.signals);
            }
        }
    }

    /// Waits until something is ready, for `patience` at most, and carries it on.
    fn step(&mut self, patience: Option<Duration>) -> Result<(), Fault> {
        let mut events = Vec::new();
        self.carrier.step(&[(self.signals.as_fd(), PollFlags::IN)], patience, &mut events)?;
        signals::drain(&self.signals);
        for event in events {
            match event {
                Event::Control(message) => self.resize(&message)?,
                Event::Machine(_) | Event::Open(..) => return Err(Errno::PROTO.into()),
            }
        }
        self.mind_the_terminal();
        Ok(())
    }

    fn resize(&self, message: &[u8]) -> Result<(), Errno> {
        let Ok(ToDoor::Resize(WindowSize { rows, columns })) = serde_json::from_slice(message) else {
            return Err(Errno::PROTO);
        };
        if let Some(terminal) = &self.terminal {
            // Fails once nobody inside has it, and nobody is there to mind.
            let _ = tcsetwinsize(terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 });
        }
        Ok(())
    }

    /// A terminal is one thing: the runtime hangs up both ways, and what nobody inside has open takes nothing any more.
    fn mind_the_terminal(&mut self) {
        if self.terminal.is_none() {
            return;
        }
        // Which of both the runtime notices first is a matter of chance.
        if self.carrier.has_been_told_all(Stream::STDIN) || self.carrier.is_refused(Stream::STDOUT) {
            self.carrier.give_up(Stream::STDOUT);
            self.carrier.give_up(Stream::STDIN);
            self.terminal = None;
            self.is_hung_up = true;
        } else if self.carrier.has(Stream::STDIN) && !self.carrier.has(Stream::STDOUT) {
            self.carrier.give_up(Stream::STDIN);
        }
    }
}
