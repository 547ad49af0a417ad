//! `sessile sessions exec`: a command inside a session, and this terminal or these pipes for it.

mod raw;
mod sink;

use crate::cli::key_value;
use crate::client::error::ClientError;
use crate::client::escape::one_line;
use crate::client::printer::Printer;
use crate::client::sessions::admin::Admin;
use clap::Args;
use raw::{Came, Raw, Signals, window_size};
use reqwest::Upgraded;
use sessile_front::exec::wire::{
    CONTROL, ExecStart, Fault, Frame, Frames, FromNode, PIECE, STDIN, ToNode, WindowSize, control, data,
};
use sink::{Closed, Sink};
use std::io::IsTerminal;
use std::process::ExitCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

/// What a shell adds to the number of a signal that ended a command.
const BY_SIGNAL: i32 = 128;

/// SIGPIPE: whoever read our output has gone.
const SIGPIPE: i32 = 13;

/// `sessile sessions exec NAME -- COMMAND`
#[derive(Debug, Args)]
pub(super) struct ExecArgs {
    /// The session, as the list names it
    name: String,
    /// Give the command a terminal [default: when stdin and stdout are one]
    #[arg(short, long, overrides_with = "no_tty")]
    tty: bool,
    /// Give the command three pipes
    #[arg(short = 'T', long, overrides_with = "tty")]
    no_tty: bool,
    /// Its working directory, inside the sandbox [default: the server's]
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// Set a variable beside those of the server
    #[arg(long, value_name = "K=V", value_parser = key_value)]
    env: Vec<(String, String)>,
    /// The command line; the program is looked for inside the sandbox
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl ExecArgs {
    /// The terminal that the command is to get.
    fn terminal(&self, json: bool) -> Result<Option<WindowSize>, ClientError> {
        if json && self.tty {
            let why = "--json keeps stdout and stderr apart, and --tty makes them one; drop either";
            return Err(ClientError::Usage(why.to_owned()));
        }
        let wanted =
            self.tty || !(self.no_tty || json) && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        Ok(wanted.then(window_size))
    }

    fn start(&self, terminal: Option<WindowSize>) -> ExecStart {
        let mut env = self.env.clone();
        // What a program writes to a terminal depends on which one it is: this one.
        if terminal.is_some()
            && !env.iter().any(|(name, _)| name == "TERM")
            && let Ok(term) = std::env::var("TERM")
        {
            env.push(("TERM".to_owned(), term));
        }
        ExecStart { command: self.command.clone(), env, cwd: self.cwd.clone(), terminal }
    }
}

/// Runs the command to its end.
///
/// # Errors
/// When it is not run, or its end is not heard of.
pub(super) async fn run(admin: &Admin, args: ExecArgs, json: bool, printer: &Printer) -> Result<ExitCode, ClientError> {
    let terminal = args.terminal(json)?;
    // Before the size is told, or a change would be missed.
    let signals = Signals::new(terminal.is_some())?;
    let (from, to) = tokio::io::split(admin.connect_to(&args.name).await?);
    let sink = if json { Sink::kept() } else { Sink::passed_on() };
    let mut talk = Talk { name: args.name.clone(), frames: Frames::of(from), to, signals, sink };
    talk.say(&ToNode::Start(args.start(terminal))).await?;
    let (exec, room) = talk.started().await?;
    let raw = terminal.and_then(|_| Raw::enter());
    let ended = talk.converse(room as usize).await;
    drop(raw);
    let Outcome { code, end, took_ms } = match ended? {
        Over::Command(outcome) => outcome,
        Over::Here(signal) => return Ok(by_signal(signal)),
    };
    if json {
        let report = talk.sink.report(&args.name, exec, &code, end.as_deref(), took_ms);
        printer.result(&report);
    } else if let Some(reason) = end {
        printer.note(&format!("session {} ended while the command ran: {}", one_line(&args.name), one_line(&reason)));
    }
    Ok(match code {
        Code::Exit(code) => ExitCode::from(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        Code::Signal(signal) => by_signal(signal),
    })
}

fn by_signal(signal: i32) -> ExitCode {
    ExitCode::from(u8::try_from(BY_SIGNAL.saturating_add(signal)).unwrap_or(u8::MAX))
}

/// How a command ended.
enum Code {
    Exit(i32),
    Signal(i32),
}

/// A command's end as the node told it.
struct Outcome {
    code: Code,
    /// Why its session ended, if that was it.
    end: Option<String>,
    took_ms: u64,
}

/// Why a conversation is over.
enum Over {
    /// The command ended.
    Command(Outcome),
    /// This process is to end, by this signal; the command ends with the connection.
    Here(i32),
}

/// A connection to a command.
struct Talk {
    name: String,
    frames: Frames<ReadHalf<Upgraded>>,
    to: WriteHalf<Upgraded>,
    signals: Signals,
    sink: Sink,
}

impl Talk {
    /// Which command of the session it is, and how much input may be sent.
    async fn started(&mut self) -> Result<(u64, u32), ClientError> {
        let Some(frame) = self.next().await? else {
            return Err(self.cut_off("nothing was said"));
        };
        match self.message(&frame)? {
            FromNode::Started { exec, window } => Ok((exec, window)),
            FromNode::Refused { by, message } => Err(ClientError::NotRun { by, message: one_line(&message) }),
            _ => Err(self.cut_off("it says what makes no sense")),
        }
    }

    /// Passes everything on until the command ends, or a signal says that this process is to. At most `room` bytes of input are sent
    /// ahead of what is taken.
    async fn converse(&mut self, mut room: usize) -> Result<Over, ClientError> {
        let mut stdin = tokio::io::stdin();
        let mut piece = vec![0; PIECE];
        let mut is_open = true;
        loop {
            let free = room.min(PIECE);
            let typed = piece.get_mut(..free).unwrap_or_default();
            tokio::select! {
                frame = self.frames.next() => {
                    let frame = frame.map_err(|error| self.cut_off(&error.to_string()))?;
                    let Some(frame) = frame else { return Err(self.cut_off("the node closed it")) };
                    if let Some(over) = self.take(&frame, &mut room).await? {
                        return Ok(over);
                    }
                }
                read = stdin.read(typed), if is_open && free > 0 => {
                    // An input that cannot be read is one that has ended.
                    let count = read.unwrap_or(0);
                    is_open = count > 0;
                    room = room.saturating_sub(count);
                    // A node that takes no more has said how the command ended, or how the connection did.
                    is_open &= self.send(data(STDIN, piece.get(..count).unwrap_or_default())).await.is_ok();
                }
                came = self.signals.next() => match came {
                    Came::Resized => drop(self.say(&ToNode::Resize(window_size())).await),
                    Came::Ending(signal) => return Ok(Over::Here(signal)),
                },
            }
        }
    }

    /// Does what one frame says.
    async fn take(&mut self, frame: &Frame, room: &mut usize) -> Result<Option<Over>, ClientError> {
        if frame.channel != CONTROL {
            let shown = tokio::select! {
                shown = self.sink.take(frame.channel, &frame.payload) => shown,
                signal = self.signals.ending() => return Ok(Some(Over::Here(signal))),
            };
            return Ok(match shown {
                Ok(()) => None,
                Err(Closed) => Some(Over::Here(SIGPIPE)),
            });
        }
        match self.message(frame)? {
            FromNode::Taken { bytes } => *room = room.saturating_add(bytes as usize),
            FromNode::Alive => {}
            FromNode::Ended { code, signal, took_ms, session_end } => {
                let code = match (code, signal) {
                    (Some(code), _) => Code::Exit(code),
                    (None, Some(signal)) => Code::Signal(signal),
                    (None, None) => return Err(self.cut_off("the node does not know how it ended")),
                };
                return Ok(Some(Over::Command(Outcome { code, end: session_end, took_ms })));
            }
            FromNode::Started { .. } | FromNode::Refused { .. } => {
                return Err(self.cut_off("it says what makes no sense"));
            }
        }
        Ok(None)
    }

    fn message(&self, frame: &Frame) -> Result<FromNode, ClientError> {
        serde_json::from_slice(&frame.payload).map_err(|error| self.cut_off(&error.to_string()))
    }

    async fn next(&mut self) -> Result<Option<Frame>, ClientError> {
        let frame = self.frames.next().await;
        frame.map_err(|error| self.cut_off(&error.to_string()))
    }

    async fn say(&mut self, message: &ToNode) -> Result<(), ClientError> {
        let too_long = |error: &dyn std::fmt::Display| ClientError::NotRun {
            by: Fault::Request,
            message: format!("the command line is too long: {error}"),
        };
        self.send(control(message).map_err(|error| too_long(&error))?).await
    }

    async fn send(&mut self, bytes: Vec<u8>) -> Result<(), ClientError> {
        let sent = self.to.write_all(&bytes).await;
        sent.map_err(|error| self.cut_off(&error.to_string()))
    }

    fn cut_off(&self, why: &str) -> ClientError {
        ClientError::CutOff { name: one_line(&self.name), why: one_line(why) }
    }
}
