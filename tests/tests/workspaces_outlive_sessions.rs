//! With `workspace = "principal"`, each caller has a directory that outlives its sessions and the node, that nobody else sees, and
//! that is never open in two sandboxes at once.

use rustix::process::Signal;
use serde_json::{Value, json};
use sessile_tests::node::{Start, table};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Node, Script, binaries};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// An MCP server that runs shell scripts, and writes its name into `beats` of its workspace a hundred times a second.
const SHELL: &str = r#"
import json, os, subprocess, sys, threading, time
name = os.urandom(4).hex()
def beat():
    with open("/workspace/beats", "a") as beats:
        while True:
            beats.write(name + "\n")
            beats.flush()
            time.sleep(0.01)
if len(sys.argv) > 1:
    threading.Thread(target=beat, daemon=True).start()
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    params = message.get("params", {})
    if message["method"] == "initialize":
        result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "shell", "version": "1"}}
    elif message["method"] == "tools/call":
        done = subprocess.run(["sh", "-c", params["arguments"]["script"]], capture_output=True, text=True, errors="replace")
        result = {"content": [{"type": "text", "text": done.stdout + done.stderr}]}
    else:
        result = {}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"#;

/// A node whose server keeps workspaces, with limits one a line, and keys of Ada and Bob.
fn start(arguments: &[&str], limits: &str) -> (Start, [String; 2]) {
    let home = Home::new();
    let script = home.file("bin/shell.py", SHELL);
    let keys = ["ada", "bob"].map(|name| home.key(name));
    let command = ["/usr/bin/python3", &script].iter().chain(arguments).map(|word| json!(word)).collect::<Vec<_>>();
    let manifest = format!(
        "[node]\napi_keys = {:?}\n[servers.shell]\ncommand = {}\nfiles.workspace = \"principal\"\n[servers.shell.limits]\n{limits}\n",
        home.key_file(),
        Value::from(command),
    );
    (Start::serve(home, "sessile.toml", &manifest), keys)
}

async fn open(node: &Node, key: &str) -> Client {
    Client::at(node.endpoint()).key(key).open().await
}

async fn sh(client: &mut Client, script: &str) -> String {
    client.call("sh", json!({ "script": script })).await
}

/// The files of the workspace of `who`.
fn files_of(home: &Home, who: &str) -> PathBuf {
    let all = home.state().join("workspaces/shell");
    let found = fs::read_dir(&all).unwrap().map(|entry| entry.unwrap().path());
    let of_them = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(&format!("{who}-"));
    found.into_iter().find(of_them).unwrap_or_else(|| panic!("{who} has no workspace")).join("files")
}

