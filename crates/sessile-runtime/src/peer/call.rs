//! One request to the server, to its answer.

use super::conversation::{Broken, Settled};
use super::desk::Shared;
use super::events::{Ended, Place, hand_on, relay};
use super::fault::Fault;
use super::talk::Talk;
use super::wire::Answer;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use sessile_protocol::error::HEADER_MISMATCH;
use sessile_protocol::headers::{APPLICATION_JSON, TEXT_EVENT_STREAM};
use sessile_protocol::{Body, Message, Method, Object, RequestId};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Bytes that are read of an answer that is none.
const ERROR_BODY: usize = 64 * 1024;

/// How long a broken connection may be the first sign of a server that has ended: then the session says why.
const END_GRACE: Duration = Duration::from_millis(500);

/// How often a stream that broke is gone back to without anything coming.
const RESUMPTIONS: u32 = 5;

/// Pages of a tool list that are read.
const PAGES: usize = 100;

/// A request that waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) id: RequestId,
    pub(super) method: Method,
    pub(super) is_modern: bool,
    /// What came with the answer, where that is of interest.
    headers: Option<HeaderMap>,
}

impl Asked {
    pub(super) fn of(message: &Message) -> Option<Self> {
        let Body::Request { id, method } = message.body() else { return None };
        let is_modern = message.modern_version().is_some();
        Some(Self { id: id.clone(), method: method.clone(), is_modern, headers: None })
    }

    pub(super) fn is_answered_by(&self, message: &Message) -> bool {
        matches!(message.body(), Body::Response { id: Some(answered), .. } if *answered == self.id)
    }

    /// What is to be learnt from the answer, before the session hears it. Returns what is settled by it for the whole session.
    pub(super) fn teach(&self, talk: &mut Talk, answer: &Message) -> Option<Settled> {
        let result = answer.result()?;
        match self.method.as_str() {
            "initialize" => {
                return Some(talk.initialized(self.headers.as_ref().unwrap_or(&HeaderMap::new()), answer));
            }
            "tools/list" if self.is_modern => talk.learn_tools(result),
            _ => {}
        }
        None
    }
}

/// Sends a request, and hands on what the server says to it. Without an answer, the session gets an error in its place,
/// unless the server has ended: what became of its calls then, the session says itself.
pub(super) async fn see_through(shared: Arc<Shared>, asked: Asked, message: Message) {
    let outcome = ask(&shared, asked.clone(), &message).await;
    settle(&shared, &asked, outcome).await;
}

/// Hands on the rest of what the server says to a request that was sent before this conversation was taken up. It is not sent again.
/// `resuming` goes as soon as the server tells that rest, or does not.
pub(super) async fn hear_out(shared: Arc<Shared>, broken: Broken, resuming: TaskTrackerToken) {
    let Broken { id, method, last } = broken;
    let asked = Asked { id, method, is_modern: false, headers: None };
    let mut place = Place::after(last);
    let resumed = resume(&shared, &place).await;
    drop(resuming);
    let outcome = match resumed {
        Ok(answer) => follow(&shared, &asked, answer, &mut place).await,
        // That the server cannot say it again is nothing that it did wrong.
        Err(Fault::NoAnswer) => Err(Fault::NodeLost),
        Err(fault) => Err(fault),
    };
    settle(&shared, &asked, outcome).await;
}

/// Sees to it that a request has an answer.
async fn settle(shared: &Shared, asked: &Asked, outcome: Result<(), Fault>) {
    let Err(fault) = outcome else { return };
    shared.wires.awake().await;
    if fault.may_be_the_end() && tokio::time::timeout(END_GRACE, shared.gone.cancelled()).await.is_ok() {
        return;
    }
    if matches!(fault, Fault::TooLarge { .. } | Fault::NotJsonRpc(_)) {
        super::out::dropped(&shared.settings, &fault);
    }
    shared.out.fail(&asked.id, &fault).await;
    if fault == Fault::SessionLost {
        shared.lost.cancel();
    }
}

async fn ask(shared: &Shared, asked: Asked, message: &Message) -> Result<(), Fault> {
    let outcome = once(shared, asked.clone(), message).await;
    // A server that wants arguments repeated as headers says so in its list of tools, which this session may never have asked
    // for. It has done nothing yet (2026-07-28, streamable HTTP, "Server Validation").
    let wants_headers = outcome.as_ref().is_err_and(|fault| fault.code() == Some(HEADER_MISMATCH));
    if wants_headers && asked.is_modern && asked.method == "tools/call" && read_tools(shared, message).await {
        return once(shared, asked, message).await;
    }
    outcome
}

