//! What a modern server asks the client, as the requests of the legacy era.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sessile_protocol::error::{INTERNAL_ERROR, MISSING_CLIENT_CAPABILITY};
use sessile_protocol::{ErrorObject, Method, Object, RequestId};

use super::introduction::Introduction;
use super::wire::excerpt;

/// What a question is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Subject {
    /// `elicitation/create`: the user may decline, so an error of the client is one more way to do so.
    Elicitation,
    /// `sampling/createMessage` or `roots/list`: there is no answer but the result.
    Other,
}

/// One question, not asked yet.
#[derive(Debug)]
pub(super) struct Question {
    /// The server's name for it.
    pub(super) key: String,
    pub(super) subject: Subject,
    pub(super) method: Method,
    /// JSON text of an object.
    pub(super) params: String,
}

/// The questions of one round, on their way.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Asked {
    /// Those without an answer, by the ids that the client knows them by.
    pub(super) open: BTreeMap<RequestId, (String, Subject)>,
    /// The answers: the server's names, and JSON text.
    pub(super) answers: Vec<(String, String)>,
    /// The server's request state, as JSON text.
    pub(super) state: Option<String>,
}

impl Question {
    /// Reads one of `inputRequests`.
    ///
    /// # Errors
    /// When it is none, or the client has not said that it can answer it: what the call is to be failed with.
    pub(super) fn read(key: &str, json: &str, client: &Introduction) -> Result<Self, ErrorObject> {
        let request = Object::parse(json).unwrap_or_default();
        let name = request.string("method").unwrap_or_default();
        let mut params = match request.get("params") {
            None => Object::new(),
            Some(_) => request.object("params").ok_or_else(|| {
                ErrorObject::new(INTERNAL_ERROR, format!("server asked for {name} with params that are not an object"))
            })?,
        };
        let (subject, needed) = match name.as_str() {
            "elicitation/create" => {
                let is_url = params.string("mode").as_deref() == Some("url");
                (Subject::Elicitation, if is_url { ["elicitation", "url"].as_slice() } else { &["elicitation"] })
            }
            "sampling/createMessage" => {
                let has_tools = params.get("tools").is_some() || params.get("toolChoice").is_some();
                (Subject::Other, if has_tools { ["sampling", "tools"].as_slice() } else { &["sampling"] })
            }
            "roots/list" => (Subject::Other, ["roots"].as_slice()),
            _ => {
                let text = format!("server asked for \"{}\", which a client cannot be asked", excerpt(&name));
                return Err(ErrorObject::new(INTERNAL_ERROR, text));
            }
        };
        check(client, needed)?;
        // Of the tasks of 2025-11-25, which are offered to no server.
        params.remove("task");
        Ok(Self { key: key.to_owned(), subject, method: Method::new(&name), params: params.to_json() })
    }

    /// The parameters for the client, which knows the question by `id`.
    pub(super) fn params_for(&self, id: &RequestId) -> String {
        let mut params = Object::parse(&self.params).unwrap_or_default();
        let is_url = self.subject == Subject::Elicitation && params.string("mode").as_deref() == Some("url");
        if is_url && params.get("elicitationId").is_none() {
            // Required in 2025-11-25, gone in 2026-07-28.
            params.set("elicitationId", id.as_json());
        }
        params.to_json()
    }
}

/// A question that the client never said it could answer must not reach it.
fn check(client: &Introduction, needed: &[&str]) -> Result<(), ErrorObject> {
    let capabilities = client.capabilities();
    let declared = match needed {
        [name] => declares(&capabilities, name),
        [name, part] => capabilities.object(name).is_some_and(|capability| capability.object(part).is_some()),
        _ => true,
    };
    if declared {
        return Ok(());
    }
    let name = needed.join(".");
    let required = needed.iter().rev().fold(json!({}), |inner, name| {
        let mut outer = serde_json::Map::new();
        outer.insert((*name).to_owned(), inner);
        Value::Object(outer)
    });
    let text = format!("server asked for {name}, which the client did not declare as a capability");
    Err(ErrorObject::new(MISSING_CLIENT_CAPABILITY, text).with_data(json!({ "requiredCapabilities": required })))
}

/// Whether a capability is there. `elicitation` with nothing in it means forms; with `url` alone it does not.
fn declares(capabilities: &Object<'_>, name: &str) -> bool {
    let Some(capability) = capabilities.object(name) else {
        return false;
    };
    name != "elicitation" || capability.get("form").is_some() || capability.get("url").is_none()
}