/// Files stay from session to session and from node to node, each caller's its own.
async fn each_caller_keeps_its_own(start: Start, [ada, bob]: [String; 2]) {
    let mut node = start.start();
    for restart in [None, Some(Signal::TERM), Some(Signal::KILL)] {
        if let Some(signal) = restart {
            node = node.restart(signal);
        }
        for (key, name) in [(&ada, "ada"), (&bob, "bob")] {
            let mut client = open(&node, key).await;
            assert_eq!(sh(&mut client, &format!("pwd; cat note 2>&1 | grep -v {name}; echo {name} >> note")).await, {
                let missing = "cat: note: No such file or directory\n";
                format!("/workspace\n{}", if restart.is_none() { missing } else { "" })
            });
            // Only what is its own can be written, and nothing else of the state is to be seen.
            assert_eq!(
                sh(&mut client, "stat -c %u . note; ls -A; ls -A .. | grep -c lease").await,
                "1000\n1000\nnote\n0\n"
            );
            client.close().await;
        }
    }
    for name in ["ada", "bob"] {
        let note = fs::read_to_string(files_of(node.home(), name).join("note")).unwrap();
        assert_eq!(note, format!("{name}\n").repeat(3));
    }
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_outlive_sessions_and_nodes_and_are_each_callers_own() {
    let (start, keys) = start(&[], "adopt_grace = \"100ms\"");
    each_caller_keeps_its_own(start, keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_do_for_an_ordinary_user_as_well() {
    const NOBODY: u32 = 65534;
    let (mut start, keys) = start(&[], "adopt_grace = \"100ms\"");
    if rustix::process::geteuid().is_root() {
        start = start.as_user(NOBODY);
    }
    each_caller_keeps_its_own(start, keys).await;
}

/// Who wrote to the workspace, in order; each only once if no two did at a time.
fn writers(files: &Path) -> Vec<String> {
    let beats = fs::read_to_string(files.join("beats")).unwrap();
    let mut writers: Vec<String> = beats.lines().map(str::to_owned).collect();
    writers.dedup();
    writers
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_one_caller_take_turns() {
    let (start, [ada, bob]) = start(&["beat"], "");
    let node = start.start();
    let first = open(&node, &ada).await;
    let waiting = {
        let opening = Client::at(node.endpoint()).key(&ada);
        tokio::spawn(async move { opening.open().await })
    };
    // Bob has his own, and waits for nobody.
    let mut his = open(&node, &bob).await;
    let count = "until [ -s beats ]; do sleep 0.05; done; sort -u beats | wc -l";
    assert_eq!(sh(&mut his, count).await, "1\n");
    until("the first has written something", PATIENCE, async || {
        fs::read_to_string(files_of(node.home(), "ada").join("beats")).is_ok_and(|text| text.len() > 90).then_some(())
    })
    .await;
    assert!(!waiting.is_finished());
    first.close().await;
    let mut second = waiting.await.unwrap();
    assert_eq!(sh(&mut second, "sort -u beats | wc -l").await, "2\n");
    second.close().await;
    his.close().await;
    node.admin().all_ended().await;
    assert_eq!(writers(&files_of(node.home(), "ada")).len(), 2, "one after the other");
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_is_told_which_session_to_end() {
    let (start, [ada, _]) = start(&[], "start_timeout = \"2s\"");
    let node = start.start();
    let first = open(&node, &ada).await;
    let name = node.admin().only_session().await["name"].clone();
    let reply = Client::at(node.endpoint()).key(&ada).reply().await;
    assert_eq!(reply.header("retry-after"), "5");
    let error = reply.expect_error(429, -32003).await;
    assert_eq!(error["error"]["data"], json!({ "reason": "workspace_busy", "heldBy": name }));
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains(name.as_str().unwrap()) && message.contains("one session at a time"), "{message}");
    first.close().await;
    open(&node, &ada).await.close().await;
    node.stop();
}

/// The sandbox lives on for its grace. Whoever comes to the next node meanwhile does not get in beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_lets_no_second_sandbox_in() {
    let (start, [ada, _]) = start(&["beat"], "adopt_grace = \"30s\"");
    let node = start.start();
    let mut first = open(&node, &ada).await;
    let files = files_of(node.home(), "ada");
    assert_eq!(sh(&mut first, "echo its name is in the file").await, "its name is in the file\n");
    let before = fs::metadata(files.join("beats")).unwrap().len();
    let node = node.restart(Signal::KILL);
    until("the sandbox of the dead node writes on", PATIENCE, async || {
        (fs::metadata(files.join("beats")).unwrap().len() > before).then_some(())
    })
    .await;
    // The session goes on in the node that came after, and has the workspace until it ends.
    let waiting = {
        let opening = Client::at(node.endpoint()).key(&ada);
        tokio::spawn(async move { opening.open().await })
    };
    assert_eq!(sh(&mut first.to(node.endpoint()), "sort -u beats | wc -l").await, "1\n");
    assert!(!waiting.is_finished());
    first.to(node.endpoint()).close().await;
    let mut second = waiting.await.unwrap();
    let count = "until [ $(sort -u beats | wc -l) = 2 ]; do sleep 0.05; done; echo both";
    assert_eq!(sh(&mut second, count).await, "both\n");
    second.close().await;
    node.admin().all_ended().await;
    assert_eq!(writers(&files).len(), 2, "one after the other");
    node.stop();
}

/// The log is written beside what it tells of.
async fn is_logged(node: &Node, text: &str) {
    until("it is logged", PATIENCE, async || node.log().contains(text).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_writes_more_than_its_limit_ends() {
    let (start, [ada, _]) = start(&[], "disk = \"1MiB\"");
    let node = start.start();
    let mut client = open(&node, &ada).await;
    sh(&mut client, "ln -s / root; head -c 1500000 /dev/zero > big").await;
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["reason"], "disk_full", "{end}");
    assert!(end["hint"].as_str().unwrap().contains("remove files"), "{end}");
    is_logged(&node, "more than `limits.disk` allows").await;
    // There is a way back: the next session may tidy up.
    let mut client = open(&node, &ada).await;
    assert_eq!(sh(&mut client, "rm big; ls").await, "root\n");
    client.close().await;
    // Past twice the limit it is the operator's.
    fs::write(files_of(node.home(), "ada").join("big"), vec![1; 3 << 20]).unwrap();
    let reply = Client::at(node.endpoint()).key(&ada).reply().await;
    let error = reply.expect_error(503, -32006).await;
    assert_eq!(error["error"]["data"]["reason"], "disk_full", "{error}");
    is_logged(&node, "holds more than twice `limits.disk`").await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_it_is_counted_for_a_session_that_goes_on_as_well() {
    let (start, [ada, _]) = start(&[], "disk = \"1MiB\"");
    let node = start.start();
    let client = open(&node, &ada).await;
    let node = node.restart(Signal::KILL);
    let mut client = client.to(node.endpoint());
    // It may have more than the limit for a while, as one that begins with more; but it may not become more and more.
    let grow = "(while head -c 300000 /dev/zero >> big; do sleep 0.2; done) > /dev/null 2>&1 & echo begun";
    assert_eq!(sh(&mut client, grow).await, "begun\n");
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["reason"], "disk_full", "{end}");
    node.stop();
}

#[test]
fn what_limits_a_workspace_is_said_before_anything_starts() {
    let home = Home::new();
    let state = home.state().display().to_string();
    let manifest = "[servers.it]\ncommand = [\"true\"]\nfiles.workspace = \"principal\"\nlimits.disk = \"2MiB\"\n";
    let file = home.file("sessile.toml", manifest);
    let check = |file: &str| {
        let arguments = ["check", "-c", file, "--state-dir", &state];
        let output = Command::new(binaries::sessile()).args(arguments).current_dir(home.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = check(&file);
    assert_eq!(code, Some(0), "{said}");
    let place = format!("which each caller keeps, in {state}/workspaces/it;");
    assert!(said.contains(&place) && said.contains("(2MiB) is counted there"), "{said}");
    let strict = home.file("strict.toml", &format!("{manifest}strict = true\n"));
    let (code, said) = check(&strict);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("disk limit: fallback: `limits.disk` (2MiB) is counted"), "{said}");
    assert!(!home.state().join("workspaces").exists(), "looking makes nothing");
}

/// What was there before the first session is what the next node needs, too: nothing is left locked.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_gives_the_workspace_back() {
    let home = Home::new();
    let manifest = "[servers.it]\ncommand = [\"/bin/sh\", \"-c\", \"exit 3\"]\nfiles.workspace = \"principal\"\n";
    let node = Start::serve(home, "sessile.toml", manifest).start();
    for _ in 0..2 {
        let began = std::time::Instant::now();
        Client::at(node.endpoint()).reply().await.text().await;
        assert!(began.elapsed() < Duration::from_secs(20), "nobody waits for what has ended");
    }
    node.stop();
}

/// A server that knows no `initialize`, refuses it and lives on: the session in which that was found out is in nobody's way.
#[tokio::test(flavor = "multi_thread")]
async fn finding_out_what_a_server_speaks_does_not_lock_its_caller_out() {
    let refusal =
        r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}}"#;
    let discovered = r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}}"#;
    let called =
        r#"{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","content":[{"type":"text","text":"done"}]}}"#;
    let script = Script::new()
        .answer(r#""method":"initialize""#, refusal)
        .answer(r#""method":"server/discover""#, discovered)
        .answer(r#""method":"tools/call""#, called);
    let home = Home::new();
    let command = script.command(&home, "it");
    let keys = "files.workspace = \"principal\"\nlimits.start_timeout = \"10s\"";
    let node = Start::serve(home, "sessile.toml", &table("it", &command, keys)).start();
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("any", json!({})).await, "done");
    client.close().await;
    node.stop();
}
