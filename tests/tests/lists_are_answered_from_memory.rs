//! What a server offers is asked of it once. After that nothing is started for it, until there is a reason to think that the
//! answer has changed.

use rustix::process::Signal;
use serde_json::{Value, json};
use sessile_tests::modern::names;
use sessile_tests::node::{Start, table, words};
use sessile_tests::{Client, Home, Modern, Node, Script};

const LISTS: [(&str, &str); 4] = [
    ("tools/list", "tools"),
    ("prompts/list", "prompts"),
    ("resources/list", "resources"),
    ("resources/templates/list", "resourceTemplates"),
];

async fn started(node: &Node) -> f64 {
    node.admin().metric("sessile_sessions_started_total", "").await
}

async fn stop_all(node: &Node) {
    for session in node.admin().live().await {
        node.admin().stop(session["name"].as_str().unwrap()).await;
    }
    node.admin().all_ended().await;
}

/// What the client is told, without how long it holds, which is less each time.
async fn lists(client: &Modern) -> Vec<Value> {
    let mut told = Vec::new();
    for (method, kind) in LISTS {
        let mut result = client.result_of(method, json!({})).await;
        assert!(!names(&result, kind).is_empty(), "{result}");
        assert!(["public", "private"].contains(&result["cacheScope"].as_str().unwrap_or_default()), "{result}");
        let left = result.as_object_mut().unwrap().remove("ttlMs").and_then(|left| left.as_u64());
        assert!(left.is_some_and(|left| left > 0 && left <= 60_000), "{left:?}: {result}");
        told.push(result);
    }
    told
}

async fn discover(client: &Modern) -> Value {
    client.result_of("server/discover", json!({})).await
}

async fn answers_without_a_session(era: &str) {
    let node = Node::of("everything", &["--era", era]);
    let client = Modern::at(node.endpoint());
    let fresh = (discover(&client).await, lists(&client).await);
    let sessions = node.admin().sessions().await.len();
    stop_all(&node).await;
    let before = started(&node).await;
    assert!(before >= 1.0, "the metric counts: {before}");
    assert_eq!((discover(&client).await, lists(&client).await), fresh);
    assert_eq!(started(&node).await, before, "nothing was started");
    assert_eq!(node.admin().sessions().await.len(), sessions);

    let node = node.restart(Signal::TERM);
    let client = Modern::at(node.endpoint());
    assert_eq!(lists(&client).await, fresh.1, "also after a restart");
    if era == "legacy" {
        // What the SDK's modern servers say of themselves they want to be asked for each time.
        assert_eq!(discover(&client).await, fresh.0);
    }
    assert!(node.admin().live().await.is_empty());
    assert!(started(&node).await < 1.0);
    // And the call that follows is one like any other.
    assert_eq!(client.call("add", json!({ "a": 1, "b": 2 })).await, "3");
    assert_eq!(node.admin().live().await.len(), 1);
}

#[tokio::test]
async fn a_legacy_server_that_does_not_run() {
    answers_without_a_session("legacy").await;
}

#[tokio::test]
async fn a_modern_server_that_does_not_run() {
    answers_without_a_session("modern").await;
}

#[tokio::test]
async fn a_server_of_both_eras_that_does_not_run() {
    answers_without_a_session("both").await;
}

#[tokio::test]
async fn every_page_is_remembered() {
    let node = Node::of("everything", &["--era", "legacy", "--page", "7"]);
    let client = Modern::at(node.endpoint());
    let pages = async || {
        let (mut found, mut params) = (Vec::new(), json!({}));
        loop {
            let page = client.result_of("tools/list", params).await;
            found.push(names(&page, "tools"));
            match page.get("nextCursor") {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return found,
            }
        }
    };
    let fresh = pages().await;
    assert!(fresh.len() > 3, "{fresh:?}");
    stop_all(&node).await;
    let before = started(&node).await;
    assert_eq!(pages().await, fresh);
    assert_eq!(started(&node).await, before);
}

