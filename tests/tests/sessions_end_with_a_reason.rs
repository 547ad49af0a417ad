//! Every session ends for one reason, and its client, its operator and the log are told the same one.

use http::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use sessile_tests::client::{last_message, text_of};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Ask, Client, Node, Script};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The session is gone, and says why.
async fn expect_ended(client: &mut Client, reason: &str) {
    let error = client.ask("tools/list", json!({})).await.expect_error(404, -32001).await;
    assert_eq!(error["error"]["data"]["reason"], reason, "{error}");
    let end = client_end(client).await;
    assert_eq!(end, reason);
}

async fn client_end(client: &Client) -> String {
    let error = client.endpoint.send(client.sign(Ask::listen())).await.expect_error(404, -32001).await;
    error["error"]["data"]["reason"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn idle_timeout_counts_only_while_nothing_runs() {
    let node = Node::limited("slow", &["--delay", "4500ms"], "idle_timeout = \"1500ms\"");
    let mut client = Client::open(node.endpoint()).await;
    // An open stream alone does not keep a session alive; a call does.
    let mut listening = client.listen().await;
    let result = last_message(client.begin("wait", json!({})).await).await;
    assert_eq!(text_of(&result["result"]), "waited 4s 500ms", "a call three times as long as the idle timeout");
    assert_eq!(listening.rest().await, [], "the stream ends with the session");
    expect_ended(&mut client, "idle_timeout").await;
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["reason"], "idle_timeout");
    assert!(end["lived_ms"].as_u64().unwrap() >= 6000, "{end}");
    assert!(end["cpu_ms"].is_u64() && end["ended_at"].as_u64().unwrap() > 0, "{end}");
}

#[tokio::test]
async fn max_lifetime_lets_running_calls_finish_and_no_new_ones_begin() {
    let node = Node::limited("everything", &[], "max_lifetime = \"1s\"\ndrain = \"20s\"");
    let mut client = Client::open(node.endpoint()).await;
    let running = tokio::spawn({
        let mut client = client.clone();
        async move { last_message(client.begin("slow", json!({ "seconds": 2.5 })).await).await }
    });
    node.admin().in_flight(1).await;
    // Its own calls are answered until the lifetime is over; then it is as good as gone, while the other call runs.
    let refused = until("new calls are refused", PATIENCE, async || {
        let reply = client.ask("tools/list", json!({})).await;
        (reply.status == StatusCode::NOT_FOUND).then_some(reply)
    })
    .await;
    let error = refused.expect_error(404, -32001).await;
    assert_eq!(error["error"]["data"]["reason"], "max_lifetime", "{error}");
    assert!(!running.is_finished(), "new calls are refused while the old one still runs");
    assert_eq!(text_of(&running.await.unwrap()["result"]), "done after 2.5 s");
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["reason"], "max_lifetime");
    assert!(end["lived_ms"].as_u64().unwrap() < 6000, "nothing is waited for once the last call is answered: {end}");
    expect_ended(&mut client, "max_lifetime").await;
}

