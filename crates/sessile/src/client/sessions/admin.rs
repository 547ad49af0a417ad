//! The admin API of a node.

use crate::client::connect::{http_client, is_refused, root_cause};
use crate::client::error::ClientError;
use crate::client::escape::one_line;
use crate::client::sessions::view::Session;
use crate::client::target::http_url;
use reqwest::header::{CONNECTION, UPGRADE};
use reqwest::{Method, StatusCode, Upgraded};
use serde_json::Value;
use sessile_front::exec::wire::{self, Fault};
use std::time::Duration;
use url::Url;

/// The admin listener works on what it has in memory: more than this is no answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The admin listener of one node.
pub(super) struct Admin {
    base: Url,
    client: reqwest::Client,
}

impl Admin {
    pub(super) fn at(text: &str) -> Result<Self, ClientError> {
        let base = http_url(text)?;
        let client = http_client(&base)?;
        Ok(Self { base, client })
    }

    /// Live sessions first, then the ended ones that the node remembers.
    pub(super) async fn sessions(&self) -> Result<Vec<Session>, ClientError> {
        let (status, mut body) = self.ask(Method::GET, None).await?;
        let list = body.get_mut("sessions").map(Value::take);
        let Some(Value::Array(list)) = list.filter(|_| status.is_success()) else {
            return Err(self.wrong(status, &body));
        };
        list.into_iter().map(|raw| Session::read(raw).map_err(|error| self.odd(&error.to_string()))).collect()
    }

    pub(super) async fn session(&self, name: &str) -> Result<Session, ClientError> {
        let (status, body) = self.ask(Method::GET, Some(name)).await?;
        match status {
            StatusCode::NOT_FOUND => Err(self.unknown(name)),
            status if status.is_success() => Session::read(body).map_err(|error| self.odd(&error.to_string())),
            status => Err(self.wrong(status, &body)),
        }
    }

    /// Asks for the end of a session; it ends some time later.
    pub(super) async fn stop(&self, name: &str) -> Result<(), ClientError> {
        let (status, body) = self.ask(Method::DELETE, Some(name)).await?;
        match status {
            StatusCode::NOT_FOUND => Err(self.unknown(name)),
            status if status.is_success() => Ok(()),
            status => Err(self.wrong(status, &body)),
        }
    }

    /// Lets a session rest, and tells how it does; or wakes it. Takes as long as that does, `timeout` at the most.
    pub(super) async fn rest(&self, name: &str, act: &str, timeout: Duration) -> Result<String, ClientError> {
        let answer = self.client.post(self.url([name, act])).timeout(timeout).send().await;
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = body.pointer("/error/message").and_then(Value::as_str).map(one_line);
        match (status, said) {
            (StatusCode::NOT_FOUND, _) => Err(self.unknown(name)),
            (StatusCode::CONFLICT | StatusCode::GONE | StatusCode::SERVICE_UNAVAILABLE, Some(message)) => {
                Err(ClientError::NotDone { message })
            }
            (status, _) if status.is_success() => {
                Ok(body.get("state").and_then(Value::as_str).map(one_line).unwrap_or_default())
            }
            _ => Err(self.wrong(status, &body)),
        }
    }

    /// A connection over which a command can be run in a session.
    pub(super) async fn connect_to(&self, name: &str) -> Result<Upgraded, ClientError> {
        let request = self.client.post(self.url([name, "exec"]));
        let request = request.header(CONNECTION, "upgrade").header(UPGRADE, wire::PROTOCOL);
        let late = |_| ClientError::NoNode { admin: self.base.to_string(), why: "no answer in time".to_owned() };
        let answer = tokio::time::timeout(TIMEOUT, request.send()).await.map_err(late)?;
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return answer.upgrade().await.map_err(|error| self.unreachable(&error));
        }
        let body = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = body.pointer("/error/message").and_then(Value::as_str).map(one_line);
        match (status, said) {
            (StatusCode::NOT_FOUND, _) => Err(self.unknown(name)),
            (
                StatusCode::GONE | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::FORBIDDEN,
                Some(message),
            ) => Err(ClientError::NotRun { by: Fault::Command, message }),
            _ => Err(self.wrong(status, &body)),
        }
    }

    /// The address of all sessions, or of something below. One segment each: a name cannot lead to another path.
    fn url<'a>(&self, below: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["admin", "v1", "sessions"]).extend(below);
        }
        url
    }

    async fn ask(&self, method: Method, name: Option<&str>) -> Result<(StatusCode, Value), ClientError> {
        let answer = self.client.request(method, self.url(name)).timeout(TIMEOUT).send().await;
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let why = match error {
            error if is_refused(error) => "nothing listens there".to_owned(),
            error if error.is_timeout() => "no answer in time".to_owned(),
            error => one_line(&root_cause(error)),
        };
        ClientError::NoNode { admin: self.base.to_string(), why }
    }

    fn unknown(&self, name: &str) -> ClientError {
        ClientError::NoSession { name: name.to_owned(), admin: self.base.to_string() }
    }

    fn wrong(&self, status: StatusCode, body: &Value) -> ClientError {
        let said = body.pointer("/error/message").and_then(Value::as_str).map(|text| format!(": {}", one_line(text)));
        self.odd(&format!("HTTP {}{}", status.as_u16(), said.unwrap_or_default()))
    }

    fn odd(&self, why: &str) -> ClientError {
        ClientError::NoNode { admin: self.base.to_string(), why: format!("what answers is no admin listener: {why}") }
    }
}
