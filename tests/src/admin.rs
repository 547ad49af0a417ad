//! The admin API, as an operator uses it.

use crate::http::{Ask, Endpoint};
use crate::wait::{PATIENCE, until};
use http::{Method, StatusCode};
use serde_json::Value;

/// The admin listener of a node.
#[derive(Clone, Debug)]
pub struct Admin {
    endpoint: Endpoint,
}

impl Admin {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    /// Its address.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// All sessions that the node remembers, live ones first.
    pub async fn sessions(&self) -> Vec<Value> {
        let listing = self.endpoint.at("/admin/v1/sessions").get_json().await;
        listing["sessions"].as_array().expect("a listing holds sessions").clone()
    }

    /// The live sessions.
    pub async fn live(&self) -> Vec<Value> {
        self.sessions().await.into_iter().filter(|session| session["state"] != "stopped").collect()
    }

    /// The only session that the node remembers.
    ///
    /// # Panics
    /// When it remembers none, or several.
    pub async fn only_session(&self) -> Value {
        let sessions = self.sessions().await;
        assert_eq!(sessions.len(), 1, "{sessions:?}");
        sessions[0].clone()
    }

    /// The name of the [only session](Self::only_session).
    pub async fn only_name(&self) -> String {
        self.only_session().await["name"].as_str().expect("a session has a name").to_owned()
    }

    /// The session of this name.
    pub async fn session(&self, name: &str) -> Value {
        self.endpoint.at(&format!("/admin/v1/sessions/{name}")).get_json().await
    }

    /// Waits until the only session has ended, and returns how.
    pub async fn end_of_only_session(&self) -> Value {
        until("the session has ended", PATIENCE, async || {
            let session = self.only_session().await;
            (session["state"] == "stopped").then(|| session["end"].clone())
        })
        .await
    }

    /// Waits until no session is live.
    pub async fn all_ended(&self) {
        until("all sessions have ended", PATIENCE, async || self.live().await.is_empty().then_some(())).await;
    }

    /// Waits until this many requests are in flight in all sessions together.
    pub async fn in_flight(&self, count: u64) {
        until(format!("{count} requests are in flight"), PATIENCE, async || {
            let sessions = self.live().await;
            let sum: u64 = sessions.iter().filter_map(|session| session["in_flight"].as_u64()).sum();
            (sum == count).then_some(())
        })
        .await;
    }

    /// Stops a session by its public name.
    ///
    /// # Panics
    /// When there is none of that name.
    pub async fn stop(&self, name: &str) {
        let reply = self.endpoint.at(&format!("/admin/v1/sessions/{name}")).send(Ask::new(Method::DELETE)).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}");
    }

    /// Lets a session rest (`hibernate`), or wakes it (`resume`), and returns what is said of that.
    pub async fn rest(&self, name: &str, act: &str) -> (StatusCode, Value) {
        let reply = self.endpoint.at(&format!("/admin/v1/sessions/{name}/{act}")).send(Ask::new(Method::POST)).await;
        (reply.status, reply.json().await)
    }

    /// Waits until the session of this name rests, and returns what is said of it.
    pub async fn rests(&self, name: &str) -> Value {
        until(format!("session {name} rests"), PATIENCE, async || {
            let session = self.session(name).await;
            (session["state"] == "hibernated").then_some(session)
        })
        .await
    }

    /// The value of a metric, summed over its labels that hold `labels`; 0 when there is none.
    pub async fn metric(&self, name: &str, labels: &str) -> f64 {
        let reply = self.endpoint.at("/metrics").send(Ask::new(Method::GET)).await;
        let text = reply.text().await;
        let rows = text.lines().filter_map(|line| line.rsplit_once(' '));
        let of_name = |row: &str| row.split('{').next() == Some(name) && row.contains(labels);
        rows.filter(|(row, _)| of_name(row)).filter_map(|(_, value)| value.parse::<f64>().ok()).sum()
    }
}
