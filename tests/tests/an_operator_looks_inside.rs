//! `sessile sessions exec`: a command inside a session, through pipes or at a terminal, on record, and gone with whoever wanted it.

use http::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sessile_tests::node::{GONE_WITHIN, Start, words};
use sessile_tests::terminal::AtTerminal;
use sessile_tests::wait::{PATIENCE, blocking};
use sessile_tests::{Ask, Client, Home, Node, binaries, procfs};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

const NOBODY: u32 = 65534;

/// What a command came to.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A node with a live session, and that session's name.
async fn session_on(node: &Node) -> (Client, String) {
    let client = Client::open(node.endpoint()).await;
    let session = node.admin().live().await.remove(0);
    (client, session["name"].as_str().expect("a session has a name").to_owned())
}

/// `sessile sessions exec SESSION OPTIONS -- sh -c SCRIPT`
fn command(node: &Node, session: &str, options: &[&str], script: &str) -> Command {
    let mut command = Command::new(binaries::sessile());
    command.args(["sessions", "exec", session]).args(options).args(["--", "sh", "-c", script]);
    command.env_remove("SESSILE_LOG").env("SESSILE_ADMIN", node.admin().endpoint().url());
    command
}

fn exec_with(node: &Node, session: &str, options: &[&str], script: &str) -> Outcome {
    let output = command(node, session, options, script).stdin(Stdio::null()).output().expect("sessile starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
    Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn exec(node: &Node, session: &str, script: &str) -> Outcome {
    exec_with(node, session, &[], script)
}

/// Processes of a node that carry `marker` in their command line.
fn marked(node: &Node, marker: &str) -> Vec<u32> {
    let of_node = procfs::descendants(node.pid()).into_iter().map(|process| process.pid);
    of_node.filter(|pid| procfs::command_line(*pid).contains(marker)).collect()
}

fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    assert!(blocking(PATIENCE, || so().then_some(())).is_some(), "{what}");
}

/// The line of the log that holds all of `words`, which may take its time.
fn logged(node: &Node, words: &[&str]) -> String {
    let find = || node.log().lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned);
    blocking(PATIENCE, find).unwrap_or_else(|| panic!("no line with {words:?}:\n{}", node.log()))
}

#[tokio::test]
async fn a_command_has_the_sessions_files_and_an_exit_code() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let outcome = exec(&node, &session, "id -u; echo kept > /workspace/file; echo log >&2; exit 42");
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(42), "1000\n", "log\n"));
    let outcome =
        exec_with(&node, &session, &["--cwd", "/workspace", "--env", "A=b c"], "cat file; echo $A; kill -TERM $$");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(128 + 15), "kept\nb c\n"));

    let outcome = exec_with(&node, &session, &["--json"], "echo out; echo err >&2; exit 3");
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!((outcome.code, &report["code"], &report["signal"]), (Some(3), &json!(3), &Value::Null), "{report}");
    assert_eq!((&report["stdout"], &report["stderr"]), (&json!("out\n"), &json!("err\n")), "{report}");
}

#[tokio::test]
async fn input_goes_through_to_the_byte_and_ends() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
    let mut child = command(&node, &session, &[], "cat; echo the end >&2");
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, sent) = (child.stdin.take().unwrap(), bytes.clone());
    let writing = std::thread::spawn(move || stdin.write_all(&sent).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.stdout == bytes, "{} of {} bytes came back", output.stdout.len(), bytes.len());
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b"the end\n"[..]));
}

#[tokio::test]
async fn what_a_command_leaves_behind_does_not_hold_its_end() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    // The first holds the pipes and says nothing, the second never stops talking.
    assert_eq!(exec(&node, &session, "sleep 1000 & echo silent").stdout, "silent\n");
    let outcome = exec(&node, &session, "yes & exit 9");
    assert_eq!(outcome.code, Some(9));
    assert!(outcome.stdout.len() < 4 << 20, "{} bytes of somebody else's", outcome.stdout.len());
    // A reader that has enough ends the command.
    let mut child = command(&node, &session, &[], ": endless; yes").stdout(Stdio::piped()).spawn().unwrap();
    let mut piece = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut piece).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 13));
    eventually("it is killed", || marked(&node, "endless").is_empty());
}

