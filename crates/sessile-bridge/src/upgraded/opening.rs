//! `initialize`, answered from `server/discover`.

use std::sync::Arc;

use serde_json::Value;
use sessile_protocol::error::START_FAILED;
use sessile_protocol::{ErrorObject, LegacyVersion, Message, Method, Object, RequestId};

use crate::event::Action;
use crate::profile::ServerProfile;

use super::introduction::Introduction;
use super::translator::{Purpose, Said, Translator};
use super::wire::{excerpt, read_error};

impl Translator {
    /// The client's `initialize`.
    pub(super) fn open(&mut self, client: &RequestId, params: &Object<'_>) {
        self.introduction = Introduction::new(params);
        let upstream = self.send(&Method::new("server/discover"), Object::new());
        let wanted = params.string("protocolVersion");
        self.expect(upstream, Purpose::Opening { client: client.clone(), wanted });
    }

    /// The server's answer to `server/discover`.
    pub(super) fn opened(&mut self, client: &RequestId, wanted: Option<&str>, message: &Message) {
        let profile = message.result().and_then(ServerProfile::from_discover);
        let Some(profile) = profile else {
            return self.unopened(client, message);
        };
        let version = wanted.and_then(LegacyVersion::parse).unwrap_or(LegacyVersion::LATEST);
        self.listens.declare(&profile);
        let result = initialize_result(&profile, version);
        let profile = Arc::new(profile);
        self.profile = Some(Arc::clone(&profile));
        self.said.push_back(Said::Do(Action::Ready(profile)));
        self.succeed(client, &result);
    }

    fn unopened(&mut self, client: &RequestId, message: &Message) {
        let (said, text) = match message.error() {
            Some(error) => {
                let error = read_error(error);
                let text = format!("server refused server/discover: {} ({})", error.message, error.code);
                (error, text)
            }
            None => {
                let result = excerpt(message.result().unwrap_or_default());
                let text = format!("server answered server/discover with no version that is known here: {result}");
                (ErrorObject::new(START_FAILED, text.clone()), text)
            }
        };
        let mut told = ErrorObject::new(START_FAILED, text);
        told.data.clone_from(&said.data);
        self.said.push_back(Said::Do(Action::Unopened(said)));
        self.fail(client, &told);
    }
}

/// What a legacy server of this profile would have answered.
fn initialize_result(profile: &ServerProfile, version: LegacyVersion) -> String {
    let mut capabilities = Object::parse(&profile.capabilities).unwrap_or_default();
    // The legacy era has no extensions; its tasks are none that a modern server could mean.
    capabilities.retain(|name| !matches!(name, "extensions" | "tasks"));
    let mut info = profile.info.as_deref().and_then(Object::parse).unwrap_or_default();
    for (name, fallback) in [("name", "server"), ("version", "unknown")] {
        if info.string(name).is_none() {
            info.set(name, Value::from(fallback).to_string());
        }
    }
    let mut result = Object::new();
    result.set_string("protocolVersion", version.as_str());
    result.set("capabilities", capabilities.to_json());
    result.set("serverInfo", info.to_json());
    if let Some(instructions) = &profile.instructions {
        result.set_string("instructions", instructions);
    }
    result.to_json()
}
