use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};

use super::kind::manifest;
use super::process::{shown, url_in};
use super::{Backend, Kind, Running, Served, node, server_url};
use crate::client::IdStyle;

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

fn backend() -> Backend {
    Backend {
        command: vec!["/srv/my counter".to_owned(), "--x".to_owned()],
        http_args: Vec::new(),
        tool: "increment".to_owned(),
        tool_args: "{}".to_owned(),
        eras: None,
        ask_tool: "ask".to_owned(),
        ask_answer: serde_json::json!({}),
    }
}

#[test]
fn a_url_is_found_in_the_line_that_says_it() {
    assert_eq!(url_in("ready http://127.0.0.1:1/mcp").unwrap(), "http://127.0.0.1:1/mcp");
    assert_eq!(url_in("listening (http://[::1]:1/mcp), pid 7").unwrap(), "http://[::1]:1/mcp");
    assert_eq!(url_in("starting"), None);
}

#[test]
fn commands_are_shown_as_a_shell_reads_them() {
    let command = ["a b", "it's", "", "--port=1", "/bin/x"].map(str::to_owned);
    assert_eq!(shown(&command), r"'a b' 'it'\''s' '' --port=1 /bin/x");
}

#[test]
fn the_manifest_is_toml_and_a_pool_is_only_there_when_asked_for() {
    let text = manifest(&backend(), Path::new("/tmp/x"), None);
    assert!(text.contains("command = [\"/srv/my counter\", \"--x\"]"), "{text}");
    assert!(!text.contains("pool"), "{text}");
    assert!(manifest(&backend(), Path::new("/tmp/x"), Some(16)).contains("warm = 16"));
}

#[test]
fn a_node_has_the_servers_it_is_given() {
    let served =
        |name, era, scope| Served { command: vec!["/srv/my counter".to_owned()], era, scope, ..Served::new(name) };
    let text = node::manifest(&[served("old", "legacy", "auto"), served("new", "modern", "request")], Path::new("/x"));
    let one = "[servers.old]\ncommand = [\"/srv/my counter\"]\nera = \"legacy\"\nscope = \"auto\"\n";
    assert!(text.contains(one) && text.contains("[servers.new]") && text.contains("scope = \"request\""), "{text}");
    let pool = Served { read_only: vec!["/opt/x".into()], warm: Some(4), ..Served::new("pool") };
    let text = node::manifest(&[pool], Path::new("/x"));
    assert!(text.ends_with("files.read_only = [\"/opt/x\"]\npool.warm = 4\n"), "{text}");
    assert_eq!(server_url("http://127.0.0.1:7/old/mcp", "new"), "http://127.0.0.1:7/new/mcp");
}

#[test]
fn each_gateway_is_called_the_way_it_understands() {
    assert_eq!(Kind::McpProxy.endpoint("http://x/", &backend()).tool, "bench/increment");
    assert_eq!(Kind::Mcpway.endpoint("http://x/", &backend()).ids, IdStyle::Text);
    assert_eq!(Kind::Sessile.endpoint("http://x/", &backend()).tool, "increment");
}

#[tokio::test]
async fn a_target_ends_with_everything_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let child = folder.path().join("child");
    let script =
        format!("trap '' TERM; sleep 1000 & echo $! >{}; echo ready http://127.0.0.1:9/mcp; wait", child.display());
    let running = Running::printing(&shell(&script), &folder.path().join("log")).await.unwrap();
    assert_eq!(running.url, "http://127.0.0.1:9/mcp");
    let grandchild: i32 = std::fs::read_to_string(child).unwrap().trim().parse().unwrap();
    let grandchild = Pid::from_raw(grandchild).unwrap();
    assert!(test_kill_process(grandchild).is_ok());
    drop(running);
    // Whoever adopts it reaps it; a zombie until then runs no more.
    for _ in 0..500 {
        if test_kill_process(grandchild).is_err() || is_zombie(grandchild) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the target's child is still there");
}

fn is_zombie(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn a_target_that_does_not_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let error = Running::printing(&shell("echo no such key: pool >&2; exit 2"), &log).await.unwrap_err();
    assert!(error.to_string().contains("ended before it printed a URL: no such key: pool"), "{error}");
    let error = Running::listening(&shell("exit 1"), "http://127.0.0.1:1/".to_owned(), 1, &log).await.unwrap_err();
    assert!(error.to_string().contains("ended before it listened"), "{error}");
    let error = Running::printing(&["/nonexistent/gateway".to_owned()], &log).await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/gateway"), "{error}");
}
