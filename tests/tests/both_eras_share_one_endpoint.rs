//! Clients of either era are served at one address, whatever era the server speaks, and at the same time. A server that
//! speaks both is opened in its client's.

use http::StatusCode;
use serde_json::{Value, json};
use sessile_tests::node::{Start, table, words};
use sessile_tests::{Ask, Client, Home, Modern, Node};

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

fn start(fixture: &str) -> Node {
    let home = Home::new();
    let program = home.fixture(fixture);
    let server = |name: &str, keys: &str| table(name, &words(&program, &["--era", name]), keys);
    let forced = |name: &str| table(&format!("as-{name}"), &words(&program, &[]), &format!("era = \"{name}\""));
    let manifest =
        [server("legacy", ""), server("modern", ""), server("both", ""), forced("legacy"), forced("modern")].concat();
    Start::serve(home, "sessile.toml", &manifest).start()
}

/// The versions of the live sessions of a server: with the client, and with the server.
async fn versions(node: &Node, server: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let live = node.admin().live().await;
    let mut found: Vec<_> = live
        .iter()
        .filter(|session| session["server"] == server)
        .map(|session| (text(&session["protocol"]), text(&session["server_protocol"])))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn each_client_is_served_by_each_server() {
    let node = start("asker");
    // Server, what the legacy client's process was opened as, and what the modern client's was.
    let cells = [
        ("legacy", "legacy 2025-11-25", "legacy 2025-11-25"),
        ("modern", "modern 2026-07-28", "modern 2026-07-28"),
        ("both", "legacy 2025-11-25", "modern 2026-07-28"),
        ("as-legacy", "legacy 2025-11-25", "legacy 2025-11-25"),
        ("as-modern", "modern 2026-07-28", "modern 2026-07-28"),
    ];
    for (server, for_legacy, for_modern) in cells {
        let endpoint = node.server(server);
        let (mut legacy, modern) = (Client::open(&endpoint).await, Modern::at(&endpoint));
        assert_eq!(legacy.version, LEGACY, "{server}");
        assert_eq!(legacy.server["serverInfo"]["name"], "fixture-asker");
        assert_eq!(legacy.server["instructions"], "ask");
        let discovered = modern.result_of("server/discover", json!({})).await;
        let supported = discovered["supportedVersions"].as_array().unwrap();
        assert!(supported.contains(&json!(MODERN)) && supported.contains(&json!(LEGACY)), "{server}: {discovered}");
        assert_eq!(discovered["instructions"], "ask", "{server}: {discovered}");
        assert!(discovered["capabilities"]["tools"].is_object(), "{server}: {discovered}");
        let info = &discovered["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!(info["name"], "fixture-asker", "{server}: {discovered}");

        // Both at once, over and over.
        for _ in 0..5 {
            let calls = (legacy.call("opened", json!({})), modern.call("opened", json!({})));
            let (of_legacy, of_modern) = tokio::join!(calls.0, calls.1);
            assert_eq!((of_legacy.as_str(), of_modern.as_str()), (for_legacy, for_modern), "{server}");
        }
        let of = |text: &str| text.split_once(' ').unwrap().1.to_owned();
        let expected = [(LEGACY.to_owned(), of(for_legacy)), (MODERN.to_owned(), of(for_modern))];
        assert_eq!(versions(&node, server).await, expected, "{server}");
    }
}

/// The same with the official SDK on the server's side, and every kind of list.
#[tokio::test]
async fn lists_and_reads_are_the_same_in_both_eras() {
    let node = start("everything");
    for server in ["legacy", "modern", "both"] {
        let endpoint = node.server(server);
        let (mut legacy, modern) = (Client::open(&endpoint).await, Modern::at(&endpoint));
        for (method, kind) in [("tools/list", "tools"), ("prompts/list", "prompts"), ("resources/list", "resources")] {
            let (old, new) = (legacy.result_of(method, json!({})).await, modern.result_of(method, json!({})).await);
            assert_eq!(old[kind], new[kind], "{server} {method}");
            assert!(new["resultType"] == "complete" && new["ttlMs"].is_u64(), "{server} {method}: {new}");
            for member in ["resultType", "ttlMs", "cacheScope"] {
                assert!(old.get(member).is_none(), "{server} {method}: a legacy client is told {member}");
            }
        }
        let read = json!({ "uri": "test://static-text" });
        let (old, new) =
            (legacy.result_of("resources/read", read.clone()).await, modern.result_of("resources/read", read).await);
        assert_eq!(old["contents"], new["contents"], "{server}");

        // What is not there is told in the words of the era.
        let missing = json!({ "uri": "test://nowhere" });
        let old = legacy.answer_to("resources/read", missing.clone()).await;
        assert!([-32002, -32602].map(Value::from).contains(&old["error"]["code"]), "{server}: {old}");
        let reply = node.server(server).send(modern.request("resources/read", missing)).await;
        let new: Value = serde_json::from_str(&reply.text().await).unwrap();
        assert_eq!(new["error"]["code"], -32602, "{server}: {new}");
        assert_eq!(new["error"]["data"]["uri"], "test://nowhere", "{server}: {new}");

        let completion = json!({
            "ref": { "type": "ref/prompt", "name": "test_prompt_with_arguments" },
            "argument": { "name": "arg1", "value": "t" }
        });
        let old = legacy.result_of("completion/complete", completion.clone()).await;
        let new = modern.result_of("completion/complete", completion).await;
        assert_eq!(old["completion"], new["completion"], "{server}");
    }
}

/// A server whose era is known is not asked for it again: old servers may not bear the question.
#[tokio::test]
async fn the_era_is_found_out_once() {
    let node = start("asker");
    for (server, first) in [("legacy", "initialize"), ("modern", "server/discover")] {
        let endpoint = node.server(server);
        Modern::at(&endpoint).call("opened", json!({})).await;
        let later = Modern::at(&endpoint).session("later");
        let seen: Vec<Value> = serde_json::from_str(&later.call("seen", json!({})).await).unwrap();
        assert_eq!(seen[0]["method"], first, "{server}: {seen:?}");
    }
    let seen = Modern::at(&node.server("as-legacy")).call("seen", json!({})).await;
    assert!(!seen.contains("server/discover"), "what the manifest says is not doubted: {seen}");
    let endpoint = node.server("as-modern");
    let mut legacy = Client::open(&endpoint).await;
    let seen = legacy.call("seen", json!({})).await;
    assert!(!seen.contains("\"initialize\""), "{seen}");
}

/// Dual-era clients try the new way first, and fall back where they must: here they never must.
#[tokio::test]
async fn a_session_of_one_era_is_none_of_the_other() {
    let node = start("asker");
    let endpoint = node.server("both");
    let (mut legacy, modern) = (Client::open(&endpoint).await, Modern::at(&endpoint));
    let name = modern.begin("opened", json!({})).await.header("sessile-session").to_owned();
    let asking = legacy.naming(&name).ask("tools/list", json!({})).await;
    asking.expect_error(404, -32001).await;
    // The other way about it is a name like any other.
    let named = modern.clone().session(&legacy.session);
    assert_eq!(named.call("opened", json!({})).await, "modern 2026-07-28");
    assert_eq!(legacy.call("opened", json!({})).await, "legacy 2025-11-25");
    // A modern request with a header of the old era is a modern one.
    let ask = modern.request("tools/list", json!({})).header("mcp-session-id", &legacy.session);
    let reply = endpoint.send(ask).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.headers.contains_key("mcp-session-id"), "{:?}", reply.headers);
    // A request of the old era without a session is told what it lacks, in the words of that era.
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    endpoint.send(Ask::post(body.to_string())).await.expect_error(400, -32600).await;
}

/// Every legacy version is served in front of a modern server.
#[tokio::test]
async fn old_versions_are_kept_to() {
    let node = start("asker");
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY] {
        let mut client = Client::at(&node.server("modern")).version(version).open().await;
        assert_eq!(client.version, version);
        assert_eq!(client.call("opened", json!({})).await, "modern 2026-07-28");
    }
    let newest = Client::at(&node.server("modern")).version("2027-01-01").open().await;
    assert_eq!(newest.version, LEGACY, "what nobody knows is answered with the newest that has initialize");
}
