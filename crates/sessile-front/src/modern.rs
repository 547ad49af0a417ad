//! Streamable HTTP of the modern era (2026-07-28): every `POST` is a request by itself.
//!
//! Whether a `POST` is one of this era (`era.rs`), whether its headers say what its body says (`agreement.rs`), which
//! session it names (`session_key.rs`) and which trace it belongs to (`trace.rs`) is decided here; the rest is the
//! runtime's.

mod agreement;
mod era;
mod session_key;
mod trace;

#[cfg(test)]
mod tests;

pub(crate) use era::is_modern;
pub(crate) use session_key::KeyError;

use crate::answer::{Failure, Reply, Wrong, empty_reply, json_reply, modern_status};
use crate::post::{Call, request_id};
use crate::reply::first_answer;
use crate::stream::Resumption;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sessile_bridge::ClientProfile;
use sessile_protocol::headers::{MCP_PARAM_PREFIX, SESSILE_SESSION};
use sessile_protocol::{Message, Payload, RequestId};
use sessile_runtime::{ModernAnswer, ModernCall, ModernError};

impl Call<'_> {
    /// `POST` of a modern client.
    pub(crate) async fn post_modern(&self, headers: &HeaderMap, payload: Payload) -> Result<Reply, Failure> {
        let Payload::Single(message) = payload else {
            return Err(Wrong::Shape("a body holds one request or one notification in this protocol version").into());
        };
        let id = request_id(&message).cloned();
        let call = self.call(headers, message).map_err(|wrong| Failure::from(wrong).with_id(id.clone()))?;
        match self.node.modern(self.server, &self.principal, call).await {
            Ok(answer) => Ok(reply(answer, id.as_ref()).await),
            Err(ModernError { fault, session }) => Err(Failure { session, ..Failure::from(fault).with_id(id) }),
        }
    }

    /// What the runtime needs to know of a message whose headers and `_meta` are right.
    fn call(&self, headers: &HeaderMap, message: Message) -> Result<ModernCall, Wrong> {
        let said = agreement::check(headers, &message)?;
        let session_key = session_key::find(headers, said.session.as_deref())?;
        Ok(ModernCall {
            message: trace::carry(headers, message),
            client: ClientProfile { info: said.client_info, capabilities: said.client_capabilities },
            session_key,
            mirrored: mirrored(headers),
            loopback: self.loopback,
        })
    }
}

/// The `Mcp-Param-*` headers, as many times as they are there: names without that prefix, in lower case.
fn mirrored(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let named = |(name, value): (&HeaderName, &HeaderValue)| {
        let name = name.as_str().strip_prefix(MCP_PARAM_PREFIX)?;
        Some((name.to_owned(), value.as_bytes().to_vec()))
    };
    headers.iter().filter_map(named).collect()
}

async fn reply(answer: ModernAnswer, id: Option<&RequestId>) -> Reply {
    let (mut reply, session) = match answer {
        ModernAnswer::Whole { body, session } => (json_reply(modern_status(&body), body), Some(session)),
        ModernAnswer::Accepted { session } => (empty_reply(StatusCode::ACCEPTED), session),
        ModernAnswer::Exchange { mut exchange, session } => {
            let first = first_answer(&mut exchange).await;
            (first.into_reply(exchange, Resumption::Never, id, modern_status), Some(session))
        }
    };
    if let Some(session) = session {
        name_session(&mut reply, &session);
    }
    reply
}

/// Tells the client what to call its session by.
pub(crate) fn name_session(reply: &mut Reply, session: &str) {
    if let Ok(session) = HeaderValue::from_str(session) {
        reply.headers_mut().insert(HeaderName::from_static(SESSILE_SESSION), session);
    }
}
