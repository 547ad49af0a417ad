//! Answers to `sampling/createMessage` without a model: a fixed text, or what a command makes of the request.
#![allow(deprecated, reason = "sampling is deprecated only in the modern era")]

use crate::client::escape::escaped;
use rmcp::ErrorData;
use rmcp::model::{CreateMessageRequestParams, CreateMessageResult, SamplingCapability, SamplingMessage};
use serde_json::Map;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// What a command may answer at most, in bytes.
const LONGEST_ANSWER: u64 = 4 << 20;
/// The model that answers claim to come from.
const MODEL: &str = "sessile-call";

/// How sampling requests are answered.
#[derive(Clone, Debug)]
pub(crate) enum Sampler {
    /// `--sample TEXT`: always this text.
    Fixed(String),
    /// `--sample-with COMMAND`: a shell command that reads the request as JSON and writes the answer.
    Command(String),
}

impl Sampler {
    /// What the client declares. Only a command can use the tools of a request.
    pub(crate) fn capability(&self) -> SamplingCapability {
        let mut capability = SamplingCapability::default();
        capability.tools = matches!(self, Self::Command(_)).then(Map::new);
        capability
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: &CreateMessageRequestParams) -> Result<CreateMessageResult, ErrorData> {
        match self {
            Self::Fixed(text) => Ok(assistant_says(text)),
            Self::Command(command) => {
                let request = serde_json::to_vec(request).map_err(|error| failed(&error.to_string()))?;
                let text = run(command, &request).await.map_err(|why| failed(&why))?;
                Ok(read_answer(&text))
            }
        }
    }
}

/// What a command wrote: a whole result as JSON (`{"role": …, "content": …, "model": …}`, the way to call a tool),
/// or else simply the text.
fn read_answer(text: &str) -> CreateMessageResult {
    match serde_json::from_str(text) {
        Ok(result) => result,
        Err(_) => assistant_says(text.trim_end_matches('\n')),
    }
}

fn assistant_says(text: &str) -> CreateMessageResult {
    CreateMessageResult::new(SamplingMessage::assistant_text(text), MODEL.to_owned())
        .with_stop_reason(CreateMessageResult::STOP_REASON_END_TURN)
}

/// Runs `command` with `request` on its stdin; its stderr is ours.
async fn run(command: &str, request: &[u8]) -> Result<String, String> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the sampling command did not start: {error}"))?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the sampling command has no pipes".to_owned());
    };
    let mut answer = Vec::new();
    let mut stdout = stdout.take(LONGEST_ANSWER + 1);
    let write = async {
        // A command that does not read its stdin to the end is free to do so.
        let _ = stdin.write_all(request).await;
        drop(stdin);
    };
    let ((), read) = tokio::join!(write, stdout.read_to_end(&mut answer));
    read.map_err(|error| format!("the answer of the sampling command could not be read: {error}"))?;
    if answer.len() as u64 > LONGEST_ANSWER {
        return Err(format!("the sampling command answered more than {LONGEST_ANSWER} bytes"));
    }
    let status = child.wait().await.map_err(|error| format!("the sampling command was lost: {error}"))?;
    if !status.success() {
        return Err(format!("the sampling command ended with {status}"));
    }
    String::from_utf8(answer).map_err(|_| "the sampling command did not answer in UTF-8".to_owned())
}

fn failed(why: &str) -> ErrorData {
    ErrorData::internal_error(why.to_owned(), None)
}

/// One line about a request, for the person who watches.
pub(crate) fn summary(request: &CreateMessageRequestParams) -> String {
    let last = serde_json::to_value(request.messages.last()).unwrap_or_default();
    let text = last.pointer("/content/text").and_then(|text| text.as_str()).unwrap_or("");
    let text: String = escaped(text).replace('\n', " ").chars().take(80).collect();
    let tools = request.tools.as_ref().map_or(0, Vec::len);
    let with_tools = if tools == 0 { String::new() } else { format!(", tools to use: {tools}") };
    let messages = match request.messages.len() {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    };
    format!("{messages}, at most {} tokens{with_tools}: {text}", request.max_tokens)
}

#[cfg(test)]
mod tests;
