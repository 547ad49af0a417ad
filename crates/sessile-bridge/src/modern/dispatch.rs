//! Calls go to the server, in its own era's words.

use sessile_protocol::error::{INVALID_PARAMS, METHOD_NOT_FOUND};
use sessile_protocol::meta::TASKS;
use sessile_protocol::{ErrorObject, Method, Object};

use crate::mint::CallId;
use crate::record::Outcome;
use crate::refusal::Refusal;

use super::Modern;
use super::asked::Purpose;
use super::call::{LogWish, Phase, Retried};
use super::methods::{cache_scope, is_allowed, is_parkable};
use super::rewrite;

impl Modern {
    /// Sends what waits and may go. Tells whether there was anything.
    pub(super) fn start_queued(&mut self) -> bool {
        let mut has_started = false;
        while self.profile().is_some()
            && let Some(id) = self.calls.dequeue(self.config.serialize)
        {
            self.start(id);
            has_started = true;
        }
        has_started
    }

    fn start(&mut self, id: CallId) {
        let Some(era) = self.era() else {
            return;
        };
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Phase::Queued(retried) = std::mem::replace(&mut call.phase, Phase::Running) else {
            return;
        };
        let (method, log) = (call.method.clone(), call.exchange.log);
        if !is_allowed(&method, era) {
            let error = ErrorObject::new(METHOD_NOT_FOUND, format!("method {method} is not served"));
            return self.fail_call(id, &error, Outcome::Error);
        }
        match method.as_str() {
            "server/discover" => return self.answer_discover(id),
            "subscriptions/listen" => return self.start_listening(id),
            _ => {}
        }
        if self.is_legacy() {
            if retried.is_some() {
                return self.fail_call(id, &Refusal::StateInvalid.to_object(), Outcome::Error);
            }
            if log == LogWish::Unreadable {
                let error = ErrorObject::new(INVALID_PARAMS, "logLevel in _meta is not a level of RFC 5424");
                return self.fail_call(id, &error, Outcome::Error);
            }
        }
        let is_promotable = method == "tools/call" && self.makes_tasks();
        if let Some(call) = self.calls.get_mut(id) {
            call.is_promotable = is_promotable;
        }
        self.tell_level();
        self.send(id, id.0, retried);
        self.adopt_homeless(id);
    }

    /// Sends the newest request of a call once more, after the server has ended the one before.
    pub(super) fn send_again(&mut self, id: CallId, retried: Option<Retried>) {
        let number = self.asked.number();
        self.send(id, number, retried);
    }

    fn send(&mut self, id: CallId, number: u64, retried: Option<Retried>) {
        let is_legacy = self.is_legacy();
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        let Some(message) = &call.message else {
            return;
        };
        let line = if is_legacy {
            rewrite::legacy_request(message, number)
        } else {
            rewrite::modern_request(message, number, |params| restore_state(params, retried))
        };
        call.upstream = Some(number);
        if !is_parkable(&call.method) {
            call.message = None;
        }
        self.asked.open(number, Purpose::Call(id));
        self.write(line);
    }

    /// Whether the bridge makes tasks for this server: a modern one that can do so itself is left to it.
    pub(super) fn makes_tasks(&self) -> bool {
        let is_able = self.profile().is_some_and(|profile| !self.is_legacy() && profile.has(&["extensions", TASKS]));
        self.config.promote_after.is_some() && !is_able
    }

    fn answer_discover(&mut self, id: CallId) {
        let result = self.profile().map(|profile| profile.discover_result(&self.config.versions, self.makes_tasks()));
        let mut result = result.as_deref().and_then(Object::parse).unwrap_or_default();
        self.add_cache_hints(&Method::new("server/discover"), &mut result);
        self.answer_call(id, &result.to_json(), Outcome::Ok);
    }

    /// Says how long a result may be kept and by whom, where it is cacheable and does not say so itself.
    pub(super) fn add_cache_hints(&self, method: &Method, result: &mut Object<'_>) {
        let Some(scope) = cache_scope(method) else {
            return;
        };
        if result.get("ttlMs").is_none() {
            result.set("ttlMs", self.config.list_ttl.as_millis().to_string());
        }
        if result.get("cacheScope").is_none() {
            result.set("cacheScope", scope);
        }
    }
}

/// Gives a modern server its own request state back.
fn restore_state(params: &mut Object<'_>, retried: Option<Retried>) {
    let Some(Retried { inner, responses }) = retried else {
        return;
    };
    match inner {
        Some(state) => params.set_string("requestState", &state),
        None => drop(params.remove("requestState")),
    }
    if let Some(responses) = responses {
        params.set("inputResponses", responses);
    }
}