/// Sends the request once, and hands on its answer.
async fn once(shared: &Shared, mut asked: Asked, message: &Message) -> Result<(), Fault> {
    let head = shared.talk().post(message);
    let mut answer = shared.wires.send(&head, message.raw().clone()).await?;
    check(shared, &asked, &mut answer).await?;
    if asked.method == "initialize" {
        asked.headers = Some(answer.head.headers.clone());
    }
    match answer.content_type().as_str() {
        APPLICATION_JSON => {
            let body = answer.whole(shared.settings.message).await?;
            shared.wires.keep(answer);
            let is_answer = hand_on(shared, Bytes::from(body), Some(&asked), None).await?;
            if is_answer { Ok(()) } else { Err(Fault::NoAnswer) }
        }
        TEXT_EVENT_STREAM => follow(shared, &asked, answer, &mut Place::default()).await,
        "" if matches!(answer.head.status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) => Err(Fault::NoAnswer),
        other => Err(Fault::Content(other.to_owned())),
    }
}

/// Follows a stream to its answer, resuming it where it can be resumed.
async fn follow(shared: &Shared, asked: &Asked, mut answer: Answer, place: &mut Place) -> Result<(), Fault> {
    let mut in_vain = 0;
    loop {
        if relay(shared, &mut answer, Some(asked), place).await? == Ended::Answered {
            shared.wires.keep(answer);
            return Ok(());
        }
        drop(answer);
        in_vain = if std::mem::take(&mut place.heard) { 0 } else { in_vain + 1 };
        if asked.is_modern || place.last.is_empty() || in_vain > RESUMPTIONS {
            return Err(Fault::NoAnswer);
        }
        answer = resume(shared, place).await?;
    }
}

/// The same stream, after what came of it.
async fn resume(shared: &Shared, place: &Place) -> Result<Answer, Fault> {
    let mut tries = 0;
    loop {
        tokio::time::sleep(place.pause()).await;
        let head = shared.talk().get(Some(&place.last));
        match shared.wires.send(&head, Bytes::new()).await {
            Ok(answer) if answer.head.status.is_success() && answer.content_type() == TEXT_EVENT_STREAM => {
                return Ok(answer);
            }
            // The server has not noticed yet that the stream broke off.
            Ok(answer) if answer.head.status == StatusCode::CONFLICT && tries < RESUMPTIONS => tries += 1,
            // It cannot be resumed.
            Ok(_) => return Err(Fault::NoAnswer),
            Err(fault) if tries == RESUMPTIONS => return Err(fault),
            Err(_) => tries += 1,
        }
    }
}

/// What a status says that is none of success.
async fn check(shared: &Shared, asked: &Asked, answer: &mut Answer) -> Result<(), Fault> {
    let status = answer.head.status;
    if status.is_success() {
        return Ok(());
    }
    let is_first = asked.method == "initialize";
    if status == StatusCode::NOT_FOUND && !asked.is_modern && !is_first && shared.talk().has_own_session() {
        return Err(Fault::SessionLost);
    }
    let body = answer.whole(ERROR_BODY.min(shared.settings.message)).await.unwrap_or_default();
    Err(Fault::of_status(status, &body))
}

/// Reads the server's list of tools on behalf of `call`; whether there was one.
async fn read_tools(shared: &Shared, call: &Message) -> bool {
    let Some(meta) = call.params().and_then(Object::parse).and_then(|params| Some(params.get("_meta")?.to_owned()))
    else {
        return false;
    };
    let mut cursor: Option<String> = None;
    for page in 0..PAGES {
        let mut params = Object::new();
        params.set("_meta", meta.as_str());
        if let Some(cursor) = &cursor {
            params.set_string("cursor", cursor);
        }
        let id = format!("sessile-headers-{page}");
        let request = format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/list","params":{params}}}"#);
        let Some(answer) = own_question(shared, Bytes::from(request)).await else { return page > 0 };
        let Some(result) = answer.result() else { return page > 0 };
        shared.talk().learn_tools(result);
        cursor = Object::parse(result).and_then(|result| result.string("nextCursor"));
        if cursor.is_none() {
            break;
        }
    }
    true
}

/// The answer to a request that the session knows nothing of.
async fn own_question(shared: &Shared, request: Bytes) -> Option<Message> {
    let message = Message::parse(request).ok()?;
    let asked = Asked::of(&message)?;
    let head = shared.talk().post(&message);
    let mut answer = shared.wires.send(&head, message.into_raw()).await.ok()?;
    let is_stream = answer.content_type() == TEXT_EVENT_STREAM;
    let body = Bytes::from(answer.whole(shared.settings.message).await.ok()?);
    shared.wires.keep(answer);
    let parse = |data: Bytes| Message::parse(data).ok().filter(|message| asked.is_answered_by(message));
    if !is_stream {
        return parse(body);
    }
    let mut decoder = sessile_protocol::sse::Decoder::new(body.len());
    decoder.feed(&body);
    std::iter::from_fn(|| decoder.next_event().ok().flatten()).find_map(|event| parse(event.data))
}
