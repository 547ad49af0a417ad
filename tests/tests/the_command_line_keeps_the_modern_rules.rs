//! What `sessile call` and `sessile tools` send to a modern server, seen from the server's side of the socket.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sessile_tests::binaries;
use sessile_tests::wait::PATIENCE;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// A request as it came.
#[derive(Debug)]
struct Asked {
    head: String,
    body: Value,
}

impl Asked {
    fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// What the server does about a request.
enum Does {
    /// Answers it.
    Results(Value),
    /// Answers with this status and body.
    Says(u16, &'static str),
    /// Sends this on a stream that stays open.
    Streams(Value),
}

/// What is seen at the server.
#[derive(Debug)]
enum Seen {
    Request(Asked),
    /// The client closed a stream that was open.
    Closed,
}

/// A server whose every answer is told to it.
struct Scripted {
    url: String,
    seen: Receiver<Seen>,
}

impl Scripted {
    fn start(script: impl Fn(&Asked) -> Does + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there are free ports");
        let url = format!("http://{}/mcp", listener.local_addr().expect("it is bound"));
        let (sender, seen) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, sender) = (script.clone(), sender.clone());
                thread::spawn(move || serve(stream, &script, &sender));
            }
        });
        Self { url, seen }
    }

    /// A modern server with one tool, that does this when it is called.
    fn modern(tool: Value, called: impl Fn(&Asked) -> Does + Clone + Send + 'static) -> Self {
        Self::start(move |asked| match asked.method() {
            "server/discover" => Does::Results(json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
                "ttlMs": 0, "cacheScope": "private"
            })),
            "tools/list" => Does::Results(json!({
                "resultType": "complete", "tools": [tool], "ttlMs": 0, "cacheScope": "private"
            })),
            _ => called(asked),
        })
    }

    /// Every request so far.
    fn requests(&self) -> Vec<Asked> {
        self.seen
            .try_iter()
            .filter_map(|seen| if let Seen::Request(asked) = seen { Some(asked) } else { None })
            .collect()
    }
}

fn serve(stream: TcpStream, script: &impl Fn(&Asked) -> Does, sender: &Sender<Seen>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket can be had twice"));
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let mut asked = Asked { head, body: Value::Null };
        let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("the body comes");
        asked.body = serde_json::from_slice(&body).unwrap_or_default();
        let id = asked.body["id"].clone();
        let does = script(&asked);
        let _ = sender.send(Seen::Request(asked));
        let (status, kind, body) = match does {
            Does::Results(result) => {
                (200, "application/json", json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string())
            }
            Does::Says(status, body) => (status, "application/json", body.to_owned()),
            Does::Streams(message) => {
                let event = format!("data: {message}\n\n");
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                let _ = write!(writer, "{head}{:x}\r\n{event}\r\n", event.len());
                // Nothing comes on it any more but its end.
                let _ = reader.read_to_end(&mut Vec::new());
                let _ = sender.send(Seen::Closed);
                return;
            }
        };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len());
        let _ = write!(writer, "{head}{body}");
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries::sessile());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["SESSILE_LOG", "SESSILE_KEY", "SESSILE_ADMIN"] {
        command.env_remove(name);
    }
    command
}

