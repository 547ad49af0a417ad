//! A command's streams in the event loop, pipes or terminal.

use crate::exec::wire::{STDERR, STDOUT};
use sessile_runtime::{Pipes, SessionExec, Streams as Ends, Terminal};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

/// What ends the input of a program at a terminal (`termios(3)`, `VEOF`): typed at the start of a line.
const END_OF_INPUT: &[u8] = b"\x04";

pub(super) struct Streams {
    pub(super) input: Input,
    /// Each with its channel.
    pub(super) outputs: Vec<(u8, Output)>,
}

pub(super) enum Input {
    Pipe(pipe::Sender),
    Terminal {
        end: Arc<Terminal>,
        /// Whether something was typed since the last line's end.
        in_line: bool,
    },
}

pub(super) enum Output {
    Pipe(pipe::Receiver),
    Terminal(Arc<Terminal>),
}

impl Streams {
    /// Those of `exec`, whose they are no longer.
    pub(super) fn of(mut exec: SessionExec) -> io::Result<(SessionExec, Self)> {
        let taken = || io::Error::other("they were taken already");
        let streams = match exec.exec.take_streams().ok_or_else(taken)? {
            Ends::Pipes(Pipes { stdin, stdout, stderr }) => {
                let outputs = vec![
                    (STDOUT, Output::Pipe(pipe::Receiver::from_owned_fd(stdout)?)),
                    (STDERR, Output::Pipe(pipe::Receiver::from_owned_fd(stderr)?)),
                ];
                Self { input: Input::Pipe(pipe::Sender::from_owned_fd(stdin)?), outputs }
            }
            Ends::Terminal(end) => {
                let end = Arc::new(Terminal::new(end)?);
                let outputs = vec![(STDOUT, Output::Terminal(Arc::clone(&end)))];
                Self { input: Input::Terminal { end, in_line: false }, outputs }
            }
        };
        Ok((exec, streams))
    }
}

impl Input {
    /// Waits until the command, or its pipe, has taken all of it.
    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.write_all(bytes).await,
            Self::Terminal { end, in_line } => {
                *in_line = bytes.last().is_some_and(|last| *last != b'\n' && *last != b'\r');
                type_all(end, bytes).await
            }
        }
    }

    /// There is no more.
    pub(super) async fn end(self) {
        if let Self::Terminal { end, in_line } = self {
            // In the middle of a line, the first one only ends the line. A program that is gone needs neither.
            for _ in 0..=usize::from(in_line) {
                let _ = type_all(&end, END_OF_INPUT).await;
            }
        }
    }
}

async fn type_all(end: &Terminal, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let typed = end.write(bytes).await?;
        bytes = bytes.get(typed..).unwrap_or_default();
    }
    Ok(())
}

impl Output {
    /// 0 at the end. Safe to be dropped and asked again.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Pipe(pipe) => pipe.read(buffer).await,
            Self::Terminal(end) => end.read(buffer).await,
        }
    }
}