#[tokio::test]
async fn a_command_has_the_whole_terminal() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let script = "trap 'stty size; echo resized' WINCH; trap 'echo interrupted; read line || exit 5' INT
        tty; echo TERM=$TERM; stty size; read line; echo got $line; echo ready; while :; do sleep 0.05; done";
    let mut command = command(&node, &session, &[], script);
    command.env("TERM", "of-this-test");
    let mut person = AtTerminal::start_in_full(&command);
    person.resize(31, 97);
    for text in ["/dev/pts/0", "TERM=of-this-test"] {
        person.expect(text);
    }
    assert!(!person.is_cooked(), "every key is the command's");
    person.type_keys(b"hello\r");
    person.expect("got hello");
    person.expect("ready");
    person.resize(7, 8);
    person.expect("7 8");
    person.type_keys(b"\x03");
    person.expect("interrupted");
    person.type_keys(b"\x04");
    assert_eq!(person.wait(), Some(5));
    assert!(person.is_cooked(), "the terminal is what it was");
}

#[tokio::test]
async fn a_terminal_is_what_it_was_however_exec_ends() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let mut person = AtTerminal::start_in_full(&command(&node, &session, &[], ": by-signal; echo ready; sleep 1000"));
    person.expect("ready");
    assert!(!person.is_cooked());
    kill_process(Pid::from_raw(i32::try_from(person.pid()).unwrap()).unwrap(), Signal::TERM).unwrap();
    assert_eq!(person.wait(), Some(128 + 15));
    assert!(person.is_cooked());
    eventually("the command is killed", || marked(&node, "by-signal").is_empty());

    let mut person = AtTerminal::start_in_full(&command(&node, &session, &[], "echo ready; sleep 1000"));
    person.expect("ready");
    node.admin().stop(&session).await;
    assert_eq!(person.wait(), Some(128 + 9));
    person.expect("ended while the command ran: admin_stop");
    assert!(person.is_cooked());
}

#[tokio::test]
async fn a_command_ends_with_its_client_and_leaves_its_session_alone() {
    let node = Node::of("everything", &[]);
    let (mut client, session) = session_on(&node).await;
    // It reads nothing, and its client sends all that it may: the end of the connection is noticed all the same.
    let script = ": of-a-client; trap '' HUP TERM PIPE; echo up; while :; do sleep 1000; done";
    let mut child = command(&node, &session, &[], script);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(&[b'x'; 1 << 20]));
    child.stdout.take().unwrap().read_exact(&mut [0; 3]).unwrap();
    assert!(!marked(&node, "of-a-client").is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    let _ = writing.join();
    let gone = blocking(GONE_WITHIN, || marked(&node, "of-a-client").is_empty().then_some(()));
    assert!(gone.is_some(), "{:?}", marked(&node, "of-a-client"));
    logged(&node, &["exec ended", "SIGKILL"]);
    assert_eq!(client.ask("ping", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_session_that_somebody_looks_into_is_not_idle() {
    let node = Node::limited("everything", &[], "idle_timeout = \"2s\"");
    let (_client, session) = session_on(&node).await;
    let outcome = exec(&node, &session, "sleep 4; echo still here");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "still here\n"), "{outcome:?}");
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["reason"], "idle_timeout");
    assert!(end["lived_ms"].as_u64().unwrap() >= 5900, "the idle clock starts when the command has ended: {end}");
    let outcome = exec(&node, &session, "true");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("has ended: idle_timeout"), "{outcome:?}");
}

#[tokio::test]
async fn a_node_that_stops_does_not_wait_for_commands() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let mut child = command(&node, &session, &[], "echo up; trap '' TERM HUP; while :; do sleep 1000; done");
    let mut child = child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
    node.stop();
    let output = child.wait_with_output().unwrap();
    assert_ne!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn what_cannot_be_run_is_said_with_the_reason() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(binaries::sessile());
        command.args(["sessions", "exec"]).args(arguments).env("SESSILE_ADMIN", node.admin().endpoint().url());
        let output = command.stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (arguments, code, words) in [
        (&[session.as_str(), "--", "no-such-program"][..], 1, &["no-such-program", "searched", "/usr/bin"][..]),
        (&["nobody", "--", "true"], 1, &["no session", "nobody", "sessions list"]),
        (&[&session, "--cwd", "/nowhere", "--", "true"], 1, &["/nowhere", "No such file"]),
        (&[&session, "--cwd", "tmp", "--", "true"], 2, &["`tmp`", "absolute"]),
        (&[&session, "--json", "--tty", "--", "true"], 2, &["--json", "--tty"]),
        (&[&session, "--env", "A", "--", "true"], 2, &["NAME=VALUE"]),
        (&[&session], 2, &["COMMAND"]),
    ] {
        let (got, stderr) = run(arguments);
        assert_eq!(got, Some(code), "{arguments:?}: {stderr}");
        assert!(words.iter().all(|word| stderr.contains(word)), "{arguments:?}: {stderr}");
    }
    logged(&node, &["exec refused", "no-such-program", "searched"]);
}

