//! The one task of a session: reads the server's stdout, flushes its stdin, keeps its clocks, and sees it
//! to its end.

mod outputs;
mod rest;

use crate::error::gone;
use crate::lines::{Endless, Line};
use crate::node::Node;
use crate::oversized::answer_for;
use crate::peer::{self, About};
use crate::session::{Rest, Session};
use crate::sleep::Asleep;
use crate::stderr;
use crate::stop::{PostMortem, StopReason, unix_seconds, whole_millis};
use bytes::Bytes;
pub(crate) use outputs::{Outputs, Stdout};
use sessile_bridge::Event;
use sessile_protocol::{Message, Payload};
use sessile_sandbox::{Ended, Exit, Sandbox};
use sessile_telemetry::{DropCause, Event as Told};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::time::timeout;

/// Lines in a row that are not JSON-RPC before the server is given up.
const GARBAGE_LINES: u32 = 32;
/// Such lines of one session that are logged; all are counted.
const STRAY_LINES: u32 = 100;
/// Bytes of such a line that are logged.
const STRAY_BYTES: usize = 1024;
/// Messages a server may send as one JSON array (2025-03-26).
const MAX_BATCH: usize = 1_000;
/// How long a server that is asked to end gets, before its whole tree is killed.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// How long a server that closed its stdout gets to end by itself.
const CLOSED_STDOUT_GRACE: Duration = Duration::from_millis(500);
/// How long clients get to take what a server said before it ended, and how often the bridge looks for those who
/// do not read.
const LAST_WORDS: Duration = Duration::from_secs(10);
const LAST_WORDS_STEP: Duration = Duration::from_millis(500);
/// How long the last words of a server that spoke HTTP are waited for.
const PEER_GRACE: Duration = Duration::from_millis(500);
/// How long the last lines of stderr are waited for.
const STDERR_GRACE: Duration = Duration::from_millis(200);

/// The server speaks no protocol, and is given up.
struct GivenUp;

struct Pump<'a> {
    session: Arc<Session>,
    node: &'a Node,
    outputs: Outputs,
    garbage: u32,
    /// Lines on stdout that were no messages, in the whole session.
    stray: u32,
    /// When the server closed its stdout.
    closed: Option<Instant>,
    lifetime_over: bool,
    /// More about its end than the exit of its server says.
    why: Option<String>,
    /// When it began to fall asleep.
    fell: Instant,
}

/// What a session's pump has come to.
#[derive(Debug)]
pub(crate) enum Life {
    /// It has ended.
    Ended(PostMortem),
    /// It is on the disk, which took so long.
    Asleep(Box<Asleep>, Duration),
}

/// How its life goes on.
enum Next {
    End(StopReason, Option<Ended>),
    Sleep(Box<Asleep>),
}

/// Runs a session to its end, or until it is on the disk, and returns what is to be kept of it. Everything of the sandbox is gone then.
pub(crate) async fn run(session: Arc<Session>, sandbox: Sandbox, outputs: Outputs, node: &Node) -> Life {
    let sandbox = Arc::new(sandbox);
    *session.sandbox.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&sandbox);
    let (garbage, stray, fell) = (0, 0, Instant::now());
    let mut pump = Pump { session, node, outputs, garbage, stray, closed: None, lifetime_over: false, why: None, fell };
    match pump.live(&sandbox).await {
        Next::End(reason, ended) => Life::Ended(pump.finish(reason, ended, sandbox).await),
        Next::Sleep(asleep) => Life::Asleep(asleep, pump.fell.elapsed()),
    }
}