fn sessile(arguments: &[&str]) -> Output {
    command(arguments).output().expect("sessile starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn tool(schema: Value) -> Value {
    json!({ "name": "it", "inputSchema": schema })
}

fn plain() -> Value {
    tool(json!({ "type": "object" }))
}

fn done() -> Does {
    Does::Results(json!({ "resultType": "complete", "content": [{ "type": "text", "text": "done" }] }))
}

#[test]
fn every_request_says_all_there_is_to_know() {
    let schema = json!({ "type": "object", "properties": {
        "region": { "type": "string", "x-mcp-header": "Region" }, "other": { "type": "string" }
    }});
    let server = Scripted::modern(tool(schema), |_| done());
    let call = ["call", &server.url, "it", "--arg", "region=north", "--arg", "other=x", "--session", "ada#1"];
    let output = sessile(&[&call[..], &["--log-level", "warning"]].concat());
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"done\n"[..]), "{}", stderr(&output));
    let requests = server.requests();
    let methods: Vec<_> = requests.iter().map(Asked::method).collect();
    assert_eq!(methods, ["server/discover", "tools/list", "tools/call"]);
    for asked in &requests {
        assert_eq!(asked.header("mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(asked.header("mcp-method"), Some(asked.method()));
        assert_eq!(asked.header("sessile-session"), Some("ada#1"));
        assert_eq!(asked.header("mcp-session-id"), None);
        let meta = &asked.body["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "sessile-call");
        let capabilities = &meta["io.modelcontextprotocol/clientCapabilities"];
        assert!(capabilities["elicitation"]["form"].is_object() && capabilities["elicitation"]["url"].is_object());
        assert!(capabilities["extensions"]["io.modelcontextprotocol/tasks"].is_object(), "{capabilities}");
    }
    let call = requests.last().expect("there are three");
    assert_eq!(call.header("mcp-name"), Some("it"));
    assert_eq!((call.header("mcp-param-region"), call.header("mcp-param-other")), (Some("north"), None));
    assert_eq!(call.body["params"]["_meta"]["io.modelcontextprotocol/logLevel"], "warning");
}

#[test]
fn a_retry_carries_the_answers_and_the_state_as_it_was_given() {
    let server = Scripted::modern(plain(), |asked| match asked.body["params"]["requestState"].as_str() {
        None => Does::Results(json!({
            "resultType": "input_required", "requestState": "\u{1}opaque \"state\"",
            "inputRequests": { "who": { "method": "elicitation/create", "params": {
                "message": "Who?", "requestedSchema": { "type": "object", "properties": { "name": { "type": "string" } } }
            }}}
        })),
        // Load shedding: the state alone.
        Some(state) if state.starts_with('\u{1}') => {
            Does::Results(json!({ "resultType": "input_required", "requestState": "later" }))
        }
        Some(_) => done(),
    });
    let output = sessile(&["call", &server.url, "it", "--answer", "name=Ada"]);
    assert_eq!(output.stdout, b"done\n", "{}", stderr(&output));
    let calls: Vec<_> = server.requests().into_iter().filter(|asked| asked.method() == "tools/call").collect();
    let [first, second, third] = calls.as_slice() else { panic!("{calls:?}") };
    assert!(first.body["params"].get("requestState").is_none());
    assert_eq!(second.body["params"]["requestState"], "\u{1}opaque \"state\"");
    assert_eq!(second.body["params"]["inputResponses"]["who"]["content"]["name"], "Ada");
    assert_eq!(third.body["params"]["requestState"], "later");
    assert!(third.body["params"].get("inputResponses").is_none(), "answers belong to one round");
    assert!(first.body["id"] != second.body["id"] && second.body["id"] != third.body["id"]);
}

#[test]
fn a_server_that_only_asks_is_given_up() {
    let server = Scripted::modern(plain(), |_| {
        Does::Results(json!({ "resultType": "input_required", "inputRequests": { "r": { "method": "roots/list" } } }))
    });
    let output = sessile(&["call", &server.url, "it"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("16 times"), "{}", stderr(&output));
    let calls = server.requests().iter().filter(|asked| asked.method() == "tools/call").count();
    assert_eq!(calls, 17, "the call and 16 retries");
}

#[test]
fn ctrl_c_closes_the_stream_and_says_nothing_else() {
    let progress = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {
        "level": "error", "data": "begun"
    }});
    let server = Scripted::modern(plain(), move |_| Does::Streams(progress.clone()));
    let mut child = command(&["call", &server.url, "it"]).spawn().expect("sessile starts");
    let mut line = String::new();
    BufReader::new(child.stderr.take().expect("stderr is a pipe")).read_line(&mut line).expect("it says something");
    assert!(line.contains("begun"), "{line}");
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let mut methods = Vec::new();
    while let Seen::Request(asked) = server.seen.recv_timeout(PATIENCE).expect("the stream is closed") {
        methods.push(asked.method().to_owned());
    }
    methods.extend(server.requests().iter().map(|asked| asked.method().to_owned()));
    assert_eq!(methods, ["server/discover", "tools/list", "tools/call"]);
}

#[test]
fn a_tool_that_clients_must_leave_out_is_shown_with_the_reason() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "number", "x-mcp-header": "N" } } });
    let server = Scripted::modern(tool(schema), |_| done());
    let output = sessile(&["tools", &server.url]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("n number"), "{output:?}");
    assert!(stderr(&output).contains("x-mcp-header"), "{output:?}");
    let output = sessile(&["call", &server.url, "it"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("x-mcp-header"), "{output:?}");
    assert_eq!(sessile(&["call", &server.url, "it", "--no-check"]).stdout, b"done\n");
}

#[test]
fn whatever_no_modern_server_would_say_leads_to_initialize() {
    let refusals = [
        (400, ""),
        (400, "Bad Request: no session"),
        (400, r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}"#),
        (404, "nothing here"),
        (405, ""),
        (500, "oops"),
        (200, r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"method not found"}}"#),
    ];
    for (status, body) in refusals {
        let server = Scripted::start(move |asked| match asked.method() {
            "server/discover" => Does::Says(status, body),
            "initialize" => Does::Results(json!({
                "protocolVersion": "2025-06-18", "capabilities": { "tools": {} },
                "serverInfo": { "name": "old", "version": "1" }
            })),
            "tools/list" => Does::Results(json!({ "tools": [plain()] })),
            _ => Does::Says(202, ""),
        });
        let output = sessile(&["-v", "tools", &server.url]);
        assert_eq!(output.status.code(), Some(0), "{status} {body}: {}", stderr(&output));
        assert!(stderr(&output).contains("speaking 2025-06-18, the legacy era, with old 1"), "{}", stderr(&output));
    }
}

#[test]
fn what_a_modern_server_says_does_not() {
    let refusals = [
        (400, r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32020,"message":"headers"}}"#),
        (
            400,
            r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32022,"message":"version","data":{"supported":["2027-01-01"]}}}"#,
        ),
        (401, ""),
        (403, "who are you"),
    ];
    for (status, body) in refusals {
        let server = Scripted::start(move |_| Does::Says(status, body));
        let output = sessile(&["tools", &server.url]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        let methods: Vec<_> = server.requests().iter().map(|asked| asked.method().to_owned()).collect();
        assert_eq!(methods, ["server/discover"], "{status} {body}");
    }
}
