//! Calls that ask their client something: the question ends the call, and the answer goes on with it.

use std::time::{Duration, Instant};

use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::message::{check_tool_result, text_of};
use super::{Client, Fault, Session};

/// A call that waits for its client's input.
#[derive(Debug)]
pub struct Parked {
    session: Session,
    /// What leads back to the call.
    state: String,
    /// The keys of what is asked.
    keys: Vec<String>,
    /// Bytes of the call and of what it asks, as they travelled.
    pub message_bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputRequired<'a> {
    #[serde(borrow)]
    input_requests: &'a RawValue,
    request_state: String,
}

impl Client {
    /// Calls the endpoint's tool, which is to ask something.
    ///
    /// # Errors
    /// When the answer is anything but a question.
    pub async fn park(&mut self, session: &Session) -> Result<Parked, Fault> {
        let id = self.take_id();
        let body = self.endpoint.call.body(&id);
        let call_bytes = body.len();
        let request = self.request(Method::POST, &session.headers, body);
        let (_, (state, keys, question_bytes)) = self.exchange(request, &id, read_question).await?;
        Ok(Parked { session: session.clone(), state, keys, message_bytes: (call_bytes + question_bytes) as u64 })
    }

    /// Calls again with a form that is filled in with `content`; the time from sending to the tool's result.
    ///
    /// # Errors
    /// When the answer is not the result of the parked call.
    pub async fn answer(&mut self, parked: &Parked, content: &Value) -> Result<Duration, Fault> {
        let id = self.take_id();
        let filled = json!({ "action": "accept", "content": content });
        let responses: Map<String, Value> = parked.keys.iter().map(|key| (key.clone(), filled.clone())).collect();
        let body = self.endpoint.call.retry(&id, &responses.into(), &parked.state);
        let request = self.request(Method::POST, &parked.session.headers, body);
        let sent = Instant::now();
        self.exchange(request, &id, check_tool_result).await?;
        Ok(sent.elapsed())
    }
}

/// The request state, the keys of what is asked, and how many bytes that has.
fn read_question(result: &RawValue) -> Result<(String, Vec<String>, usize), Fault> {
    let malformed = |_| Fault::Malformed(text_of(result));
    let asked: InputRequired<'_> = serde_json::from_str(result.get()).map_err(malformed)?;
    let requests = asked.input_requests.get();
    let by_key: Map<String, Value> = serde_json::from_str(requests).map_err(malformed)?;
    Ok((asked.request_state, by_key.into_iter().map(|(key, _)| key).collect(), requests.len()))
}