impl Pump<'_> {
    /// The life of the session, up to the reason of its end.
    async fn live(&mut self, sandbox: &Sandbox) -> Next {
        let mut ended = pin!(sandbox.ended());
        let mut clock = pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            if let Some(reason) = self.due() {
                return Next::End(reason, None);
            }
            if self.hand_on().is_err() {
                return Next::End(StopReason::ProtocolViolation, None);
            }
            if let Some(turn) = self.session.turn() {
                self.fell = Instant::now();
                match Box::pin(self.take_turn(turn, sandbox)).await {
                    rest::Rested::GoesOn => continue,
                    rest::Rested::Asleep(asleep) => return Next::Sleep(asleep),
                    rest::Rested::Ended(reason, ended) => return Next::End(reason, ended),
                }
            }
            let (flush, read, next) = self.look_ahead();
            // A clock that rings early costs a look; setting it anew after every call costs more.
            if clock.is_elapsed() || next < clock.deadline().into_std() {
                clock.as_mut().reset(next.into());
                self.session.lock().armed = Some(next);
            }
            let session = &self.session;
            tokio::select! {
                came = self.outputs.stdout.fill(), if read => {
                    if !came {
                        self.closed = Some(Instant::now());
                    }
                }
                () = poll_fn(|cx| session.lock().input.poll_writable(cx)), if flush => {
                    session.lock().input.flush();
                }
                () = session.pump.notified() => {}
                () = &mut clock => {
                    // The bridge answers what is overdue.
                    let _ = session.step(|core| core.bridge.on(session.now(), Event::Tick));
                }
                end = &mut ended => {
                    self.hear_last_words().await;
                    let reason = match end.exit {
                        Exit::OutOfMemory { .. } => StopReason::OutOfMemory,
                        _ => StopReason::ServerExit,
                    };
                    return Next::End(reason, Some(end));
                }
            }
        }
    }

    /// Whether the session is to end now, and why.
    fn due(&mut self) -> Option<StopReason> {
        let now = Instant::now();
        let limits = self.session.limits;
        let end_of_life = self.session.opened + limits.max_lifetime;
        let core = self.session.lock();
        if let Some(reason) = core.stop {
            return Some(reason);
        }
        if self.closed.is_some_and(|at| now >= at + CLOSED_STDOUT_GRACE) {
            return Some(StopReason::ProtocolViolation);
        }
        if now >= end_of_life {
            if core.bridge.in_flight() == 0 || now >= end_of_life + limits.drain {
                return Some(StopReason::MaxLifetime);
            }
            self.lifetime_over = true;
        }
        if !core.bridge.is_open() && now >= self.session.opened + limits.start_timeout {
            return Some(StopReason::StartTimeout);
        }
        self.session.idle_until(&core).is_some_and(|until| now >= until).then_some(StopReason::IdleTimeout)
    }

    /// What to wait for: room in stdin, something on stdout, and the next moment a clock rings.
    fn look_ahead(&self) -> (bool, bool, Instant) {
        let limits = self.session.limits;
        let core = self.session.lock();
        let mut next = self.session.opened + limits.max_lifetime;
        if self.lifetime_over {
            next += limits.drain;
        }
        let deadline = core.bridge.deadline().map(|at| self.session.instant(at));
        let closed = self.closed.map(|at| at + CLOSED_STDOUT_GRACE);
        let start = (!core.bridge.is_open()).then(|| self.session.opened + limits.start_timeout);
        let clocks = [deadline, closed, start, self.session.idle_until(&core), self.session.rests_at(&core)];
        for moment in clocks.into_iter().flatten() {
            next = next.min(moment);
        }
        let read = self.closed.is_none() && !core.bridge.is_backlogged();
        (core.input.queued() > 0, read, next)
    }

    /// Reads once what is there already. `false` when nothing was.
    fn fill_now(&mut self) -> bool {
        match self.outputs.stdout.fill_now() {
            Ok(0) => self.closed = Some(Instant::now()),
            Ok(_) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => self.closed = Some(Instant::now()),
        }
        false
    }

    /// Hands whole lines on. While a client is behind, the rest waits: a burst must not cost it its stream.
    fn hand_on(&mut self) -> Result<(), GivenUp> {
        while !self.is_backlogged()
            && let Some(line) = self.outputs.stdout.lines.next_line().map_err(|Endless| GivenUp)?
        {
            match line {
                Line::Whole(line) => self.take_line(line)?,
                Line::TooLong { size, head, tail } => self.take_oversized(size, &head, &tail),
            }
        }
        Ok(())
    }

    fn is_backlogged(&self) -> bool {
        self.session.lock().bridge.is_backlogged()
    }

    /// Hands on what a server that has ended said last. Clients that are behind get a while to catch up.
    async fn hear_last_words(&mut self) {
        while self.closed.is_none() && self.fill_now() {}
        // What a server said over HTTP may be on its way through the peer, which ends when nothing is.
        while self.outputs.peer.is_some()
            && self.closed.is_none()
            && let Ok(came) = timeout(PEER_GRACE, self.outputs.stdout.fill()).await
        {
            if !came {
                self.closed = Some(Instant::now());
            }
        }
        let end = Instant::now() + LAST_WORDS;
        while self.hand_on().is_ok() && self.is_backlogged() && Instant::now() < end {
            let session = &self.session;
            let caught_up = session.pump.notified();
            if timeout(LAST_WORDS_STEP, caught_up).await.is_err() {
                // The bridge cuts those who do not read at all.
                let _ = session.step(|core| core.bridge.on(session.now(), Event::Tick));
            }
        }
    }

    fn take_line(&mut self, line: Bytes) -> Result<(), GivenUp> {
        let taken = Some(self.outputs.stdout.lines.taken());
        // Only a peer says where a line comes from.
        let (about, line) = if self.outputs.peer.is_some() { peer::split(line) } else { (About::default(), line) };
        if line.is_empty() {
            self.session.step(|core| core.input.hear(&about, None));
            return Ok(());
        }
        match Payload::parse(line.clone(), MAX_BATCH) {
            Ok(Payload::Single(message)) => {
                self.garbage = 0;
                self.deliver(about, message, taken);
            }
            Ok(Payload::Batch(messages)) => {
                self.garbage = 0;
                // The line is done with when the last of them is.
                let last = messages.len().saturating_sub(1);
                for (number, message) in messages.into_iter().enumerate() {
                    self.deliver(About::default(), message, taken.filter(|_| number == last));
                }
            }
            Err(error) => {
                self.garbage += 1;
                self.log_stray(&line);
                self.dropped(DropCause::NotJsonRpc, &error.to_string());
                if self.garbage >= GARBAGE_LINES {
                    return Err(GivenUp);
                }
            }
        }
        Ok(())
    }

    /// What is no message is most often meant for a person: a print statement, a banner, a stack trace.
    fn log_stray(&mut self, line: &[u8]) {
        self.stray += 1;
        if self.stray > STRAY_LINES {
            return;
        }
        let text = String::from_utf8_lossy(line.get(..STRAY_BYTES).unwrap_or(line));
        self.session.telemetry.emit(&Told::ServerOutput {
            server: &self.session.server,
            session: self.session.name.as_str(),
            stream: "stdout",
            line: &stderr::clean(&text),
        });
    }

    /// Hands a message on. With it, everything up to byte `taken` of what the server said is done with.
    fn deliver(&self, about: About, message: Message, taken: Option<u64>) {
        let session = &self.session;
        let refused = session.step(|core| {
            core.heard = taken.unwrap_or(core.heard);
            core.input.hear(&about, Some(&message));
            let event = match about.into_call().filter(|_| message.is_request()) {
                Some(call) => Event::ServerAsks { call, question: message },
                None => Event::ServerMessage(message),
            };
            core.bridge.on(session.now(), event)
        });
        if let Err(refusal) = refused {
            self.dropped(DropCause::UnknownAnswer, &refusal.to_string());
        }
    }

    /// The message is lost; the call it answers is told so.
    fn take_oversized(&self, size: usize, head: &[u8], tail: &[u8]) {
        let limit = self.session.limits.message;
        self.dropped(DropCause::TooLarge, &format!("{size} bytes, the limit is {limit}"));
        if let Some(answer) = answer_for(head, tail, size, limit) {
            self.deliver(About::default(), answer, Some(self.outputs.stdout.lines.taken()));
        }
    }

    fn dropped(&self, cause: DropCause, detail: &str) {
        self.session.telemetry.emit(&Told::Dropped {
            server: &self.session.server,
            session: self.session.name.as_str(),
            cause,
            count: 1,
            detail,
        });
    }

    /// Answers what is in flight, ends the sandbox, and writes the post-mortem.
    async fn finish(self, reason: StopReason, ended: Option<Ended>, sandbox: Arc<Sandbox>) -> PostMortem {
        let Self { session, mut outputs, why, .. } = self;
        if session.rests() == Rest::Frozen && ended.is_none() {
            // It is to hear that it ends. If it cannot be thawed, it is killed.
            let _ = sandbox.thaw().await;
        }
        session.goes_on();
        // Whoever asked for the end first has given the reason that everybody is told.
        let reason = *session.lock().stop.get_or_insert(reason);
        let ended_by_itself = ended.is_some();
        if ended_by_itself {
            // The process is gone; what it said last is still in the pipe.
            let _ = timeout(STDERR_GRACE, &mut outputs.stderr).await;
        }
        let exit = ended.as_ref().map_or_else(|| "stopped".to_owned(), |end| end.exit.to_string());
        let tail = session.stderr.text();
        let started = session.lock().bridge.is_open();
        let hint = match reason {
            StopReason::DiskFull => {
                Some("its workspace holds more than `limits.disk` allows: remove files in it".to_owned())
            }
            _ if started => None,
            _ => session.hosted.missing_paths(&tail),
        };
        let error = gone(reason, started, &exit, &tail, hint.as_deref(), session.id.expose());
        session.never_opened(&error);
        // Nothing is refused at the end.
        let _ = session.step(|core| core.bridge.on(session.now(), Event::ServerGone(error)));
        session.lock().input.close();
        let ended = match ended {
            Some(ended) => {
                drop(sandbox);
                ended
            }
            None => {
                outputs.take_leave(&sandbox).await;
                sandbox.stop(STOP_GRACE).await
            }
        };
        drop((outputs.stdout, outputs.peer));
        // A handle that has given its result must not be asked again.
        if !outputs.stderr.is_finished() {
            // Dropping it ends it.
            let _ = timeout(STDERR_GRACE, &mut outputs.stderr).await;
        }
        PostMortem {
            reason,
            exit: why.unwrap_or_else(|| ended.exit.to_string()),
            stderr_tail: session.stderr.text(),
            hint,
            cpu_ms: whole_millis(ended.usage.cpu),
            memory_peak: ended.usage.memory_peak,
            lived_ms: whole_millis(session.opened.elapsed()),
            ended_at: unix_seconds(SystemTime::now()),
        }
    }
}
