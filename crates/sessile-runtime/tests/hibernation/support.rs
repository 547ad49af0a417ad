//! A node with a driver that is played, and clients of both eras.

use serde_json::{Value, json};
use sessile_bridge::{ClientProfile, Pull};
use sessile_identity::Principal;
use sessile_manifest::{Format, Surroundings, parse};
use sessile_protocol::Message;
use sessile_runtime::{
    Exchange, HibernationPlace, Hosted, Keeping, LegacyAnswer, ModernAnswer, ModernCall, ModernError,
};
use sessile_runtime::{Node, NodeLimits, SessionError, SessionId, SessionView};
use sessile_sandbox::played::Played;
use sessile_sandbox::view::{HostEnv, View};
use sessile_store::{Hibernation, Ledger, Process, Sealer};
use sessile_telemetry::Telemetry;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub(crate) const SERVER: &str = "shell";

/// What a test may want otherwise.
pub(crate) struct Settings {
    pub(crate) limits: &'static str,
    pub(crate) disk: u64,
    pub(crate) memory: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: "", disk: 1 << 30, memory: None }
    }
}

pub(crate) struct World {
    pub(crate) node: Node,
    pub(crate) server: Arc<Hosted>,
    pub(crate) driver: Played,
    pub(crate) home: Arc<tempfile::TempDir>,
    pub(crate) telemetry: Telemetry,
}

impl World {
    pub(crate) async fn new(settings: Settings) -> Self {
        Self::in_home(settings, Arc::new(tempfile::tempdir().unwrap()), Played::default()).await
    }

    /// A node that comes after another one of the same home.
    pub(crate) async fn in_home(settings: Settings, home: Arc<tempfile::TempDir>, driver: Played) -> Self {
        let text = format!(
            "[servers.{SERVER}]\ncommand = [\"/bin/sh\"]\n[servers.{SERVER}.limits]\nmemory = \"64MiB\"\n{}\n",
            settings.limits
        );
        let manifest = parse(
            &text,
            "sessile.toml",
            Format::Toml,
            &Surroundings::new("/", |name| (name == "HOME").then(|| "/nowhere".to_owned())),
        )
        .unwrap();
        let view = View {
            command: ["/bin/sh", "-c", include_str!("server.sh")].map(str::to_owned).into(),
            cwd: "/".into(),
            files: Vec::new(),
            env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            explanation: Vec::new(),
            started_in: None,
        };
        let server = Hosted::new(&manifest.servers[0], Arc::new(driver.clone()), view, HostEnv::default(), None);
        let limits = NodeLimits {
            sessions: 100,
            memory: settings.memory,
            cpu: None,
            queue: 4,
            queue_timeout: Duration::from_millis(200),
            ended_sessions_kept: 100,
        };
        let store = Hibernation::open(home.path()).unwrap();
        let hibernation = Some(HibernationPlace { store, lineage: "test".to_owned(), disk: settings.disk });
        let ledger = Some(Ledger::open(home.path()).unwrap());
        let sealer = Sealer::open_or_create(home.path()).unwrap();
        let telemetry = Telemetry::new();
        let server = Arc::new(server);
        let node =
            Node::new(vec![Arc::clone(&server)], limits, Keeping { sealer, ledger, hibernation }, telemetry.clone());
        node.adopt().await;
        Self { node, server, driver, home, telemetry }
    }

    /// The node is gone as if it had been killed; the next one of this home takes its sessions.
    pub(crate) async fn after_kill(self, settings: Settings) -> Self {
        let ledger = Ledger::open(self.home.path()).unwrap();
        for row in ledger.hibernated().unwrap() {
            assert_eq!(row.runtime, Process::own().to_string());
            assert!(ledger.hibernation_taken_over(&row, "1 1 another boot").unwrap());
        }
        let Self { home, driver, .. } = self;
        Self::in_home(settings, home, driver).await
    }

