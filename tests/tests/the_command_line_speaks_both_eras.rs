//! `sessile tools` and `sessile call` find out which era a server speaks, and do the same for a person in either.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sessile_tests::terminal::AtTerminal;
use sessile_tests::wait::PATIENCE;
use sessile_tests::{Node, binaries};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

const ERAS: [&str; 2] = ["legacy", "modern"];

/// What a command came to.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn text(&self) -> (Option<i32>, &str) {
        (self.code, self.stdout.trim_end())
    }

    /// It failed with this code, said so on stderr alone, and named all of `words`.
    fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing: {}", self.stderr);
        }
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries::sessile());
    command.args(arguments);
    for name in ["SESSILE_LOG", "SESSILE_KEY", "SESSILE_ADMIN"] {
        command.env_remove(name);
    }
    command
}

fn sessile(arguments: &[&str]) -> Outcome {
    let output = command(arguments).stdin(Stdio::null()).output().expect("sessile starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
    Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs `arguments` until `sign` stands on stderr, presses Ctrl-C, and tells how it ended.
fn interrupted_at(sign: &str, arguments: &[&str]) -> Outcome {
    let mut child = command(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sessile starts");
    let lines = lines_of(child.stderr.take().expect("stderr is a pipe"));
    let mut stderr = String::new();
    while !stderr.contains(sign) {
        stderr += &lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("no {sign:?}: {error}: {stderr}"));
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    while let Ok(line) = lines.recv_timeout(PATIENCE) {
        stderr += &line;
    }
    let output = child.wait_with_output().expect("it ends");
    Outcome { code: output.status.code(), stdout: String::from_utf8_lossy(&output.stdout).into_owned(), stderr }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|read| read > 0) && sender.send(line.clone()).is_ok() {
            line.clear();
        }
    });
    lines
}

/// The fixture with every feature, on HTTP, without a node before it.
struct Fixture {
    child: Child,
    url: String,
}

