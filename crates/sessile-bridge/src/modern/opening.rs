//! Opening the server: which era it speaks, and who it is (2026-07-28, basic/transports/stdio, "Backward
//! Compatibility").

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sessile_protocol::error::{
    INTERNAL_ERROR, METHOD_NOT_FOUND, MISSING_CLIENT_CAPABILITY, START_FAILED, UNSUPPORTED_VERSION, notification,
};
use sessile_protocol::meta::{CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION};
use sessile_protocol::{Era, ErrorObject, LegacyVersion, Message, ModernVersion, Object};

use crate::config::Opening;
use crate::event::Action;
use crate::profile::{ClientProfile, ServerProfile};
use crate::time::Time;

use super::Modern;
use super::asked::Purpose;
use super::questions::asks_nothing;

const MODERN: ModernVersion = ModernVersion::V2026_07_28;

/// How far the server is opened.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Stage {
    /// `server/discover` is asked of a server that may know it. Since when the answer is waited for, once a time is
    /// known.
    Probing(Option<Time>),
    /// `server/discover` is asked of a server that must know it.
    Discovering,
    /// `initialize` is asked. With the error that it was answered with, if `server/discover` may still be answered.
    Initializing(Option<ErrorObject>),
    /// Requests are taken.
    Open(Arc<ServerProfile>),
    /// Nothing is taken any more.
    Closed,
}

impl Modern {
    /// Says the first words to the server.
    pub(super) fn start_opening(&mut self, opening: Opening) {
        match opening {
            Opening::Probe => self.stage = Stage::Probing(None),
            Opening::Modern => self.stage = Stage::Discovering,
            Opening::Legacy => return self.initialize(),
        }
        let mut params = Object::new();
        params.set("_meta", discover_meta(&self.client));
        self.ask("server/discover", &params.to_json(), Purpose::Discover);
    }

    /// When a server that is probed has been silent for long enough.
    pub(super) fn probe_deadline(&self) -> Option<Time> {
        match self.stage {
            Stage::Probing(Some(since)) => Some(since + self.config.probe_timeout),
            // The first event brings the first time.
            Stage::Probing(None) => Some(self.now),
            _ => None,
        }
    }

    pub(super) fn expire_probe(&mut self) {
        if let Stage::Probing(since @ None) = &mut self.stage {
            *since = Some(self.now);
        }
        if self.probe_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.initialize();
        }
    }

    /// The server has answered `server/discover`.
    pub(super) fn discovered(&mut self, message: &Message) {
        if let Some(profile) = message.result().and_then(ServerProfile::from_discover) {
            // The server may still answer `initialize`, but nobody waits for that.
            self.asked.give_up_purpose(&Purpose::Initialize);
            return self.open(profile);
        }
        let error = error_of(message, "server/discover");
        match std::mem::replace(&mut self.stage, Stage::Closed) {
            Stage::Discovering => self.unopened(error),
            Stage::Probing(_) => match Judgement::of(&error) {
                Judgement::Modern => self.open(silent_profile()),
                Judgement::TooModern => self.unopened(error),
                Judgement::Legacy => self.initialize(),
            },
            Stage::Initializing(Some(refused)) => self.unopened(refused),
            stage => self.stage = stage,
        }
    }

    /// The server has answered `initialize`.
    pub(super) fn initialized(&mut self, message: &Message) {
        if let Some(profile) = message.result().and_then(ServerProfile::from_initialize) {
            self.write(notification("notifications/initialized", None));
            self.asked.give_up_purpose(&Purpose::Discover);
            return self.open(profile);
        }
        let error = error_of(message, "initialize");
        // A slow server that is modern only: it may say so yet.
        let may_be_modern = matches!(error.code, METHOD_NOT_FOUND | UNSUPPORTED_VERSION);
        if may_be_modern && self.asked.is_open(&Purpose::Discover) {
            self.stage = Stage::Initializing(Some(error));
        } else {
            self.unopened(error);
        }
    }

    fn initialize(&mut self) {
        self.stage = Stage::Initializing(None);
        let mut params = Object::new();
        params.set_string("protocolVersion", LegacyVersion::LATEST.as_str());
        params.set("capabilities", legacy_capabilities(&self.client));
        params.set("clientInfo", client_info(&self.client));
        self.ask("initialize", &params.to_json(), Purpose::Initialize);
    }

    fn open(&mut self, profile: ServerProfile) {
        let profile = Arc::new(profile);
        self.stage = Stage::Open(Arc::clone(&profile));
        self.actions.push_back(Action::Ready(profile));
        if !self.is_legacy() {
            for question in std::mem::take(&mut self.homeless) {
                self.reject(question, &asks_nothing());
            }
        }
    }

    fn unopened(&mut self, error: ErrorObject) {
        self.actions.push_back(Action::Unopened(error.clone()));
        self.server_gone(error);
    }
}

/// What an error answer to `server/discover` says of the server.
enum Judgement {
    Modern,
    /// It speaks no version that is spoken here.
    TooModern,
    Legacy,
}

impl Judgement {
    fn of(error: &ErrorObject) -> Self {
        let supported = error.data.as_ref().and_then(|data| data.get("supported")?.as_array());
        let versions: Vec<Era> =
            supported.into_iter().flatten().filter_map(|version| Era::parse(version.as_str()?)).collect();
        match error.code {
            UNSUPPORTED_VERSION if versions.iter().any(|version| matches!(version, Era::Modern(_))) => Self::Modern,
            UNSUPPORTED_VERSION if versions.is_empty() => Self::TooModern,
            MISSING_CLIENT_CAPABILITY => Self::Modern,
            _ => Self::Legacy,
        }
    }
}

/// A modern server that has not said more of itself.
fn silent_profile() -> ServerProfile {
    ServerProfile {
        era: Era::Modern(MODERN),
        capabilities: "{}".to_owned(),
        info: None,
        instructions: None,
        discovered: None,
    }
}

fn discover_meta(client: &ClientProfile) -> String {
    let mut meta = Object::new();
    meta.set_string(PROTOCOL_VERSION, MODERN.as_str());
    meta.set(CLIENT_INFO, client_info(client));
    meta.set(CLIENT_CAPABILITIES, Object::parse(&client.capabilities).unwrap_or_default().to_json());
    meta.to_json()
}

fn client_info(client: &ClientProfile) -> String {
    let info = client.info.as_deref().and_then(Object::parse).map(|info| info.to_json());
    info.unwrap_or_else(|| {
        let mut info = Object::new();
        info.set_string("name", "sessile");
        info.set_string("version", env!("CARGO_PKG_VERSION"));
        info.to_json()
    })
}

/// Capabilities as 2025-11-25 has them: it knows no extensions, and other tasks.
fn legacy_capabilities(client: &ClientProfile) -> String {
    let mut capabilities = Object::parse(&client.capabilities).unwrap_or_default();
    capabilities.retain(|name| !matches!(name, "extensions" | "tasks"));
    capabilities.to_json()
}

/// The error of an answer that opens nothing.
fn error_of(message: &Message, method: &str) -> ErrorObject {
    let Some(error) = message.error().and_then(|error| serde_json::from_str::<Value>(error).ok()) else {
        return ErrorObject::new(START_FAILED, format!("server's answer to {method} names no version that is known"));
    };
    let code = error.get("code").and_then(Value::as_i64).unwrap_or(INTERNAL_ERROR);
    let text = error.get("message").and_then(Value::as_str).unwrap_or("server gave no reason").to_owned();
    let read = ErrorObject::new(code, text);
    match error.get("data") {
        Some(data) => read.with_data(data.clone()),
        None => read,
    }
}