#[tokio::test]
async fn a_call_that_outlasts_the_drain_is_told_why_it_ends() {
    let node = Node::limited("everything", &[], "max_lifetime = \"300ms\"\ndrain = \"300ms\"");
    let mut client = Client::open(node.endpoint()).await;
    let began = Instant::now();
    let answer = last_message(client.begin("slow", json!({ "seconds": 600 })).await).await;
    assert_eq!(answer["error"]["code"], -32000);
    assert_eq!(answer["error"]["data"]["reason"], "max_lifetime", "{answer}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

async fn crash(tool: &str, arguments: Value, exit: &str, words: &str) {
    let node = Node::of("crash", &[]);
    let mut client = Client::open(node.endpoint()).await;
    let answer = last_message(client.begin(tool, arguments).await).await;
    assert_eq!(answer["error"]["code"], -32000, "{answer}");
    let data = &answer["error"]["data"];
    assert_eq!((data["reason"].as_str(), data["exit"].as_str()), (Some("server_exit"), Some(exit)), "{answer}");
    assert_eq!(data["sessionId"], client.session);
    assert!(data["stderrTail"].as_str().unwrap().contains(words), "{answer}");
    expect_ended(&mut client, "server_exit").await;
    let end = node.admin().end_of_only_session().await;
    assert_eq!((&end["exit"], &end["reason"]), (&json!(exit), &json!("server_exit")));
    assert!(end["stderr_tail"].as_str().unwrap().contains(words), "{end}");
    until("the log names the end", PATIENCE, async || node.log().contains("server_exit").then_some(())).await;
}

#[tokio::test]
async fn a_server_that_exits_leaves_its_code_and_last_words() {
    crash("exit", json!({ "code": 3 }), "exit code 3", "crash: exiting with code 3").await;
}

#[tokio::test]
async fn a_server_that_crashes_leaves_its_signal_and_last_words() {
    crash("abort", json!({}), "signal 6 (SIGABRT)", "crash: aborting").await;
    crash("segv", json!({}), "signal 11 (SIGSEGV)", "crash: about to touch memory").await;
}

#[tokio::test]
async fn a_server_that_crashes_unasked_is_missed_at_the_next_request() {
    let node = Node::of("crash", &[]);
    let mut client = Client::open(node.endpoint()).await;
    let mut listening = client.listen().await;
    client.call("crash_after_ms", json!({ "ms": 100 })).await;
    assert_eq!(listening.rest().await, [], "the stream ends with the session");
    expect_ended(&mut client, "server_exit").await;
}

async fn expect_failed_start(node: &Node, words: &str) -> Value {
    let reply = Client::at(node.endpoint()).reply().await;
    assert_eq!(reply.header("mcp-session-id"), "", "there is no session");
    let answer = reply.json().await;
    assert_eq!(answer["error"]["code"], -32006, "{answer}");
    assert_eq!(answer["id"], 0, "{answer}");
    assert!(answer.to_string().contains(words), "{answer}");
    answer
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let node = Node::scripted(&Script::new().first("echo 'no such database' >&2; exit 4"), "");
    let answer = expect_failed_start(&node, "no such database").await;
    assert!(answer.to_string().contains("exit code 4"), "{answer}");
}

#[tokio::test]
async fn a_server_whose_program_is_gone_says_where_it_was() {
    let node = Node::of("counter", &[]);
    let program = node.home().fixture("counter");
    std::fs::remove_file(&program).unwrap();
    let reply = Client::at(node.endpoint()).reply().await;
    let error = reply.expect_error(503, -32006).await;
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains(&program), "{message}");
}

#[tokio::test]
async fn a_server_that_starts_too_slowly_is_given_up() {
    let node = Node::limited("slow", &["--start-delay", "60s"], "start_timeout = \"1s\"");
    let began = Instant::now();
    let answer = expect_failed_start(&node, "start_timeout").await;
    assert_eq!(answer["error"]["data"]["reason"], "start_timeout");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(node.admin().end_of_only_session().await["reason"], "start_timeout");
}

#[tokio::test]
async fn a_session_that_ends_is_listed_once_all_the_while() {
    let node = Node::limited("counter", &[], "sessions_per_principal = 20\nmax_lifetime = \"500ms\"\ndrain = \"10ms\"");
    for _ in 0..20 {
        Client::open(node.endpoint()).await;
    }
    until("all have ended", PATIENCE, async || {
        let sessions = node.admin().sessions().await;
        let names: HashSet<_> = sessions.iter().map(|session| session["name"].to_string()).collect();
        assert_eq!((names.len(), sessions.len()), (20, 20), "{sessions:?}");
        sessions.iter().all(|session| session["state"] == "stopped").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_refused_initialize_is_the_servers_own_answer() {
    let refusal = r#"{"jsonrpc":"2.0","id":ID,"error":{"code":-32602,"message":"not with you"}}"#;
    let node = Node::scripted(&Script::new().answer(r#""method":"initialize""#, refusal), "");
    let reply = Client::at(node.endpoint()).reply().await;
    assert_eq!(reply.header("mcp-session-id"), "");
    assert_eq!(reply.json().await["error"]["message"], "not with you");
    assert_eq!(node.admin().end_of_only_session().await["reason"], "start_failed");
}

#[tokio::test]
async fn request_timeout_ends_the_call_and_not_the_session() {
    let node = Node::limited("everything", &[], "request_timeout = \"700ms\"");
    let mut client = Client::open(node.endpoint()).await;
    let answer = last_message(client.begin("slow", json!({ "seconds": 600 })).await).await;
    assert_eq!(answer["error"]["code"], -32007, "{answer}");
    until("the server has noticed", PATIENCE, async || node.log().contains("slow: cancelled").then_some(())).await;
    assert_eq!(client.call("add", json!({ "a": 1, "b": 1 })).await, "2");
}

#[tokio::test]
async fn an_operator_stops_a_session() {
    let node = Node::of("everything", &[]);
    let mut client = Client::open(node.endpoint()).await;
    let running = tokio::spawn({
        let mut client = client.clone();
        async move { last_message(client.begin("slow", json!({ "seconds": 600 })).await).await }
    });
    node.admin().in_flight(1).await;
    let session = node.admin().only_session().await;
    assert_eq!((&session["state"], &session["protocol"]), (&json!("active"), &json!("2025-11-25")));
    let name = session["name"].as_str().unwrap();
    node.admin().stop(name).await;
    let answer = running.await.unwrap();
    assert_eq!(answer["error"]["data"]["reason"], "admin_stop", "{answer}");
    expect_ended(&mut client, "admin_stop").await;
    assert_eq!(node.admin().end_of_only_session().await["reason"], "admin_stop");
    let again = node.admin().endpoint().at(&format!("/admin/v1/sessions/{name}"));
    assert_eq!(again.send(Ask::new(Method::DELETE)).await.status, StatusCode::NOT_FOUND, "it is stopped already");
}

#[tokio::test]
async fn sigterm_lets_calls_finish_and_takes_no_new_sessions() {
    let mut node = Node::of("everything", &[]);
    let client = Client::open(node.endpoint()).await;
    let idle = Client::open(node.endpoint()).await;
    let mut listening = idle.listen().await;
    let running = tokio::spawn({
        let mut client = client.clone();
        async move { last_message(client.begin("slow", json!({ "seconds": 1.5 })).await).await }
    });
    node.admin().in_flight(1).await;
    let footprint = node.footprint();
    node.signal(Signal::TERM);
    let ready = node.endpoint().at("/readyz");
    until("the node is no longer ready", PATIENCE, async || {
        let status = ready.send(Ask::new(Method::GET)).await.status;
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    let refused = Client::at(node.endpoint()).reply().await;
    assert_ne!(refused.header("retry-after"), "");
    let error = refused.expect_error(503, -32003).await;
    assert_eq!(error["error"]["data"]["reason"], "node_shutdown", "{error}");
    assert_eq!(text_of(&running.await.unwrap()["result"]), "done after 1.5 s", "a running call finishes");
    assert_eq!(listening.rest().await, []);
    assert!(node.wait(PATIENCE).success());
    footprint.is_gone(Duration::from_secs(2)).unwrap();
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_says_so_to_running_calls() {
    let mut node = Node::of("everything", &[]);
    let client = Client::open(node.endpoint()).await;
    let running = tokio::spawn({
        let mut client = client.clone();
        async move { last_message(client.begin("slow", json!({ "seconds": 600 })).await).await }
    });
    node.admin().in_flight(1).await;
    node.signal(Signal::INT);
    until("the node says that it stops", PATIENCE, async || node.log().contains("stopping").then_some(())).await;
    node.signal(Signal::INT);
    let answer = running.await.unwrap();
    assert_eq!(answer["error"]["data"]["reason"], "node_shutdown", "{answer}");
    assert!(node.wait(Duration::from_secs(10)).success());
}

#[tokio::test]
async fn a_server_of_its_own_mind_is_given_up_after_32_lines() {
    let script = Script::new()
        .on("notifications/some", "i=0; while [ $i -lt 31 ]; do say 'this is no JSON-RPC'; i=$((i+1)); done")
        .on("notifications/more", "say 'nor is this'")
        .answer(r#""method":"ping""#, r#"{"jsonrpc":"2.0","id":ID,"result":{}}"#);
    let node = Node::scripted(&script, "");
    let mut client = Client::open(node.endpoint()).await;
    client.notify("notifications/some", json!({})).await;
    client.result_of("ping", json!({})).await;
    client.notify("notifications/some", json!({})).await;
    client.notify("notifications/more", json!({})).await;
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["reason"], "protocol_violation", "{end}");
    expect_ended(&mut client, "protocol_violation").await;
    assert!(node.admin().metric("sessile_dropped_total", "not_json_rpc").await >= 63.0, "each line is counted");
    assert!(node.log().contains("this is no JSON-RPC"), "and logged");
}
