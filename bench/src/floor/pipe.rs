//! The server started by hand: the same messages over its own stdin and stdout.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::client::{CallTemplate, Fault, Message, initialize, initialized, read};
use crate::client::{check_tool_result, chosen_version};
use crate::measure::{Sample, Stop};
use crate::workload::{Crew, NewSessionLoad, give_up};

/// The longest wait for one line of a server.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A server that speaks MCP over stdio, and the call to make in it.
#[derive(Debug, Clone)]
pub struct PipeBackend {
    /// The program and its arguments; at least the program.
    pub command: Vec<String>,
    /// The call.
    pub call: CallTemplate,
}

struct PipeServer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    line: Vec<u8>,
    next_id: u64,
}

impl PipeServer {
    /// Starts the server and does the handshake.
    async fn start(backend: &PipeBackend) -> Result<Self, Fault> {
        let (program, arguments) =
            backend.command.split_first().ok_or_else(|| Fault::Connection("no command to start".to_owned()))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Fault::Connection(format!("cannot start {program:?}: {error}")))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Fault::Connection("the server has no pipes".to_owned()));
        };
        let mut server = Self { child, stdin, stdout: BufReader::new(stdout), line: Vec::new(), next_id: 2 };
        let id = backend.call.ids().write(1);
        server.exchange(initialize(&id), &id, |result| chosen_version(result).map(drop)).await?;
        server.write(format!("{}\n", initialized()).as_bytes()).await?;
        Ok(server)
    }

    async fn call(&mut self, template: &CallTemplate) -> Result<Duration, Fault> {
        let id = template.ids().write(self.next_id);
        self.next_id += 1;
        let sent = Instant::now();
        let body = template.text(&id);
        self.exchange(body, &id, check_tool_result).await?;
        Ok(sent.elapsed())
    }

    async fn exchange(
        &mut self,
        mut message: String,
        id: &str,
        check: impl Fn(&RawValue) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        message.push('\n');
        let answer = async {
            self.write(message.as_bytes()).await?;
            loop {
                self.line.clear();
                let read_bytes = self.stdout.read_until(b'\n', &mut self.line).await;
                if read_bytes.map_err(|error| Fault::Connection(error.to_string()))? == 0 {
                    return Err(Fault::Unanswered);
                }
                if let Message::Result(result) = read(&self.line, id)? {
                    return check(result);
                }
            }
        };
        tokio::time::timeout(LONGEST_WAIT, answer).await.unwrap_or(Err(Fault::Timeout(LONGEST_WAIT)))
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stdin.write_all(bytes).await.map_err(|error| Fault::Connection(error.to_string()))
    }

    async fn end(mut self) {
        // A server that is gone already needs no kill.
        let _ = self.child.kill().await;
    }
}

async fn first_result(backend: &PipeBackend) -> Result<(Duration, PipeServer), Fault> {
    let began = Instant::now();
    let mut server = PipeServer::start(backend).await?;
    server.call(&backend.call).await?;
    Ok((began.elapsed(), server))
}

/// Starts one after another, from the spawn to the first tool result.
pub async fn pipe_new_session(backend: &PipeBackend, load: &NewSessionLoad, stop: &Stop) -> Sample {
    let mut sample = Sample::default();
    let until = Instant::now() + load.at_most;
    let mut in_a_row = 0;
    for _ in 0..load.count {
        if stop.is_set() || give_up(in_a_row) || Instant::now() >= until {
            break;
        }
        match first_result(backend).await {
            Ok((time, server)) => {
                in_a_row = 0;
                sample.record(time);
                sample.elapsed += time;
                server.end().await;
            }
            Err(fault) => {
                in_a_row += 1;
                sample.faults.add(&fault);
            }
        }
        stop.sleep(load.pause).await;
    }
    sample
}

/// Calls one after another over the pipe of one server.
pub async fn pipe_calls(backend: &PipeBackend, warmup: Duration, duration: Duration, stop: &Stop) -> Sample {
    let mut sample = Sample::default();
    let mut server = match PipeServer::start(backend).await {
        Ok(server) => server,
        Err(fault) => {
            sample.faults.add(&fault);
            return sample;
        }
    };
    let from = Instant::now() + warmup;
    let mut in_a_row = 0;
    while !stop.is_set() && !give_up(in_a_row) {
        let now = Instant::now();
        if now >= from + duration {
            break;
        }
        match server.call(&backend.call).await {
            Ok(latency) => {
                in_a_row = 0;
                if now >= from {
                    sample.record(latency);
                }
            }
            Err(fault) => {
                in_a_row += 1;
                sample.faults.add(&fault);
            }
        }
    }
    sample.elapsed = Instant::now().saturating_duration_since(from);
    server.end().await;
    sample
}

/// Servers that come and go by hand: start, handshake, one call, kill.
pub async fn pipe_churn(backend: &PipeBackend, concurrency: usize, duration: Duration, stop: &Stop) -> Sample {
    let begin = Instant::now();
    let backend = Arc::new(backend.clone());
    let mut crew = Crew::new(stop);
    for _ in 0..concurrency {
        let (backend, stop) = (Arc::clone(&backend), stop.clone());
        crew.start(async move {
            let mut sample = Sample::default();
            let mut in_a_row = 0;
            while begin.elapsed() < duration && !stop.is_set() && !give_up(in_a_row) {
                match first_result(&backend).await {
                    Ok((time, server)) => {
                        in_a_row = 0;
                        server.end().await;
                        sample.record(time);
                    }
                    Err(fault) => {
                        in_a_row += 1;
                        sample.faults.add(&fault);
                    }
                }
            }
            sample.elapsed = begin.elapsed();
            sample
        });
    }
    crew.finish().await
}
