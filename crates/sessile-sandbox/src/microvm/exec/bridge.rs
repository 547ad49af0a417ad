//! Between a command's connection and its streams: one task that holds a window of each stream at most. What comes is hostile: a guest that
//! breaks the rules loses the connection, and with it the command.

mod ends;

use crate::Exit;
use crate::exec::{Exec, ExecGrip, Streams, WindowSize};
pub(super) use ends::Ends;
use sessile_link::frame::{Frame, FrameDecoder};
use sessile_link::streams::{Incoming, Outgoing, encode_end};
use sessile_link::{FromExec, Packet, ServerEnd, Stream, StreamError, ToDoor, control};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

/// How long a command may take to end once nobody wants it.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// What is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// No input is read while this much waits for the connection, in bytes.
const OUTBOX: usize = 64 * 1024;

/// What the handle and the task share.
struct Control {
    /// The newest size that was asked for.
    size: watch::Sender<Option<WindowSize>>,
    /// Nobody wants it any more.
    dismissed: Notify,
}

impl ExecGrip for Control {
    fn resize(&self, size: WindowSize) {
        let _ = self.size.send(Some(size));
    }

    fn kill(&self) {
        self.dismissed.notify_one();
    }
}

/// Begins to carry a command's streams, and gives out its handle.
pub(super) fn watch_over(connection: TcpStream, frames: FrameDecoder, streams: Streams, ends: Ends) -> Exec {
    let (size, sizes) = watch::channel(None);
    let control = Arc::new(Control { size, dismissed: Notify::new() });
    let (say_ended, ended) = watch::channel(None);
    let bridge = Bridge {
        connection,
        frames,
        outbox: Vec::new(),
        is_heard: true,
        ends,
        input: Some(Outgoing::new(Stream::STDIN)),
        outputs: [Stream::STDOUT, Stream::STDERR].map(Output::new),
        sizes,
        control: Arc::clone(&control),
        say_ended,
        deadline: None,
        piece: vec![0; PIECE],
    };
    // It ends soon after the command does, or its handle. If the tokio runtime goes first, the connection does too.
    tokio::spawn(bridge.carry());
    Exec::new(streams, control, ended)
}

/// One way out of the command.
struct Output {
    flow: Incoming,
    /// What came and is not taken yet: a window at most.
    queue: Vec<u8>,
    ended: bool,
}

impl Output {
    fn new(stream: Stream) -> Self {
        Self { flow: Incoming::new(stream), queue: Vec::new(), ended: false }
    }
}

/// See the module.
struct Bridge {
    connection: TcpStream,
    frames: FrameDecoder,
    /// What is to be said.
    outbox: Vec<u8>,
    /// Whether anybody hears it.
    is_heard: bool,
    /// What the user of the command holds the other ends of.
    ends: Ends,
    /// `None` once no input is taken any more.
    input: Option<Outgoing>,
    outputs: [Output; 2],
    sizes: watch::Receiver<Option<WindowSize>>,
    control: Arc<Control>,
    say_ended: watch::Sender<Option<Exit>>,
    /// When a command that nobody wants any more has ended for good.
    deadline: Option<Instant>,
    piece: Vec<u8>,
}

/// What there is to do.
enum Ready {
    Read,
    Write,
    Input,
    Output(usize),
    Resize,
    Dismissed,
    Late,
}

impl Bridge {
    async fn carry(mut self) {
        let mut is_open = self.hear().is_ok();
        // And then until everything is given out.
        while is_open || self.outputs.iter().any(|output| !output.queue.is_empty()) {
            let done = match self.ready(is_open).await {
                Ready::Read => self.read(),
                Ready::Write => self.write(),
                Ready::Input => {
                    self.take_input();
                    Ok(())
                }
                Ready::Output(which) => {
                    self.give(which);
                    Ok(())
                }
                Ready::Resize => self.resize(),
                Ready::Dismissed if self.has_ended() => break,
                Ready::Dismissed => self.dismiss().await,
                Ready::Late => break,
            };
            if done.is_err() {
                is_open = false;
                self.close();
            }
        }
        self.say(Exit::Lost);
    }

