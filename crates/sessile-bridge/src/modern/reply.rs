//! A server's answers, as modern clients read them.

use sessile_protocol::error::{
    INTERNAL_ERROR, INVALID_PARAMS, MISSING_CLIENT_CAPABILITY, RESOURCE_NOT_FOUND, URL_ELICITATION_REQUIRED, raw_error,
    raw_result,
};
use sessile_protocol::meta::SERVER_INFO;
use sessile_protocol::{ErrorObject, Message, Method, Object};

use crate::mint::CallId;
use crate::record::Outcome;

use super::Modern;
use super::call::Phase;
use super::capabilities::Need;
use super::ending::error_json;
use super::methods::is_parkable;
use super::question::{Origin, Question};

/// What a legacy server has answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A result, JSON text.
    Result(String),
    /// An error, JSON text.
    Error(String),
    /// The user must open these URLs first: params of elicitations, JSON text.
    Urls(Vec<String>),
}

impl Modern {
    /// The server has answered a call.
    pub(super) fn call_answered(&mut self, id: CallId, message: Message) {
        let is_legacy = self.is_legacy();
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        call.upstream = None;
        match call.phase {
            Phase::Parked { .. } => call.answer = Some(message),
            Phase::Task(_) => self.task_answered(id, &message),
            _ if is_legacy => self.deliver(id, &message),
            _ => self.relay_answer(id, &message),
        }
    }

    /// Gives the client what a legacy server has answered.
    pub(super) fn deliver(&mut self, id: CallId, message: &Message) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let text = &call.exchange.id_text;
        match self.translate(&call.method, message) {
            Reply::Result(result) => {
                let body = raw_result(text, &result);
                self.finish_call(id, body, Outcome::Ok);
            }
            Reply::Error(error) => {
                let body = raw_error(text, &error);
                self.finish_call(id, body, Outcome::Error);
            }
            Reply::Urls(_) if !call.exchange.capabilities.meet(Need::Url) => {
                let body = raw_error(text, &error_json(&needs_url_elicitation()));
                self.finish_call(id, body, Outcome::Error);
            }
            Reply::Urls(urls) => {
                self.ask_urls(id, &urls);
                self.park(id);
            }
        }
    }

    /// Adds the questions that a server's error stands for.
    pub(super) fn ask_urls(&mut self, id: CallId, urls: &[String]) {
        let now = self.now;
        if let Some(call) = self.calls.get_mut(id) {
            for params in urls {
                let method = Method::new("elicitation/create");
                call.ask(Question::new(Origin::Error, method, Some(params), Need::Url, now));
            }
        }
    }

    /// Reads what a legacy server has answered.
    pub(super) fn translate(&self, method: &Method, message: &Message) -> Reply {
        let Some(result) = message.result() else {
            return translate_error(method, message.error().unwrap_or("{}"));
        };
        let Some(mut result) = Object::parse(result) else {
            return Reply::Error(error_json(&ErrorObject::new(INTERNAL_ERROR, "server's result is not an object")));
        };
        result.set("resultType", r#""complete""#);
        self.add_cache_hints(method, &mut result);
        self.add_server_info(&mut result);
        Reply::Result(result.to_json())
    }

    /// Says who the server is, where a result does not.
    pub(super) fn add_server_info(&self, result: &mut Object<'_>) {
        let Some(info) = self.profile().and_then(|profile| profile.info.as_deref()) else {
            return;
        };
        let mut meta = result.object("_meta").unwrap_or_default();
        if meta.get(SERVER_INFO).is_none() {
            meta.set(SERVER_INFO, info);
            let meta = meta.to_json();
            result.set("_meta", meta);
        }
    }
}

/// What a call is told whose client cannot open URLs.
pub(super) fn needs_url_elicitation() -> ErrorObject {
    let required = serde_json::json!({"requiredCapabilities": {"elicitation": {"url": {}}}});
    ErrorObject::new(MISSING_CLIENT_CAPABILITY, "the server needs a client that can open URLs").with_data(required)
}

/// Codes of the legacy era have others in the modern one.
fn translate_error(method: &Method, error: &str) -> Reply {
    let Some(mut error) = Object::parse(error) else {
        return Reply::Error(error.to_owned());
    };
    match error.get("code").and_then(|code| code.parse::<i64>().ok()) {
        Some(RESOURCE_NOT_FOUND) => error.set("code", INVALID_PARAMS.to_string()),
        Some(URL_ELICITATION_REQUIRED) => match urls_of(&error) {
            Some(urls) if is_parkable(method) => return Reply::Urls(urls),
            _ => error.set("code", INTERNAL_ERROR.to_string()),
        },
        _ => {}
    }
    Reply::Error(error.to_json())
}

/// Params of the elicitations that an error wants (2025-11-25, client/elicitation, "URL Elicitation Required Error").
fn urls_of(error: &Object<'_>) -> Option<Vec<String>> {
    let data = error.object("data")?;
    let elicitations: Vec<Object<'_>> = serde_json::from_str(data.get("elicitations")?).ok()?;
    let as_url = |mut elicitation: Object<'_>| {
        elicitation.set("mode", r#""url""#);
        elicitation.to_json()
    };
    let urls: Vec<_> = elicitations.into_iter().map(as_url).collect();
    (!urls.is_empty()).then_some(urls)
}
