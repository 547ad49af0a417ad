//! `sessile tools`, `sessile call` and `sessile sessions` against a running node, as a person and as a script use them.

use serde_json::{Value, json};
use sessile_tests::terminal::AtTerminal;
use sessile_tests::{Client, Home, Node, binaries};
use std::process::{Command, Stdio};

/// What a command came to.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
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

fn json_of(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
}

#[test]
fn tools_are_listed_for_people_and_for_programs() {
    let node = Node::of("everything", &["--page", "5"]);
    let url = node.endpoint().url();
    let outcome = sessile(&["tools", &url]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for name in ["add", "ask_name", "slow"] {
        assert!(outcome.stdout.lines().any(|line| line.starts_with(name)), "{name} of all pages: {}", outcome.stdout);
    }
    let listing = json_of(&sessile(&["tools", &url, "--json"])).to_string();
    assert!(listing.contains("inputSchema") && listing.contains("\"add\""), "{listing}");
}

#[test]
fn a_call_prints_its_result_and_nothing_else() {
    let node = Node::of("everything", &[]);
    let url = node.endpoint().url();
    let outcome = sessile(&["call", &url, "add", "--arg", "a=2", "--arg", "b=3"]);
    assert_eq!((outcome.code, outcome.stdout.trim(), outcome.stderr.as_str()), (Some(0), "5", ""));
    let outcome = sessile(&["call", &url, "add", "--json", r#"{"a": 2, "b": 40}"#, "--raw"]);
    assert_eq!(json_of(&outcome)["content"][0]["text"], "42");

    let outcome = sessile(&["call", &url, "progress", "--arg", "steps=3"]);
    assert_eq!(outcome.stdout.trim(), "3 steps done");
    for step in ["1/3", "2/3", "3/3"] {
        assert!(outcome.stderr.contains(step), "progress is shown as it comes: {}", outcome.stderr);
    }
    let outcome = sessile(&["call", &url, "log", "--arg", "level=error", "--arg", "message=listen"]);
    assert!(outcome.stderr.contains("listen"), "{outcome:?}");
}

#[test]
fn questions_are_asked_on_the_terminal() {
    let node = Node::of("everything", &[]);
    let url = node.endpoint().url();
    let mut person = AtTerminal::start(command(&["call", &url, "ask_name"]));
    person.expect("What is your name?");
    person.type_line("Ada");
    assert_eq!(person.finish(), (Some(0), "Hello, Ada!\n".to_owned()));

    let mut person = AtTerminal::start(command(&["call", &url, "ask_url", "--arg", "url=https://example.com/consent"]));
    person.expect("https://example.com/consent");
    person.type_line("y");
    assert_eq!(person.finish(), (Some(0), "page: accept\n".to_owned()));
}

#[test]
fn questions_are_answered_from_the_command_line() {
    let node = Node::of("everything", &[]);
    let url = node.endpoint().url();
    let outcome = sessile(&["call", &url, "ask_name", "--answer", "name=Bob"]);
    assert_eq!((outcome.code, outcome.stdout.trim()), (Some(0), "Hello, Bob!"), "{outcome:?}");
    let outcome = sessile(&["call", &url, "ask_name"]);
    assert_eq!(outcome.stdout.trim(), "no name: decline");
    assert!(outcome.stderr.contains("--answer name="), "it says what would have answered: {outcome:?}");
    let outcome = sessile(&["call", &url, "test_sampling", "--arg", "prompt=capital?", "--sample", "Paris"]);
    assert_eq!(outcome.stdout.trim(), "LLM response: Paris", "{outcome:?}");
    let with = ["call", &url, "test_sampling", "--arg", "prompt=capital?", "--sample-with", "echo from a command"];
    assert_eq!(sessile(&with).stdout.trim(), "LLM response: from a command");
    let outcome = sessile(&["call", &url, "list_roots", "--root", "/tmp"]);
    assert!(outcome.stdout.contains("file:///tmp"), "{outcome:?}");
}

#[test]
fn what_cannot_be_called_is_told_with_what_can() {
    let node = Node::of("everything", &[]);
    let url = node.endpoint().url();
    let failed = |arguments: &[&str], code: i32, words: &[&str]| {
        let outcome = sessile(arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(code), ""), "{outcome:?}");
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing: {}", outcome.stderr);
        }
    };
    failed(&["call", &url, "ad"], 2, &["ad", "sessile tools"]);
    failed(&["call", &url, "add", "--arg", "a=2"], 2, &["--arg b="]);
    failed(&["call", &url, "add", "--arg", "a=two", "--arg", "b=3"], 2, &["two", "number"]);
    failed(&["call", "http://127.0.0.1:1/mcp", "add"], 1, &["127.0.0.1:1", "sessile run"]);
    failed(&["tools", &node.endpoint().at("/nobody/mcp").url()], 1, &["/nobody/mcp"]);
    let crashing = Node::of("crash", &[]);
    failed(
        &["call", &crashing.endpoint().url(), "exit", "--arg", "code=9"],
        1,
        &["exit code 9", "exiting with code 9"],
    );
}

#[test]
fn a_tool_that_fails_is_exit_code_1() {
    let node = Node::of("everything", &[]);
    let outcome = sessile(&["call", &node.endpoint().url(), "test_error_handling"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
}

#[test]
fn a_key_is_taken_from_a_file_and_is_not_shown() {
    let home = Home::new();
    let (key, file) = (home.key("ada"), home.key_file());
    let server = [home.fixture("everything")];
    let secret = home.file("secret", &format!("{key}\n"));
    let node = sessile_tests::node::Start::run(home, &server).option(&["--api-keys", &file]).start();
    let url = node.endpoint().url();
    let outcome = sessile(&["tools", &url]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("--key-file"), "{outcome:?}");
    let outcome = sessile(&["-vv", "call", &url, "add", "--arg", "a=1", "--arg", "b=1", "--key-file", &secret]);
    assert_eq!((outcome.code, outcome.stdout.trim()), (Some(0), "2"), "{outcome:?}");
    assert!(!outcome.stderr.contains(&key), "the key is shown");
}

#[tokio::test]
async fn sessions_are_listed_shown_and_stopped() {
    let node = Node::of("crash", &[]);
    let admin = node.admin().endpoint().url();
    let admin = admin.trim_end_matches('/');
    let on = |arguments: &[&str]| {
        let all: Vec<_> = ["sessions"].iter().chain(arguments).copied().chain(["--admin", admin]).collect();
        sessile(&all)
    };
    assert!(on(&[]).stdout.lines().count() <= 1, "there are none yet");
    let _client = Client::open(node.endpoint()).await;
    let name = node.admin().only_session().await["name"].as_str().unwrap().to_owned();
    let outcome = on(&["list"]);
    assert!(outcome.stdout.contains(&name) && outcome.stdout.contains("idle"), "{outcome:?}");
    assert_eq!(json_of(&on(&["list", "--json"]))["sessions"][0]["name"], name.as_str());
    let outcome = on(&["show", &name]);
    assert!(outcome.stdout.contains(&name) && outcome.stdout.contains("2025-11-25"), "{outcome:?}");

    let outcome = on(&["stop", &name]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.contains("admin_stop"), "it says how it ended: {outcome:?}");
    assert!(!on(&["list"]).stdout.contains(&name));
    assert!(on(&["list", "--all"]).stdout.contains("admin_stop"));
    assert!(on(&["show", &name]).stdout.contains("admin_stop"));
    let outcome = on(&["stop", "s-unknown"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("s-unknown"), "{outcome:?}");

    let mut crashing = Client::open(node.endpoint()).await;
    crashing.answer_to("tools/call", json!({ "name": "abort" })).await;
    node.admin().all_ended().await;
    let sessions = node.admin().sessions().await;
    let crashed = sessions.iter().find(|session| session["end"]["reason"] == "server_exit").expect("it is remembered");
    let outcome = on(&["show", crashed["name"].as_str().unwrap()]);
    for word in ["SIGABRT", "crash: aborting"] {
        assert!(outcome.stdout.contains(word), "{word}: {outcome:?}");
    }
    let nowhere = sessile(&["sessions", "--admin", "http://127.0.0.1:1"]);
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stderr.contains("127.0.0.1:1"), "{nowhere:?}");
}