    /// Waits for something to do. Nothing is lost if it is given up.
    async fn ready(&mut self, is_open: bool) -> Ready {
        let Self { connection, ends, outbox, is_heard, input, outputs: [out, err], sizes, control, deadline, .. } =
            self;
        let may_send = input.as_ref().is_some_and(|flow| flow.room() > 0) && outbox.len() < OUTBOX && is_open;
        let is_wanted = deadline.is_none();
        let late = async {
            match deadline {
                Some(deadline) => sleep_until(*deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // A handle that is gone takes its streams with it: their ends are no hanging up that the command may outlive. Of the rest,
            // what makes room comes before what fills it, which windows bound.
            biased;
            () = control.dismissed.notified(), if is_wanted => Ready::Dismissed,
            () = late => Ready::Late,
            _ = connection.ready(Interest::WRITABLE), if is_open && *is_heard && !outbox.is_empty() => Ready::Write,
            () = ends.takes(0), if !out.queue.is_empty() => Ready::Output(0),
            () = ends.takes(1), if !err.queue.is_empty() => Ready::Output(1),
            Ok(()) = sizes.changed(), if is_open && is_wanted => Ready::Resize,
            () = ends.input_is_there(), if may_send => Ready::Input,
            _ = connection.ready(Interest::READABLE), if is_open => Ready::Read,
        }
    }

    /// Takes in what has come.
    fn read(&mut self) -> io::Result<()> {
        match self.connection.try_read(&mut self.piece) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.frames.push(self.piece.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        self.hear()
    }

    /// Understands what has been taken in.
    fn hear(&mut self) -> io::Result<()> {
        while let Some(frame) = self.frames.next().map_err(io::Error::other)? {
            self.understand(frame).map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn understand(&mut self, frame: Frame) -> Result<(), Broken> {
        match Packet::try_from(frame)? {
            Packet::Control(message) => match serde_json::from_slice(&message)? {
                FromExec::Ended(end) => {
                    // What it said before comes first, as far as it is taken at once.
                    (0..self.outputs.len()).for_each(|which| self.give(which));
                    self.say(match end {
                        ServerEnd::Code(code) => Exit::Code(code),
                        ServerEnd::Signal(signal) => Exit::Signal(signal),
                    });
                }
                FromExec::Started | FromExec::Refused(_) => return Err(Broken::Order),
            },
            Packet::Piece(stream, piece) => {
                let which = which(stream)?;
                if let Some(output) = self.outputs.get_mut(which) {
                    output.flow.received(&piece)?;
                    if self.ends.has(which) {
                        output.queue.extend_from_slice(&piece);
                    }
                }
                self.give(which);
            }
            Packet::End(Stream::STDIN) => self.end_input(),
            Packet::End(stream) => {
                let which = which(stream)?;
                if let Some(output) = self.outputs.get_mut(which) {
                    output.flow.end()?;
                    output.ended = true;
                }
                self.give(which);
            }
            Packet::Credit(Stream::STDIN, bytes) => {
                if let Some(input) = &mut self.input {
                    input.credit(bytes)?;
                }
            }
            Packet::Credit(..) | Packet::Machine(_) | Packet::Open(..) | Packet::Opened(_) | Packet::Closed(..) => {
                return Err(Broken::Order);
            }
        }
        Ok(())
    }

    /// Says what the connection takes now.
    fn write(&mut self) -> io::Result<()> {
        match self.connection.try_write(&self.outbox) {
            Ok(count) => {
                self.outbox.drain(..count);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            // Nobody hears it any more. What was said before that is still to be read, to its end.
            Err(_) => {
                self.outbox.clear();
                self.is_heard = false;
                self.end_input();
                Ok(())
            }
        }
    }

    /// Takes input from the user.
    fn take_input(&mut self) {
        let Some(flow) = &mut self.input else { return };
        let room = flow.room().min(self.piece.len());
        let piece = self.piece.get_mut(..room).unwrap_or_default();
        match self.ends.read(piece) {
            Ok(0) => {
                encode_end(Stream::STDIN, &mut self.outbox);
                self.end_input();
            }
            Ok(count) => flow.send(piece.get(..count).unwrap_or_default(), &mut self.outbox),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // There will be no more.
            Err(_) => {
                encode_end(Stream::STDIN, &mut self.outbox);
                self.end_input();
            }
        }
    }

    fn end_input(&mut self) {
        self.input = None;
        self.ends.end_input();
    }

    /// Gives the user what it takes now of an output, and then perhaps its end.
    fn give(&mut self, which: usize) {
        let Some(output) = self.outputs.get_mut(which) else { return };
        let mut taken = 0;
        while let Some(rest) = output.queue.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.ends.write(which, rest) {
                Ok(count) => taken += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    // Nobody reads it any more: the command shall know.
                    encode_end(stream(which), &mut self.outbox);
                    self.ends.end_output(which);
                    output.queue.clear();
                    return;
                }
            }
        }
        output.queue.drain(..taken);
        output.flow.passed(taken, &mut self.outbox);
        if output.ended && output.queue.is_empty() {
            self.ends.end_output(which);
        }
    }

    fn resize(&mut self) -> io::Result<()> {
        let size = *self.sizes.borrow_and_update();
        match size {
            Some(size) => control::encode(&ToDoor::Resize(size), &mut self.outbox).map_err(io::Error::other),
            None => Ok(()),
        }
    }

    /// Nobody wants it any more: the end of what is said to it is its own. Its report still is wanted.
    async fn dismiss(&mut self) -> io::Result<()> {
        self.deadline = Some(Instant::now() + LAST_BREATH);
        self.input = None;
        self.outbox.clear();
        self.connection.shutdown().await
    }

    /// The connection is no more.
    fn close(&mut self) {
        self.say(Exit::Lost);
        self.end_input();
        for which in 0..self.outputs.len() {
            if let Some(output) = self.outputs.get_mut(which) {
                output.ended = true;
            }
            self.give(which);
        }
    }

    fn has_ended(&self) -> bool {
        self.say_ended.borrow().is_some()
    }

    /// Says how it ended; once.
    fn say(&self, exit: Exit) {
        self.say_ended.send_if_modified(|known| {
            let is_news = known.is_none();
            *known = known.or(Some(exit));
            is_news
        });
    }
}

/// What no honest door says.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    Message(#[from] serde_json::Error),
    #[error("something that makes no sense now")]
    Order,
}

/// The outputs in their order.
fn which(stream: Stream) -> Result<usize, Broken> {
    match stream {
        Stream::STDOUT => Ok(0),
        Stream::STDERR => Ok(1),
        _ => Err(Broken::Order),
    }
}

fn stream(which: usize) -> Stream {
    if which == 0 { Stream::STDOUT } else { Stream::STDERR }
}