#[tokio::test]
async fn without_isolation_or_a_session_yet_there_is_no_inside() {
    let home = Home::new();
    let start = Start::run(home.clone(), &words(&home.fixture("everything"), &[]));
    let node = start.option(&["--isolation", "none", "--allow-unsandboxed"]).start();
    let (_client, session) = session_on(&node).await;
    let outcome = exec(&node, &session, "true");
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("isolation \"none\""), "{outcome:?}");

    let home = Home::new();
    let node = Start::run(home.clone(), &words(&home.fixture("everything"), &[])).option(&["--warm", "1"]).start();
    let warm = sessile_tests::wait::until("one is warm", PATIENCE, async || {
        node.admin().live().await.into_iter().find(|session| session["state"] == "warm")
    })
    .await;
    let outcome = exec(&node, warm["name"].as_str().unwrap(), "true");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("kept warm"), "{outcome:?}");
}

#[tokio::test]
async fn an_ordinary_users_node_lets_its_operator_look_inside() {
    let home = Home::new();
    let mut start = Start::run(home.clone(), &words(&home.fixture("everything"), &[]));
    if rustix::process::geteuid().is_root() {
        start = start.as_user(NOBODY);
    }
    let node = start.start();
    let (_client, session) = session_on(&node).await;
    let outcome = exec(&node, &session, "id -u; grep Seccomp: /proc/self/status; exit 6");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(6), "1000\nSeccomp:\t2\n"), "{outcome:?}");
    // Not as whoever runs the client, root or not.
    assert_eq!(
        exec(&node, &session, "touch /usr/x /etc/x /x 2>/dev/null; ls /root 2>/dev/null; cat /etc/shadow 2>/dev/null")
            .stdout,
        ""
    );
}

#[tokio::test]
async fn another_user_of_this_machine_is_no_operator() {
    if !rustix::process::geteuid().is_root() {
        return; // an ordinary user cannot become another one
    }
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    // Where `sessile` lies, another user may not reach; the shell is everybody's.
    let port = node.admin().endpoint().address.port();
    let head = format!("POST /admin/v1/sessions/{session}/exec HTTP/1.1\\r\\nHost: localhost\\r\\n");
    let asking = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{head}{}\\r\\n' >&3; head -n 12 <&3",
        UPGRADE.replace("\r\n", "\\r\\n").replace("Upgrade\\r", "close, upgrade\\r")
    );
    let mut shell = Command::new("/bin/bash");
    let output = shell.args(["-c", &asking]).current_dir("/").uid(NOBODY).gid(NOBODY).output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("uid 65534"), "{answer}");
    logged(&node, &["exec refused", "uid 65534", &session]);
}

#[tokio::test]
async fn every_command_is_on_record_and_no_value_of_a_variable_is() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    exec_with(&node, &session, &["--env", "TOKEN=of-the-operator"], "echo 'one two'; exit 2");
    let me = rustix::process::geteuid().as_raw();
    let started = logged(&node, &["sessile::audit", "exec started", &session, "exec=1"]);
    for words in
        ["server=\"fixture-everything\"", "echo", "one two", "env=\"TOKEN\"", &format!("uid {me} at 127.0.0.1:")]
    {
        assert!(started.contains(words), "{words}: {started}");
    }
    let ended = logged(&node, &["sessile::audit", "exec ended", &session, "exec=1", "exit code 2"]);
    assert!(ended.contains("took_ms="), "{ended}");
    assert!(!node.log().contains("of-the-operator"), "{}", node.log());
    assert!((node.admin().metric("sessile_execs_total", "outcome=\"code\"").await - 1.0).abs() < 0.1);
}