impl Fixture {
    fn of(era: &str) -> Self {
        let mut fixture = Command::new(binaries::fixture("everything"));
        fixture.args(["--http", "127.0.0.1:0", "--era", era]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = fixture.spawn().expect("the fixture starts");
        let lines = lines_of(child.stdout.take().expect("stdout is a pipe"));
        let url = lines.recv_timeout(PATIENCE).expect("it prints its URL").trim().to_owned();
        Self { child, url }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_era_is_found_out_and_said() {
    for era in ERAS {
        let server = Fixture::of(era);
        let outcome = sessile(&["-v", "call", &server.url, "add", "--arg", "a=2", "--arg", "b=3"]);
        assert_eq!(outcome.text(), (Some(0), "5"));
        assert!(outcome.stderr.contains(&format!("the {era} era")), "{}", outcome.stderr);
        let outcome = sessile(&["call", &server.url, "add", "--arg", "a=2", "--arg", "b=3", "--era", era]);
        assert_eq!((outcome.text(), outcome.stderr.as_str()), ((Some(0), "5"), ""));
    }
    let both = Fixture::of("both");
    assert!(sessile(&["-v", "tools", &both.url]).stderr.contains("speaking 2026-07-28"));
    assert!(sessile(&["-v", "tools", &both.url, "--era", "legacy"]).stderr.contains("speaking 2025-11-25"));
}

#[test]
fn an_era_that_is_not_spoken_is_named_with_the_one_that_may_be() {
    let [legacy, modern] = ERAS.map(Fixture::of);
    sessile(&["tools", &legacy.url, "--era", "modern"]).failed(1, &["the modern era", "2025-11-25", "--era legacy"]);
    sessile(&["tools", &modern.url, "--era", "legacy"]).failed(1, &["the legacy era", "--era modern"]);
    for option in [&["--session", "s"][..], &["--detach"]] {
        let arguments = [&["call", &legacy.url, "add", "--arg", "a=1", "--arg", "b=1"], option].concat();
        sessile(&arguments).failed(2, &[option[0], "modern era"]);
    }
    sessile(&["call", &legacy.url, "--task", "t"]).failed(2, &["--task", "modern era"]);
    sessile(&["tools", &legacy.url, "--era", "legacy", "--session", "s"]).failed(2, &["--session"]);
    sessile(&["tools", &modern.url, "--session", "two words"]).failed(2, &["256"]);
}

#[test]
fn tools_are_listed_alike_in_both_eras() {
    let server = Fixture::of("both");
    let [legacy, modern] = ERAS.map(|era| sessile(&["tools", &server.url, "--era", era]));
    assert_eq!((modern.code, modern.stderr.as_str()), (Some(0), ""));
    assert_eq!(legacy.stdout, modern.stdout);
    assert!(modern.stdout.contains("ask_name"), "{}", modern.stdout);
}

#[test]
fn progress_and_log_messages_are_shown_on_the_way() {
    for server in ERAS.map(Fixture::of) {
        let outcome = sessile(&["call", &server.url, "progress", "--arg", "steps=3"]);
        assert_eq!(outcome.text(), (Some(0), "3 steps done"));
        for step in ["1/3", "2/3", "3/3"] {
            assert!(outcome.stderr.contains(step), "progress is shown as it comes: {}", outcome.stderr);
        }
        let say = ["call", &server.url, "log", "--arg", "level=error", "--arg", "message=listen"];
        assert!(sessile(&say).stderr.contains("listen"));
        assert!(!sessile(&[&say[..], &["--log-level", "off"]].concat()).stderr.contains("listen"));
    }
}

#[test]
fn questions_are_asked_on_the_terminal() {
    for server in ERAS.map(Fixture::of) {
        let mut person = AtTerminal::start(command(&["call", &server.url, "ask_name"]));
        person.expect("What is your name?");
        person.type_line("Ada");
        assert_eq!(person.finish(), (Some(0), "Hello, Ada!\n".to_owned()));
        let page = ["call", &server.url, "ask_url", "--arg", "url=https://example.com/consent"];
        let mut person = AtTerminal::start(command(&page));
        person.expect("https://example.com/consent");
        person.type_line("y");
        assert_eq!(person.finish(), (Some(0), "page: accept\n".to_owned()));
    }
    let modern = Fixture::of("modern");
    let rounds = ["call", &modern.url, "test_input_required_result_multi_round"];
    let mut person = AtTerminal::start(command(&rounds));
    person.expect("name");
    person.type_line("Ada");
    person.expect("color");
    person.type_line("blue");
    assert_eq!(person.finish(), (Some(0), "Ada likes blue\n".to_owned()));
}

#[test]
fn questions_without_a_terminal_are_answered_from_the_command_line_or_declined() {
    for server in ERAS.map(Fixture::of) {
        let ask = ["call", &server.url, "ask_name"];
        assert_eq!(sessile(&[&ask[..], &["--answer", "name=Bob"]].concat()).text(), (Some(0), "Hello, Bob!"));
        let outcome = sessile(&ask);
        assert_eq!(outcome.text(), (Some(0), "no name: decline"));
        assert!(outcome.stderr.contains("--answer name="), "{}", outcome.stderr);
        let sample = ["call", &server.url, "test_sampling", "--arg", "prompt=capital?", "--sample", "Paris"];
        assert_eq!(sessile(&sample).text(), (Some(0), "LLM response: Paris"));
        assert!(sessile(&["call", &server.url, "list_roots", "--root", "/tmp"]).stdout.contains("file:///tmp"));
    }
    let modern = Fixture::of("modern");
    let three = ["call", &modern.url, "test_input_required_result_multiple_inputs", "--raw"];
    let outcome = sessile(&[&three[..], &["--answer", "name=Ada", "--sample", "hi", "--root", "/tmp"]].concat());
    let result: Value = serde_json::from_str(&outcome.stdout).expect("stdout is one JSON object");
    assert_eq!(result["content"][0]["text"], "all three answered");
    let sampling = ["call", &modern.url, "test_input_required_result_sampling"];
    sessile(&sampling).failed(1, &["--sample TEXT"]);
}

#[test]
fn a_call_that_becomes_a_task_is_followed_to_its_end() {
    let server = Fixture::of("modern");
    let on = |arguments: &[&str]| sessile(&[&["call", &server.url], arguments].concat());
    let outcome = on(&["slow_compute", "--arg", "seconds=0.1"]);
    assert_eq!(outcome.text(), (Some(0), "result computed"));
    assert!(outcome.stderr.contains("goes on as task"), "{}", outcome.stderr);
    let outcome = on(&["slow_compute", "--arg", "seconds=0.1", "--no-tasks"]);
    assert_eq!((outcome.text(), outcome.stderr.as_str()), ((Some(0), "result computed"), ""));
    assert_eq!(on(&["confirm_delete", "--answer", "confirm=yes"]).text(), (Some(0), "the file deleted"));
    assert_eq!(on(&["failing_job"]).text(), (Some(1), "this job always fails"));
    on(&["protocol_error_job"]).failed(1, &["-32603", "this job always breaks"]);
    on(&["confirm_delete", "--no-tasks"]).failed(1, &["-32021", "io.modelcontextprotocol/tasks"]);
    on(&["--task", "nobody"]).failed(1, &["nobody"]);

    let mut person = AtTerminal::start(command(&["call", &server.url, "confirm_delete"]));
    person.expect("Delete the file?");
    person.type_line("n");
    assert_eq!(person.finish(), (Some(0), "the file kept\n".to_owned()));
}

#[test]
fn a_task_can_be_left_and_come_back_to() {
    let server = Fixture::of("modern");
    let outcome = sessile(&["call", &server.url, "confirm_delete", "--detach"]);
    let id = outcome.stdout.trim();
    assert!(outcome.code == Some(0) && !id.is_empty() && !id.contains(char::is_whitespace), "{outcome:?}");
    assert!(outcome.stderr.contains("--task"), "{}", outcome.stderr);
    let back = sessile(&["call", &server.url, "--task", id, "--answer", "confirm=yes"]);
    assert_eq!(back.text(), (Some(0), "the file deleted"));

    let outcome = interrupted_at("goes on as task", &["call", &server.url, "slow_compute", "--arg", "seconds=600"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(130), ""), "{outcome:?}");
    let id = outcome.stderr.split("--task ").nth(1).and_then(|rest| rest.split(' ').next()).expect("it names the task");
    sessile(&["call", &server.url, "--task", id]).failed(1, &["was cancelled", id]);
}

#[test]
fn a_node_is_called_in_the_era_that_it_speaks() {
    let node = Node::of("everything", &[]);
    let outcome = sessile(&["call", &node.endpoint().url(), "ask_name", "--answer", "name=Bob"]);
    assert_eq!(outcome.text(), (Some(0), "Hello, Bob!"), "{outcome:?}");
}
