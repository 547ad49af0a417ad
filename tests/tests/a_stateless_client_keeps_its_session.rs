//! A client that knows of no sessions finds its own again: by who it is, by what it names, or by a handle that its model
//! carries.

use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::leaks::cgroups_with;
use sessile_tests::node::{Start, words};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Ask, Home, Modern, Node, procfs};

/// Another runtime's name for the header.
const AGENTCORE: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

async fn increment(client: &Modern) -> String {
    client.call("increment", json!({})).await
}

fn run(options: &[&str]) -> Node {
    let home = Home::new();
    let command = words(&home.fixture("counter"), &[]);
    Start::run(home, &command).option(options).start()
}

#[tokio::test]
async fn the_local_user_is_who_it_is() {
    let node = Node::of("counter", &[]);
    let client = Modern::at(node.endpoint());
    assert_eq!(increment(&client).await, "1");
    assert_eq!(increment(&client).await, "2");
    let discovered = client.result_of("server/discover", json!({})).await;
    assert!(discovered["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{discovered}");
    // Another process of the same application.
    assert_eq!(increment(&Modern::at(node.endpoint())).await, "3");
    assert_eq!(node.admin().sessions().await.len(), 1);
    // Another application of the same user.
    assert_eq!(increment(&Modern::at(node.endpoint()).named("other")).await, "1");
    assert_eq!(node.admin().live().await.len(), 2);
}

/// The first calls of a session come at once, as those of an agent do.
#[tokio::test]
async fn many_first_calls_open_one_session() {
    let node = Node::of("counter", &[]);
    let client = Modern::at(node.endpoint());
    let mut counts: Vec<u32> = futures_util::future::join_all((0..20).map(|_| increment(&client)))
        .await
        .iter()
        .map(|count| count.parse().unwrap())
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
    assert_eq!(node.admin().sessions().await.len(), 1);
}

#[tokio::test]
async fn a_session_of_one_request_leaves_nothing() {
    let node = run(&["--scope", "request"]);
    let client = Modern::at(node.endpoint());
    // What the node knows of the server afterwards it need not ask for again.
    increment(&client).await;
    node.admin().all_ended().await;
    let before = procfs::descendants(node.pid()).len();
    for _ in 0..3 {
        assert_eq!(increment(&client).await, "1");
    }
    node.admin().all_ended().await;
    let sessions = node.admin().sessions().await;
    assert!(sessions.len() >= 4, "{sessions:?}");
    for session in &sessions {
        let left = cgroups_with(session["name"].as_str().unwrap());
        assert!(left.is_empty(), "{left:?} is left of {session}");
    }
    until("its processes are gone", PATIENCE, async || (procfs::descendants(node.pid()).len() <= before).then_some(()))
        .await;
    // The name that a response gave leads to a session that stays.
    let reply = client.begin("increment", json!({})).await;
    let name = reply.header("sessile-session").to_owned();
    let named = Modern::at(node.endpoint()).session(&name);
    assert_eq!((increment(&named).await, increment(&named).await), ("1".into(), "2".into()));
}

#[tokio::test]
async fn a_session_can_be_named_in_three_ways() {
    let node = Node::of("counter", &[]);
    let here = || Modern::at(node.endpoint());
    let ways = [
        here().session("agent-7"),
        here().header(AGENTCORE, "agent-7"),
        here().meta("dev.sessile/session", json!("agent-7")),
        here().session("agent-7").header(AGENTCORE, "agent-7").meta("dev.sessile/session", json!("agent-7")),
    ];
    for (count, way) in ways.iter().enumerate() {
        let reply = way.begin("increment", json!({})).await;
        assert_eq!(reply.header("sessile-session"), "agent-7");
        assert_eq!(text_of(&reply.json().await["result"]), (count + 1).to_string());
    }
    assert_eq!(increment(&here().session("agent-8")).await, "1");
    assert_eq!(increment(&here()).await, "1", "a client without a name has a session of its own");

    // The name of a response is good for as long as its session lives, whoever gave it.
    let reply = here().begin("increment", json!({})).await;
    let name = reply.header("sessile-session").to_owned();
    assert_eq!(text_of(&reply.json().await["result"]), "2");
    assert_eq!(increment(&here().named("proxy").session(&name)).await, "3");
}

#[tokio::test]
async fn names_that_differ_are_refused() {
    let node = Node::of("counter", &[]);
    let here = || Modern::at(node.endpoint());
    let contradictions = [
        here().session("a").header(AGENTCORE, "b"),
        here().session("a").meta("dev.sessile/session", json!("b")),
        here().header(AGENTCORE, "a").meta("dev.sessile/session", json!("b")),
    ];
    let call = || json!({ "name": "increment", "arguments": {} });
    for client in contradictions {
        let reply = node.endpoint().send(client.request("tools/call", call())).await;
        reply.expect_error(400, -32602).await;
    }
    let longest = "x".repeat(256);
    assert_eq!(increment(&here().session(&longest)).await, "1");
    let bad: [Vec<u8>; 4] = ["x".repeat(257).into(), "a b".into(), "".into(), "caf\u{e9}".as_bytes().to_vec()];
    for name in bad {
        let ask = here().request("tools/call", call()).header("sessile-session", &name);
        node.endpoint().send(ask).await.expect_error(400, -32602).await;
    }
    for name in [json!(7), json!(""), json!("a b"), json!(null), json!({})] {
        let client = here().meta("dev.sessile/session", name.clone());
        let reply = node.endpoint().send(client.request("tools/call", call())).await;
        assert_eq!(reply.status, 400, "{name}");
        reply.expect_error(400, -32602).await;
    }
    assert_eq!(node.admin().sessions().await.len(), 1, "nothing was started for what was refused");
}

#[tokio::test]
async fn a_name_belongs_to_its_principal() {
    let home = Home::new();
    let (ada, bob, file) = (home.key("ada"), home.key("bob"), home.key_file());
    let command = words(&home.fixture("counter"), &[]);
    let node = Start::run(home, &command).option(&["--api-keys", &file]).start();
    let hers = Modern::at(node.endpoint()).key(&ada);
    let his = Modern::at(node.endpoint()).key(&bob);
    assert_eq!(increment(&hers).await, "1");
    assert_eq!(increment(&his).await, "1");
    let (hers, his) = (hers.session("same"), his.session("same"));
    assert_eq!(increment(&hers).await, "1");
    assert_eq!(increment(&hers).await, "2");
    assert_eq!(increment(&his).await, "1");
    assert_eq!(node.admin().live().await.len(), 4);
    // What a response calls her session leads nobody else to it.
    let name = hers.begin("value", json!({})).await.header("sessile-session").to_owned();
    assert_eq!(increment(&Modern::at(node.endpoint()).key(&bob).session(&name)).await, "2", "his of that name");
    let anonymous = Modern::at(node.endpoint()).session("same");
    node.endpoint().send(anonymous.request("tools/list", json!({}))).await.expect_error(401, -32600).await;
}

#[tokio::test]
async fn where_sessions_must_be_named_that_is_said() {
    let node = run(&["--scope", "explicit"]);
    let client = Modern::at(node.endpoint());
    let ask = client.request("tools/call", json!({ "name": "increment", "arguments": {} }));
    let error = node.endpoint().send(ask).await.expect_error(400, -32602).await;
    assert_eq!(error["error"]["data"]["reason"], "session_required", "{error}");
    let message = error["error"]["message"].as_str().unwrap().to_lowercase();
    assert!(message.contains("sessile-session"), "it says how to name one: {message}");
    assert!(node.admin().sessions().await.is_empty());
    let named = client.session("mine");
    assert_eq!((increment(&named).await, increment(&named).await), ("1".into(), "2".into()));
}

#[tokio::test]
async fn a_shared_server_counts_for_everybody() {
    let home = Home::new();
    let (ada, bob, file) = (home.key("ada"), home.key("bob"), home.key_file());
    let command = words(&home.fixture("counter"), &[]);
    let node = Start::run(home, &command).option(&["--api-keys", &file, "--scope", "shared"]).start();
    for (count, client) in [&ada, &bob, &ada].iter().map(|key| Modern::at(node.endpoint()).key(key)).enumerate() {
        assert_eq!(increment(&client).await, (count + 1).to_string());
    }
    assert_eq!(increment(&Modern::at(node.endpoint()).key(&bob).session("mine")).await, "4");
    assert_eq!(node.admin().sessions().await.len(), 1);
    assert!(node.log().contains("all callers share one sandbox"), "the start warns: {}", node.log());
}

async fn open(client: &Modern) -> String {
    let result = client.result_of("tools/call", json!({ "name": "open_session", "arguments": {} })).await;
    let handle = result["structuredContent"]["handle"].as_str().map(str::to_owned);
    handle.unwrap_or_else(|| panic!("no handle in {result}"))
}

/// A call as a model makes it: the handle is an argument like any other, and the client mirrors it.
async fn with_handle(client: &Modern, tool: &str, handle: &str) -> Value {
    let client = client.clone().header("mcp-param-session", handle);
    client.result_of("tools/call", json!({ "name": tool, "arguments": { "session": handle } })).await
}

#[tokio::test]
async fn models_share_a_session_by_its_handle() {
    let node = run(&["--scope", "request", "--handles"]);
    let client = Modern::at(node.endpoint());
    let tools = client.result_of("tools/list", json!({})).await;
    let tool = |name: &str| tools["tools"].as_array().unwrap().iter().find(|tool| tool["name"] == name).cloned();
    assert!(tool("open_session").is_some() && tool("close_session").is_some(), "{tools}");
    let schema = &tool("increment").unwrap()["inputSchema"];
    assert_eq!(schema["properties"]["session"]["x-mcp-header"], "Session", "{schema}");
    assert_eq!(schema["properties"]["session"]["type"], "string");
    assert!(schema["properties"]["by"].is_object(), "what was there stays: {schema}");

    let (shared, own) = (open(&client).await, open(&client).await);
    assert_ne!(shared, own);
    let (first, second) = (client.clone().named("first model"), client.clone().named("second model"));
    assert_eq!(text_of(&with_handle(&first, "increment", &shared).await), "1");
    assert_eq!(text_of(&with_handle(&second, "increment", &shared).await), "2");
    assert_eq!(text_of(&with_handle(&client, "increment", &own).await), "1");
    assert_eq!(text_of(&with_handle(&first, "value", &shared).await), "2");

    // A model can read what is wrong with a handle, and what to do.
    let closed = with_handle(&client, "close_session", &shared).await;
    assert_ne!(closed["isError"], true, "{closed}");
    for handle in [shared.as_str(), "made-up", ""] {
        let result = with_handle(&client, "increment", handle).await;
        assert_eq!((&result["isError"], &result["resultType"]), (&json!(true), &json!("complete")), "{result}");
        assert!(text_of(&result).contains("open_session"), "{result}");
    }
    assert_eq!(text_of(&with_handle(&client, "increment", &own).await), "2", "the other one goes on");
    // The handle is an argument that is also a header.
    let ask = client.request("tools/call", json!({ "name": "increment", "arguments": { "session": own } }));
    node.endpoint().send(ask.clone()).await.expect_error(400, -32020).await;
    node.endpoint().send(ask.header("mcp-param-session", "other")).await.expect_error(400, -32020).await;
}

#[tokio::test]
async fn a_handle_is_worth_nothing_to_others() {
    let home = Home::new();
    let (ada, bob, file) = (home.key("ada"), home.key("bob"), home.key_file());
    let command = words(&home.fixture("counter"), &[]);
    let node = Start::run(home, &command).option(&["--api-keys", &file, "--handles"]).start();
    let (hers, his) = (Modern::at(node.endpoint()).key(&ada), Modern::at(node.endpoint()).key(&bob));
    let handle = open(&hers).await;
    let foreign = with_handle(&his, "increment", &handle).await;
    let unknown = with_handle(&his, "increment", &"0".repeat(handle.len())).await;
    assert_eq!(foreign["isError"], true);
    assert_eq!(foreign["content"], unknown["content"], "a foreign handle is as good as none");
    assert_eq!(text_of(&with_handle(&hers, "increment", &handle).await), "1");
    assert!(!node.log().contains(&handle), "a handle is a secret");
}

/// The server never sees the argument that was added for it.
#[tokio::test]
async fn a_server_does_not_see_the_handle() {
    let home = Home::new();
    let command = words(&home.fixture("everything"), &["--era", "legacy"]);
    let node = Start::run(home, &command).option(&["--handles"]).start();
    let client = Modern::at(node.endpoint());
    let handle = open(&client).await;
    let echoing = client.clone().header("mcp-param-session", &handle);
    let arguments = json!({ "session": handle, "kept": [1, 2.50, null] });
    assert_eq!(echoing.call("echo", arguments).await, r#"{"kept":[1,2.5,null]}"#);
}

#[tokio::test]
async fn get_and_delete_are_of_the_other_era() {
    let node = Node::of("counter", &[]);
    let client = Modern::at(node.endpoint());
    let name = client.begin("increment", json!({})).await.header("sessile-session").to_owned();
    for method in [http::Method::GET, http::Method::DELETE] {
        let ask =
            Ask::new(method.clone()).header("mcp-protocol-version", "2026-07-28").header("sessile-session", &name);
        let reply = node.endpoint().send(ask.header("accept", "text/event-stream")).await;
        assert!(reply.status.is_client_error(), "{method}: {}", reply.status);
    }
    assert_eq!(increment(&client).await, "2");
}
