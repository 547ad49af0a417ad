//! The bridge's ends of what the user of a command holds: three pipes, or one socket in place of a terminal.

use crate::Pipes;
use crate::exec::Streams;
use rustix::pipe::{PipeFlags, pipe_with};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as BlockingStream;
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};

/// See the module. An end that is over is never ready, and takes and gives nothing.
pub(in super::super) struct Ends(Kind);

enum Kind {
    Pipes {
        stdin: Option<Receiver>,
        outputs: [Option<Sender>; 2],
    },
    /// A socket: what is typed comes out of it, and what stands on the screen goes in. Both end at once.
    Terminal(Option<UnixStream>),
}

impl Ends {
    /// With the user's. Must be called inside a tokio runtime.
    pub(in super::super) fn new(has_terminal: bool) -> io::Result<(Streams, Self)> {
        if has_terminal {
            let (ours, theirs) = BlockingStream::pair()?;
            ours.set_nonblocking(true)?;
            theirs.set_nonblocking(true)?;
            let ours = UnixStream::from_std(ours)?;
            return Ok((Streams::Terminal(theirs.into()), Self(Kind::Terminal(Some(ours)))));
        }
        let pipe = || pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(io::Error::from);
        let ((read, stdin), (stdout, out), (stderr, err)) = (pipe()?, pipe()?, pipe()?);
        let sender = |end: OwnedFd| Sender::from_owned_fd(end).map(Some);
        let ends = Kind::Pipes { stdin: Some(Receiver::from_owned_fd(read)?), outputs: [sender(out)?, sender(err)?] };
        Ok((Streams::Pipes(Pipes { stdin, stdout, stderr }), Self(ends)))
    }

    /// Waits until there is something to read, or the end of it.
    pub(super) async fn input_is_there(&self) {
        let ready = match &self.0 {
            Kind::Pipes { stdin: Some(stdin), .. } => stdin.readable().await,
            Kind::Terminal(Some(socket)) => socket.readable().await,
            Kind::Pipes { stdin: None, .. } | Kind::Terminal(None) => std::future::pending().await,
        };
        // An error is found again where it is read.
        drop(ready);
    }

    /// Waits until an output can be written, or nobody reads it any more.
    pub(super) async fn takes(&self, which: usize) {
        let ready = match &self.0 {
            Kind::Pipes { outputs, .. } => match outputs.get(which) {
                Some(Some(output)) => output.writable().await,
                _ => std::future::pending().await,
            },
            Kind::Terminal(Some(socket)) => socket.writable().await,
            Kind::Terminal(None) => std::future::pending().await,
        };
        drop(ready);
    }

    pub(super) fn read(&self, piece: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Kind::Pipes { stdin: Some(stdin), .. } => stdin.try_read(piece),
            Kind::Terminal(Some(socket)) => socket.try_read(piece),
            Kind::Pipes { stdin: None, .. } | Kind::Terminal(None) => Ok(0),
        }
    }

    pub(super) fn write(&self, which: usize, bytes: &[u8]) -> io::Result<usize> {
        let over = || Err(io::ErrorKind::BrokenPipe.into());
        match &self.0 {
            Kind::Pipes { outputs, .. } => match outputs.get(which) {
                Some(Some(output)) => output.try_write(bytes),
                _ => over(),
            },
            Kind::Terminal(Some(socket)) => socket.try_write(bytes),
            Kind::Terminal(None) => over(),
        }
    }

    /// Whether anybody may still read an output.
    pub(super) fn has(&self, which: usize) -> bool {
        match &self.0 {
            Kind::Pipes { outputs, .. } => matches!(outputs.get(which), Some(Some(_))),
            Kind::Terminal(socket) => which == 0 && socket.is_some(),
        }
    }

    /// Takes no more input. Of a terminal, the screen still stands.
    pub(super) fn end_input(&mut self) {
        if let Kind::Pipes { stdin, .. } = &mut self.0 {
            *stdin = None;
        }
    }

    /// Writes no more of an output.
    pub(super) fn end_output(&mut self, which: usize) {
        match &mut self.0 {
            Kind::Pipes { outputs, .. } => {
                if let Some(output) = outputs.get_mut(which) {
                    *output = None;
                }
            }
            Kind::Terminal(socket) if which == 0 => *socket = None,
            Kind::Terminal(_) => {}
        }
    }
}
