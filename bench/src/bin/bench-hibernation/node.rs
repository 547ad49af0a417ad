//! The node that is measured, and requests to it: each on a connection of its own, as raw as can be.

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::json;
use sessile_bench::target::Running;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A node whose only server counts in machines. Clones are the same node.
#[derive(Clone)]
pub(super) struct Node {
    running: Arc<Running>,
    public: String,
    admin: String,
    folder: PathBuf,
}

#[derive(Deserialize)]
struct Listing {
    sessions: Vec<Session>,
}

#[derive(Deserialize)]
struct Session {
    name: String,
    state: String,
}

impl Node {
    /// Starts it, with a state of its own in `scratch`, and `environment` beside what this program has.
    pub(super) async fn start(
        programs: &Path,
        scratch: &Path,
        memory: u64,
        environment: &[String],
    ) -> anyhow::Result<Self> {
        let folder = scratch.join("node");
        std::fs::create_dir_all(&folder)?;
        let programs = programs.canonicalize().context("there are no programs")?;
        // Free a moment ago.
        let admin = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        // What lies around a program, or beside the manifest, is packed with it: nothing there changes, so that all have one image.
        let (state, fixture) = (folder.with_file_name("state"), folder.join("bin/fixture-counter"));
        std::fs::create_dir_all(folder.join("bin"))?;
        std::fs::create_dir_all(folder.join("manifest"))?;
        std::fs::copy(programs.join("fixture-counter"), &fixture).context("cannot copy fixture-counter")?;
        let manifest = format!(
            "[node]\nlisten = \"127.0.0.1:0\"\nadmin = \"{admin}\"\nstate_dir = {state:?}\nsessions = 4000\nmemory = \"64TiB\"\n\
             hibernation_disk = \"64TiB\"\n\n[servers.counter]\ncommand = [{fixture:?}]\nisolation = \"microvm\"\n\n\
             [servers.counter.limits]\nmemory = \"{memory}MiB\"\nstart_timeout = \"5m\"\nsessions = 4000\n\
             sessions_per_principal = 4000\nadopt_grace = \"5s\"\n"
        );
        let file = folder.join("manifest/sessile.toml");
        std::fs::write(&file, manifest)?;
        let program = programs.join("sessile").display().to_string();
        let serve = [program, "serve".into(), "-c".into(), file.display().to_string()];
        let command: Vec<_> = ["env".to_owned()].into_iter().chain(environment.iter().cloned()).chain(serve).collect();
        let running = Running::printing(&command, &folder.with_file_name("log")).await?;
        let public = running.url.strip_prefix("http://").and_then(|url| url.split('/').next()).unwrap_or_default();
        Ok(Self { public: public.to_owned(), running: Arc::new(running), admin, folder })
    }

    pub(super) fn pid(&self) -> u32 {
        self.running.pid().unwrap_or_default()
    }

    pub(super) fn state(&self) -> PathBuf {
        self.folder.with_file_name("state")
    }

    /// Counts on in the session of this number, and returns the count.
    pub(super) async fn increment(&self, number: usize) -> anyhow::Result<u64> {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
        });
        let params = json!({ "name": "increment", "arguments": {}, "_meta": meta });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        let headers = format!(
            "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n\
             Mcp-Name: increment\r\nSessile-Session: number-{number}\r\n"
        );
        let answer = ask(&self.public, "POST /counter/mcp", &headers, &body).await?;
        // As JSON or as an event: the text of the result.
        let text = answer.split_once("\"text\":\"").and_then(|(_, rest)| rest.split('"').next());
        text.and_then(|text| text.parse().ok()).with_context(|| format!("no count in {answer}"))
    }

    /// Names of the sessions that run.
    pub(super) async fn running(&self) -> anyhow::Result<Vec<String>> {
        let listing: Listing = serde_json::from_str(&ask(&self.admin, "GET /admin/v1/sessions", "", "").await?)?;
        let runs = |session: &Session| session.state != "stopped" && session.state != "hibernated";
        Ok(listing.sessions.into_iter().filter(runs).map(|session| session.name).collect())
    }

    /// Has the session of this name written to the disk.
    pub(super) async fn hibernate(&self, name: &str) -> anyhow::Result<()> {
        let told = ask(&self.admin, &format!("POST /admin/v1/sessions/{name}/hibernate"), "", "").await?;
        ensure!(told.contains("\"hibernated\""), "{name} is not on the disk: {told}");
        Ok(())
    }

    /// Ends all sessions that run.
    pub(super) async fn stop_all(&self) -> anyhow::Result<()> {
        for name in self.running().await? {
            ask(&self.admin, &format!("DELETE /admin/v1/sessions/{name}"), "", "").await?;
        }
        Ok(())
    }

    /// How many sessions were woken until now.
    pub(super) async fn wakes(&self) -> anyhow::Result<u64> {
        let text = ask(&self.admin, "GET /metrics", "", "").await?;
        let of = |line: &str| line.starts_with("sessile_wakes_total").then(|| line.rsplit(' ').next()?.parse().ok());
        let counts: Vec<f64> = text.lines().filter_map(of).flatten().collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count
        Ok(counts.iter().sum::<f64>() as u64)
    }

    /// The sizes of the files of all sessions, in bytes.
    pub(super) fn files(&self) -> anyhow::Result<Vec<u64>> {
        let paths = std::fs::read_dir(self.state().join("hibernated"))?.flatten().map(|entry| entry.path());
        let asleep = paths.filter(|path| path.extension().is_some_and(|stage| stage == "asleep"));
        asleep.map(|path| Ok(path.metadata()?.len())).collect()
    }

    /// Stops it.
    pub(super) async fn end(self) {
        if let Ok(running) = Arc::try_unwrap(self.running) {
            running.end().await;
        }
    }
}

/// Sends a request and returns the body of its answer.
async fn ask(address: &str, line: &str, headers: &str, body: &str) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!("{line}: {answer}");
    }
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// What a process has of memory, in KiB.
pub(super) fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    sessile_bench::measure::resident_kib(pid).context("the node is gone")
}
