//! Watching: reap, do what the runtime says, and wait for another one when it is gone.

use crate::bequest::Bequest;
use crate::clock::{self, timespec};
use crate::link::{Heard, Link};
use crate::server::Server;
use crate::signals;
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{Pid, Signal, kill_process};
use sessile_link::{FromInit, ToInit};

/// Whose the sandbox is.
#[derive(Clone, Copy)]
enum Tie {
    /// The runtime's at the other end of the link.
    Held,
    /// Nobody's, until then.
    Alone(Duration),
    /// Nobody's, until then; but somebody is at the other end of the link and may ask for it.
    Courted(Duration),
}

/// The watch over one server.
pub(crate) struct Watch {
    link: Link<ToInit>,
    server: Server,
    signals: OwnedFd,
    bequest: Option<Bequest>,
    /// How long to wait for another runtime.
    patience: Duration,
    tie: Tie,
    /// How the server ended, while there is nobody to tell.
    ended: Option<FromInit>,
}

impl Watch {
    /// Begins. The runtime has `heard` that the server runs, or is gone already.
    pub(crate) fn new(
        link: Link<ToInit>,
        server: Server,
        signals: OwnedFd,
        bequest: Option<Bequest>,
        patience: Duration,
        heard: bool,
    ) -> Self {
        let tie = if heard { Tie::Held } else { Tie::Alone(clock::now() + patience) };
        Self { link, server, signals, bequest, patience, tie, ended: None }
    }

    /// Watches to the end. The exit code means nothing to anybody: the report goes over the link.
    pub(crate) fn run(mut self) -> i32 {
        loop {
            while let Some(reaped) = signals::reap() {
                if reaped.pid == self.server.pid {
                    self.server_ended(reaped.status);
                }
            }
            if self.is_over() {
                return 0;
            }
            self.wait();
        }
    }

    /// Whether there is nothing more to wait for: the end was told or will never be, or nobody came back for the sandbox.
    fn is_over(&mut self) -> bool {
        match self.tie {
            Tie::Held => {
                let Some(end) = &self.ended else { return false };
                if self.link.say(end, &[]).is_ok() || self.bequest.is_none() {
                    return true;
                }
                // The runtime went first. The next one may still ask how it ended.
                self.tie = Tie::Alone(clock::now() + self.patience);
                signals::kill_all();
                false
            }
            Tie::Alone(until) | Tie::Courted(until) => {
                until <= clock::now() || (self.ended.is_some() && self.bequest.is_none())
            }
        }
    }

    /// Waits for a signal, a word, another runtime, or the end of patience.
    fn wait(&mut self) {
        let until = match self.tie {
            Tie::Held => None,
            Tie::Alone(until) | Tie::Courted(until) => timespec(until.saturating_sub(clock::now())),
        };
        let (link, signals) = (self.link.as_fd(), self.signals.as_fd());
        // A link that has ended stays readable for ever; it is not looked at again.
        let other = match self.tie {
            Tie::Held | Tie::Courted(_) => Some(link),
            Tie::Alone(_) => self.bequest.as_ref().map(AsFd::as_fd),
        };
        let mut polled = [
            PollFd::from_borrowed_fd(signals, PollFlags::IN),
            PollFd::from_borrowed_fd(other.unwrap_or(signals), PollFlags::IN),
        ];
        let _ = poll(&mut polled, until.as_ref());
        let spoken = other.is_some() && polled.get(1).is_some_and(|fd| !fd.revents().is_empty());
        signals::drain(&self.signals);
        if !spoken {
            return;
        }
        match self.tie {
            Tie::Alone(until) => {
                if let Some(socket) = self.bequest.as_ref().and_then(Bequest::meet) {
                    self.link.replace(socket);
                    self.tie = Tie::Courted(until);
                }
            }
            Tie::Held | Tie::Courted(_) => {
                if !self.listen() {
                    self.tie = Tie::Alone(match self.tie {
                        Tie::Held => clock::now() + self.patience,
                        // Whoever only knocked has not bought it any time.
                        Tie::Alone(until) | Tie::Courted(until) => until,
                    });
                }
            }
        }
    }

    /// Does what the runtime says. `false` once the link has ended.
    fn listen(&mut self) -> bool {
        if !self.link.fill() {
            return false;
        }
        loop {
            match (self.link.next(), self.tie) {
                (Heard::Nothing, _) => return true,
                (Heard::Message(ToInit::CloseStdin), Tie::Held) => self.server.stdin = None,
                (Heard::Message(ToInit::Terminate), Tie::Held) => {
                    if let Some(pid) = Pid::from_raw(self.server.pid) {
                        let _ = kill_process(pid, Signal::TERM);
                    }
                }
                (Heard::Message(ToInit::Adopt), Tie::Courted(_)) => {
                    let Some(bequest) = &mut self.bequest else { return false };
                    if bequest.hand_over(&self.link, &self.server).is_err() {
                        return false;
                    }
                    self.tie = Tie::Held;
                }
                // Anything else is nonsense, and so is everything after it.
                (Heard::Message(_) | Heard::End, _) => return false,
            }
        }
    }

    /// Notes how the server ended. What else lives in the sandbox goes with it, also while its end has to wait to be told.
    fn server_ended(&mut self, status: i32) {
        let end = signals::end_of(status);
        let (cpu_us, peak_rss) = signals::children_usage();
        self.ended = Some(FromInit::Exited { end, cpu_us, peak_rss });
        if !matches!(self.tie, Tie::Held) {
            signals::kill_all();
        }
    }
}