    pub(crate) async fn client(&self, who: &str) -> Legacy<'_> {
        Legacy::new(self, Principal::api_key(who)).await
    }

    /// The sessions that are not over.
    pub(crate) fn sessions(&self) -> Vec<SessionView> {
        self.node.session_views().into_iter().filter(|view| view.end.is_none()).collect()
    }

    pub(crate) fn view(&self, name: &str) -> SessionView {
        self.node.session_view(name).expect("a session")
    }

    /// Files of hibernated sessions, and what is kept beside them.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path().join("hibernated")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        let mut files = self.files();
        files.retain(|name| !name.ends_with(".beside"));
        assert_eq!(files.len(), 1, "{files:?}");
        Path::new(self.home.path()).join("hibernated").join(&files[0])
    }

    pub(crate) async fn until(&self, mut done: impl FnMut(&Self) -> bool) {
        for _ in 0..2000 {
            if done(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it did not come to that: {:?}", self.sessions());
    }

    pub(crate) async fn modern(&self, who: &str, message: Value) -> Result<Value, ModernError> {
        let call = ModernCall {
            message: parsed(&message),
            client: ClientProfile {
                info: Some(json!({ "name": "test", "version": "1" }).to_string()),
                capabilities: json!({ "elicitation": {} }).to_string(),
            },
            session_key: None,
            mirrored: Vec::new(),
            loopback: true,
        };
        match self.node.modern(&self.server, &Principal::api_key(who), call).await? {
            ModernAnswer::Whole { body, .. } => Ok(serde_json::from_slice(&body).unwrap()),
            ModernAnswer::Accepted { .. } => Ok(Value::Null),
            ModernAnswer::Exchange { exchange, .. } => Ok(answer(exchange).await),
        }
    }
}

/// A client of the legacy era, with a session.
pub(crate) struct Legacy<'a> {
    world: &'a World,
    pub(crate) principal: Principal,
    pub(crate) id: SessionId,
    pub(crate) name: String,
}

impl<'a> Legacy<'a> {
    async fn new(world: &'a World, principal: Principal) -> Self {
        let initialize = json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } }
        });
        let mut exchange = world.node.open(&world.server, &principal, parsed(&initialize)).await.unwrap();
        let (id, name) = (exchange.session().id().clone(), exchange.session().name().to_string());
        exchange.release();
        let answer = answer(exchange).await;
        assert_eq!(answer["result"]["serverInfo"]["name"], "shell", "{answer}");
        let client = Self { world, principal, id, name };
        client.post(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await.unwrap();
        client
    }

    pub(crate) async fn post(&self, message: Value) -> Result<Value, SessionError> {
        let World { node, server, .. } = self.world;
        let visit = node.find(server, &self.principal, &self.id).await?;
        let answered = node.legacy(server, &self.principal, &visit, vec![parsed(&message)]).await?;
        drop(visit);
        Ok(match answered {
            LegacyAnswer::Exchange(exchange) => answer(exchange).await,
            LegacyAnswer::Whole(body) => serde_json::from_slice(&body).unwrap(),
            LegacyAnswer::Accepted => Value::Null,
        })
    }

    /// Calls a tool, and gives its text.
    pub(crate) async fn call(&self, tool: &str) -> Result<String, SessionError> {
        static NEXT: AtomicU32 = AtomicU32::new(100);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool } });
        let answer = self.post(message).await?;
        Ok(answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned())
    }

    pub(crate) async fn hibernate(&self) {
        assert_eq!(self.world.node.hibernate_session(&self.name).await.unwrap(), "hibernated");
        assert_eq!(self.world.view(&self.name).state, "hibernated");
    }
}

async fn answer(mut exchange: Exchange) -> Value {
    loop {
        match exchange.pull().await {
            Pull::Json(body) => return serde_json::from_slice(&body).unwrap(),
            Pull::Event(event) => {
                let message: Value = serde_json::from_slice(&event.data).unwrap_or_default();
                if message.get("id").is_some() && message.get("method").is_none() {
                    return message;
                }
            }
            Pull::OpenSse | Pull::Pending => {}
            Pull::End | Pull::Cut(_) => return Value::Null,
        }
    }
}

pub(crate) fn parsed(message: &Value) -> Message {
    Message::parse(bytes::Bytes::from(message.to_string())).unwrap()
}

/// A tool call of a modern client.
pub(crate) fn call(id: u32, tool: &str) -> Value {
    json!({
        "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": { "name": tool, "arguments": {}, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} }
        } }
    })
}