/// One tool of the name that stands in the script.
fn server_with(tool: &str) -> Script {
    let tools = format!(
        r#"{{"jsonrpc":"2.0","id":ID,"result":{{"tools":[{{"name":"{tool}","inputSchema":{{"type":"object"}}}}]}}}}"#
    );
    Script::new().answer(r#""method":"tools/list""#, &tools)
}

#[tokio::test]
async fn what_is_known_of_old_code_is_forgotten() {
    let node = Node::scripted(&server_with("before"), "");
    let client = Modern::at(node.endpoint());
    assert_eq!(client.list("tools").await, ["before"]);
    stop_all(&node).await;
    let first = started(&node).await;
    assert_eq!(client.list("tools").await, ["before"]);
    assert_eq!(started(&node).await, first);

    server_with("afterwards").command(node.home(), "it");
    assert_eq!(client.list("tools").await, ["afterwards"]);
    stop_all(&node).await;
    let second = started(&node).await;
    assert_eq!(client.list("tools").await, ["afterwards"], "and that is remembered in turn");
    assert_eq!(started(&node).await, second);

    // Also when the code changes while the node is away.
    let home = node.home().clone();
    let node = node.restart(Signal::TERM);
    assert_eq!(Modern::at(node.endpoint()).list("tools").await, ["afterwards"]);
    assert!(node.admin().live().await.is_empty());
    drop(node);
    let command = server_with("while it was away").command(&home, "it");
    let node = Start::serve(home, "sessile.toml", &table("it", &command, "")).start();
    assert_eq!(Modern::at(node.endpoint()).list("tools").await, ["while it was away"]);
}

/// A server whose tools stand in a file that all its sessions can write, and that says so when they change.
#[tokio::test]
async fn a_server_that_says_that_its_list_has_changed_is_asked_again() {
    let home = Home::new();
    let data = home.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let tools = |name: &str| {
        home.file("data/tools.json", &format!(r#"{{"name":"{name}","inputSchema":{{"type":"object"}}}}"#));
    };
    tools("before");
    let file = data.join("tools.json").display().to_string();
    let say_tools = format!(r#"say '{{"jsonrpc":"2.0","id":'"$id"',"result":{{"tools":['"$(cat '{file}')"']}}}}'"#);
    let changed = r#"say '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'
        say '{"jsonrpc":"2.0","id":'"$id"',"result":{"content":[{"type":"text","text":"said"}]}}'"#;
    let script = Script::new().on(r#""method":"tools/list""#, &say_tools).on(r#""method":"tools/call""#, changed);
    let command = script.command(&home, "it");
    let keys = format!("files.read_write = [{:?}]", data.display().to_string());
    let node = Start::serve(home.clone(), "sessile.toml", &table("it", &command, &keys)).start();
    let (reader, worker) = (Modern::at(node.endpoint()).named("reader"), Modern::at(node.endpoint()).named("worker"));
    assert_eq!(reader.list("tools").await, ["before"]);
    stop_all(&node).await;
    tools("afterwards");
    assert_eq!(reader.list("tools").await, ["before"], "nobody has said that anything changed");
    assert_eq!(worker.call("change", json!({})).await, "said");
    assert_eq!(reader.list("tools").await, ["afterwards"]);
    // A legacy client's session is as good a witness.
    stop_all(&node).await;
    tools("at last");
    let mut legacy = Client::open(node.endpoint()).await;
    assert_eq!(legacy.call("change", json!({})).await, "said");
    assert_eq!(reader.list("tools").await, ["at last"]);
}

/// Some servers have tools for clients with a model only: neither kind of client is shown the other's list.
#[tokio::test]
async fn lists_are_right_for_what_the_client_can_do() {
    for order in [["plain", "able"], ["able", "plain"]] {
        let node = Node::of("asker", &["--era", "legacy"]);
        let list = async |node: &Node, who: &str| {
            let client = Modern::at(node.endpoint()).named(who);
            let client = if who == "able" { client.capabilities(json!({ "sampling": {} })) } else { client };
            let tools = client.list("tools").await;
            assert!(tools.contains(&"ask".to_owned()), "{tools:?}");
            assert_eq!(tools.contains(&"sampler".to_owned()), who == "able", "{who}, {order:?}: {tools:?}");
        };
        for who in order {
            list(&node, who).await;
        }
        stop_all(&node).await;
        let before = started(&node).await;
        for who in order {
            list(&node, who).await;
        }
        assert_eq!(started(&node).await, before);
        let node = node.restart(Signal::TERM);
        for who in order {
            list(&node, who).await;
        }
        assert!(node.admin().live().await.is_empty());
    }
}

/// What a server calls private is for the principal who was told.
#[tokio::test]
async fn a_private_list_is_not_told_to_others() {
    let home = Home::new();
    let (ada, bob, file) = (home.key("ada"), home.key("bob"), home.key_file());
    let command = words(&home.fixture("asker"), &["--era", "modern"]);
    let node = Start::run(home, &command).option(&["--api-keys", &file]).start();
    let (ada, bob) = (Modern::at(node.endpoint()).key(&ada), Modern::at(node.endpoint()).key(&bob));
    assert_eq!(ada.result_of("tools/list", json!({})).await["cacheScope"], "private");
    stop_all(&node).await;
    let before = started(&node).await;
    ada.list("tools").await;
    assert_eq!(started(&node).await, before);
    bob.list("tools").await;
    assert_eq!(started(&node).await, before + 1.0, "his own server was asked");
}