/// Connects to the admin listener and asks for a command, as no client that means well would write it.
fn raw(node: &Node, session: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(node.admin().endpoint().address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("POST /admin/v1/sessions/{session}/exec HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    (stream, String::from_utf8(answer).unwrap())
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[channel][..], &length, payload].concat()
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: sessile-exec/1\r\n";

#[tokio::test]
async fn no_page_and_no_plain_request_starts_a_command() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let path = format!("/admin/v1/sessions/{session}/exec");
    let admin = node.admin().endpoint().at(&path);
    assert_eq!(admin.send(Ask::new(Method::POST)).await.status, 426);
    assert_eq!(admin.send(Ask::new(Method::GET)).await.status, 405);
    for origin in ["http://localhost", "https://evil.example", "null"] {
        let (_, answer) = raw(&node, &session, &format!("{UPGRADE}Origin: {origin}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 403"), "{origin}: {answer}");
    }
    assert!(!node.log().contains("exec started"));
}

#[tokio::test]
async fn a_client_that_breaks_the_rules_is_cut_and_its_command_killed() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let start = frame(0, br#"{"start":{"command":["sh","-c",": of-a-rude-client; while :; do sleep 1000; done"]}}"#);
    for (what, bytes) in [
        ("more input than it may send", [start.clone(), frame(1, &[b'x'; 65_537])].concat()),
        ("a frame that is too long", [start.clone(), vec![1, 0xff, 0xff, 0xff, 0xff]].concat()),
        ("a channel that nobody serves", [start.clone(), frame(9, b"x")].concat()),
        ("no message", [start.clone(), frame(0, b"nonsense")].concat()),
        ("a second start", start.repeat(2)),
        ("input first", frame(1, b"x")),
    ] {
        let (mut stream, answer) = raw(&node, &session, UPGRADE);
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        stream.write_all(&bytes).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest); // the end, or a reset
        assert!(rest.len() < 1000, "{what}: {}", String::from_utf8_lossy(&rest));
        eventually(what, || marked(&node, "of-a-rude-client").is_empty());
    }
    assert_eq!(exec(&node, &session, "exit 4").code, Some(4), "the session lives on");
}

#[tokio::test]
async fn a_client_that_reads_late_and_still_types_is_told_all() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let (mut stream, _) = raw(&node, &session, UPGRADE);
    let start = br#"{"start":{"command":["sh","-c","head -c 300000 /dev/zero; exit 9"]}}"#;
    stream.write_all(&frame(0, start)).unwrap();
    logged(&node, &["exec ended", "exit code 9"]);
    for _ in 0..5 {
        // While the node says its last, and after it.
        std::thread::sleep(Duration::from_millis(50));
        stream.write_all(&frame(0, br#"{"resize":{"rows":24,"columns":80}}"#)).unwrap();
    }
    let mut told = Vec::new();
    stream.read_to_end(&mut told).unwrap();
    let zeros = told.iter().filter(|byte| **byte == 0).count();
    let end = String::from_utf8_lossy(&told[told.len() - 100..]).into_owned();
    assert!(zeros >= 300_000 && end.contains(r#""code":9"#), "{zeros} bytes, and in the end {end:?}");
}

#[tokio::test]
async fn so_many_commands_run_in_a_session_and_no_more() {
    let node = Node::of("everything", &[]);
    let (_client, session) = session_on(&node).await;
    let mut running: Vec<_> = (0..8)
        .map(|_| {
            let mut child = command(&node, &session, &[], "echo up; cat");
            let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            child.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
            child
        })
        .collect();
    let outcome = exec(&node, &session, "true");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("8 commands run in session"), "{outcome:?}");
    let mut one = running.pop().unwrap();
    drop(one.stdin.take());
    assert_eq!(one.wait().unwrap().code(), Some(0));
    eventually("its place is free", || exec(&node, &session, "true").code == Some(0));
    for mut child in running {
        drop(child.stdin.take());
        let ended = blocking(Duration::from_secs(20), || child.try_wait().unwrap());
        assert_eq!(ended.and_then(|status| status.code()), Some(0));
    }
}
