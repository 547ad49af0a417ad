//! What stands in the headers of a modern request is what stands in its body, or the request is refused before anybody acts
//! on either (2026-07-28, basic/transports/streamable-http; SEP-2243).

use http::{Method, StatusCode};
use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::modern::{META_CAPABILITIES, META_INFO, META_VERSION, VERSION};
use sessile_tests::raw::Raw;
use sessile_tests::{Ask, Modern, Node};

const HEADER_MISMATCH: i64 = -32020;
const MISSING_CAPABILITY: i64 = -32021;
const UNSUPPORTED_VERSION: i64 = -32022;
const INVALID_PARAMS: i64 = -32602;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_REQUEST: i64 = -32600;

fn asker() -> (Node, Modern) {
    let node = Node::of("asker", &["--era", "legacy"]);
    let client = Modern::at(node.endpoint());
    (node, client)
}

fn call(client: &Modern, tool: &str, arguments: Value) -> Ask {
    client.request("tools/call", json!({ "name": tool, "arguments": arguments }))
}

/// Sends each, sees that it is refused, and that nothing of it reached the server.
async fn expect_refused(node: &Node, client: &Modern, status: u16, code: i64, asks: Vec<(&str, Ask)>) {
    let seen = async || {
        let record: Vec<Value> = serde_json::from_str(&client.call("seen", json!({})).await).unwrap();
        record.len()
    };
    let before = seen().await;
    for (what, ask) in asks {
        let reply = node.endpoint().send(ask).await;
        let (found, text) = (reply.status.as_u16(), reply.text().await);
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what}: {found} {text:?}"));
        assert_eq!((found, answer["error"]["code"].as_i64()), (status, Some(code)), "{what}: {text}");
        assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}: {text}");
    }
    assert_eq!(seen().await, before + 1, "nothing reached the server but the look at its record");
}

#[tokio::test]
async fn the_version_is_named_twice_and_alike() {
    let (node, client) = asker();
    let list = || client.request("tools/list", json!({}));
    let name = "mcp-protocol-version";
    let mismatches = vec![
        ("no header", list().without(name)),
        ("an empty header", list().header(name, "")),
        ("another version", list().header(name, "2025-11-25")),
        ("an unknown version", list().header(name, "2027-01-01")),
        ("two that differ", list().also(name, "2025-11-25")),
        ("two in one", list().header(name, "2026-07-28, 2026-07-28")),
        ("no ASCII", list().header(name, "2026\u{2011}07\u{2011}28".as_bytes())),
    ];
    expect_refused(&node, &client, 400, HEADER_MISMATCH, mismatches).await;

    for version in ["2027-01-01", "1900-01-01", "draft", "DRAFT-2026-v1"] {
        let ask = client.clone().meta(META_VERSION, json!(version)).request("tools/list", json!({}));
        let error = node.endpoint().send(ask.header(name, version)).await.expect_error(400, UNSUPPORTED_VERSION).await;
        let data = &error["error"]["data"];
        assert!(data["supported"].as_array().unwrap().contains(&json!(VERSION)), "{error}");
        assert_eq!(data["requested"], version, "{error}");
    }
}

#[tokio::test]
async fn the_method_is_named_twice_and_alike() {
    let (node, client) = asker();
    let list = || client.request("tools/list", json!({}));
    let mismatches = vec![
        ("no header", list().without("mcp-method")),
        ("an empty header", list().header("mcp-method", "")),
        ("another method", list().header("mcp-method", "tools/call")),
        ("another case", list().header("mcp-method", "Tools/List")),
        ("two that differ", list().also("mcp-method", "tools/call")),
        ("encoded, which it may not be", list().header("mcp-method", "=?base64?dG9vbHMvbGlzdA==?=")),
    ];
    expect_refused(&node, &client, 400, HEADER_MISMATCH, mismatches).await;
}

#[tokio::test]
async fn tools_prompts_and_resources_are_named_twice_and_alike() {
    let (node, client) = asker();
    let opened = || call(&client, "opened", json!({}));
    let reading = || client.request("resources/read", json!({ "uri": "test://one" }));
    let getting = || client.request("prompts/get", json!({ "name": "one" }));
    let mismatches = vec![
        ("no name of a tool", opened().without("mcp-name")),
        ("no name of a prompt", getting().without("mcp-name")),
        ("no name of a resource", reading().without("mcp-name")),
        ("another tool", opened().header("mcp-name", "die")),
        ("another case", opened().header("mcp-name", "Opened")),
        ("another prompt", getting().header("mcp-name", "two")),
        ("another resource", reading().header("mcp-name", "test://two")),
        ("two that differ", opened().also("mcp-name", "die")),
        ("another one, encoded", opened().header("mcp-name", "=?base64?ZGll?=")),
        ("encoded badly", opened().header("mcp-name", "=?base64?b3BlbmVk?")),
        ("not in the alphabet", opened().header("mcp-name", "=?base64?b3Bl*mVk?=")),
        ("no UTF-8", opened().header("mcp-name", "=?base64?//8=?=")),
        ("the marker in capitals", opened().header("mcp-name", "=?BASE64?b3BlbmVk?=")),
        ("no ASCII", opened().header("mcp-name", "op\u{e9}ned".as_bytes())),
    ];
    expect_refused(&node, &client, 400, HEADER_MISMATCH, mismatches).await;

    let reply = node.endpoint().send(opened().header("mcp-name", "=?base64?b3BlbmVk?=")).await;
    assert_eq!(text_of(&reply.json().await["result"]), "legacy 2025-11-25", "encoded although it need not be");
    // Names that must be encoded: the server's answer shows that the check let them pass.
    for (name, encoded) in
        [("caf\u{e9}", "=?base64?Y2Fmw6k=?="), ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=")]
    {
        let message = client.message(&json!(1), "tools/call", json!({ "name": name, "arguments": {} }));
        let ask = client.post(&json!({ "method": "tools/call", "params": {} })).body(message.to_string());
        let reply = node.endpoint().send(ask.header("mcp-name", encoded)).await;
        let answer: Value = serde_json::from_str(&reply.text().await).unwrap();
        assert_eq!(answer["error"]["message"], "no such tool", "{name}: {answer}");
    }
}

#[tokio::test]
async fn names_of_headers_have_no_case() {
    let (node, client) = asker();
    let body = client.message(&json!(1), "tools/call", json!({ "name": "opened", "arguments": {} })).to_string();
    let head = format!(
        "POST {} HTTP/1.1\r\nHOST: {}\r\nCONTENT-TYPE: application/json\r\nACCEPT: application/json, text/event-stream\r\n\
         mcp-PROTOCOL-version: 2026-07-28\r\nMCP-METHOD: tools/call\r\nmCP-nAME: opened\r\nContent-Length: {}\r\n\r\n",
        node.endpoint().path,
        node.endpoint().address,
        body.len()
    );
    let mut raw = Raw::connect(node.endpoint().address).await.unwrap();
    assert!(raw.send(format!("{head}{body}").as_bytes()).await);
    let reply = raw.reply(false).await.unwrap();
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
}

/// Arguments that the tool's schema wants in headers.
#[tokio::test]
async fn arguments_are_mirrored_as_the_schema_says() {
    let (node, client) = asker();
    let located = |arguments: Value| call(&client, "located", arguments);
    // Arguments, and the headers that go with them.
    let right: Vec<(Value, Vec<(&str, &str)>)> = vec![
        (json!({}), vec![]),
        (json!({ "region": "us-west1" }), vec![("region", "us-west1")]),
        (json!({ "region": null, "count": null, "dry": null, "where": null }), vec![]),
        (json!({ "region": "", "plain": "p" }), vec![("region", "")]),
        (json!({ "region": "Hello, 世界" }), vec![("region", "=?base64?SGVsbG8sIOS4lueVjA==?=")]),
        (json!({ "region": " padded " }), vec![("region", "=?base64?IHBhZGRlZCA=?=")]),
        (json!({ "region": "line1\nline2" }), vec![("region", "=?base64?bGluZTEKbGluZTI=?=")]),
        (json!({ "region": "=?base64?literal?=" }), vec![("region", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=")]),
        (json!({ "count": 42 }), vec![("count", "42")]),
        (json!({ "count": 42 }), vec![("count", "42.0")]),
        (json!({ "count": 42.0 }), vec![("count", "42")]),
        (json!({ "count": -7 }), vec![("count", "-7")]),
        (json!({ "count": 9_007_199_254_740_991_i64 }), vec![("count", "9007199254740991")]),
        (json!({ "dry": true }), vec![("dry-run", "true")]),
        (json!({ "dry": false }), vec![("dry-run", "false")]),
        (json!({ "where": { "zone": "b" } }), vec![("zone", "b")]),
        (json!({ "where": {} }), vec![]),
        (
            json!({ "region": "r", "count": 1, "dry": true, "where": { "zone": "z" } }),
            vec![("region", "r"), ("count", "1"), ("dry-run", "true"), ("zone", "z"), ("unknown", "left alone")],
        ),
    ];
    for (arguments, headers) in right {
        let ask = headers
            .iter()
            .fold(located(arguments.clone()), |ask, (name, value)| ask.header(&format!("mcp-param-{name}"), value));
        let reply = node.endpoint().send(ask).await;
        let (status, text) = (reply.status, reply.text().await);
        assert_eq!(status, StatusCode::OK, "{arguments} {headers:?}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let heard: Value = serde_json::from_str(&text_of(&answer["result"])).unwrap();
        assert_eq!(heard, arguments, "the server has the arguments as they were sent");
    }

    let region = |value: &str| located(json!({ "region": "us-west1" })).header("mcp-param-region", value);
    let count = |value: &str| located(json!({ "count": 42 })).header("mcp-param-count", value);
    let dry = |value: &str| located(json!({ "dry": true })).header("mcp-param-dry-run", value);
    let wrong = vec![
        ("no header", located(json!({ "region": "us-west1" }))),
        ("an empty header", region("")),
        ("another value", region("us-west2")),
        ("another case", region("US-WEST1")),
        ("two that differ", region("us-west1").also("mcp-param-region", "us-west2")),
        ("another value, encoded", region("=?base64?dXMtd2VzdDI=?=")),
        ("encoded badly", region("=?base64?dXMtd2VzdDE?=")),
        ("bytes that are no ASCII", region("x").header("mcp-param-region", "\u{e9}".as_bytes())),
        ("a value that is not there", located(json!({})).header("mcp-param-region", "us-west1")),
        ("a value that is null", located(json!({ "region": null })).header("mcp-param-region", "null")),
        ("another number", count("43")),
        ("nearly the number", count("42.0000001")),
        ("no number", count("forty-two")),
        ("a number in hexadecimal", count("0x2a")),
        ("nearly a number that is too long", {
            located(json!({ "count": 9_007_199_254_740_993_i64 })).header("mcp-param-count", "9007199254740992")
        }),
        ("another truth", dry("false")),
        ("truth in capitals", dry("True")),
        ("truth as a number", dry("1")),
        ("no nested header", located(json!({ "where": { "zone": "b" } }))),
        ("another nested value", located(json!({ "where": { "zone": "b" } })).header("mcp-param-zone", "c")),
    ];
    expect_refused(&node, &client, 400, HEADER_MISMATCH, wrong).await;
}

/// The headers are held against the schema that the client was shown, also when no session runs and after a restart.
#[tokio::test]
async fn arguments_are_mirrored_in_the_first_call_too() {
    let (node, client) = asker();
    let ask = call(&client, "located", json!({ "region": "us-west1" }));
    node.endpoint().send(ask).await.expect_error(400, HEADER_MISMATCH).await;
    let node = node.restart(rustix::process::Signal::TERM);
    let client = Modern::at(node.endpoint());
    let ask = || call(&client, "located", json!({ "region": "us-west1" }));
    node.endpoint().send(ask()).await.expect_error(400, HEADER_MISMATCH).await;
    let reply = node.endpoint().send(ask().header("mcp-param-region", "us-west1")).await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn every_request_says_what_it_must() {
    let (node, client) = asker();
    let with_meta = |meta: Value| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": meta } });
        client.post(&message)
    };
    let (version, able, info) = (json!(VERSION), json!({}), json!({ "name": "t", "version": "1" }));
    let no_params = client.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
    let no_meta = client.post(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} }));
    let malformed = vec![
        ("no params", no_params),
        ("no _meta", no_meta),
        ("_meta that is no object", with_meta(json!(7))),
        ("no version", with_meta(json!({ META_CAPABILITIES: able, META_INFO: info }))),
        ("no capabilities", with_meta(json!({ META_VERSION: version, META_INFO: info }))),
        (
            "capabilities that are none",
            with_meta(json!({ META_VERSION: version, META_CAPABILITIES: 1, META_INFO: info })),
        ),
        ("capabilities that are null", with_meta(json!({ META_VERSION: version, META_CAPABILITIES: null }))),
        (
            "client info that is none",
            with_meta(json!({ META_VERSION: version, META_CAPABILITIES: able, META_INFO: "t" })),
        ),
        ("a level that is none", {
            with_meta(json!({
                META_VERSION: version, META_CAPABILITIES: able, "io.modelcontextprotocol/logLevel": "loud"
            }))
        }),
    ];
    expect_refused(&node, &client, 400, INVALID_PARAMS, malformed).await;
    let without_info = with_meta(json!({ META_VERSION: version, META_CAPABILITIES: able }));
    assert_eq!(node.endpoint().send(without_info).await.status, StatusCode::OK, "who it is a client need not say");
}

#[tokio::test]
async fn a_body_is_one_request_or_one_notification() {
    let (node, client) = asker();
    let request = client.message(&json!(1), "tools/list", json!({}));
    let response = json!({ "jsonrpc": "2.0", "id": 1, "result": { "action": "accept" } });
    let base = || client.request("tools/list", json!({}));
    let odd = vec![
        ("a batch", base().body(json!([request, request]).to_string())),
        ("a batch of one", base().body(json!([request]).to_string())),
        ("an empty batch", base().body("[]")),
        ("a response", base().body(response.to_string())),
        ("no JSON-RPC", base().body("{}")),
        ("another JSON-RPC", {
            let mut request = request.clone();
            request["jsonrpc"] = json!("1.0");
            base().body(request.to_string())
        }),
        ("no id that can be", {
            let mut request = request.clone();
            request["id"] = json!({});
            base().body(request.to_string())
        }),
    ];
    expect_refused(&node, &client, 400, INVALID_REQUEST, odd).await;
    node.endpoint().send(base().body("{")).await.expect_error(400, -32700).await;

    // A notification is taken, and has no answer.
    let mut notification = client.message(&json!(1), "notifications/example", json!({}));
    notification.as_object_mut().unwrap().remove("id");
    let reply = node.endpoint().send(client.post(&notification)).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED);
    assert_eq!(reply.bytes().await, "");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let (node, client) = asker();
    // Extensions may add methods: the server is asked, and its answer is one of HTTP too.
    for method in ["tools/destroy", "nonsense", "", "Tools/list"] {
        node.endpoint().send(client.request(method, json!({}))).await.expect_error(404, METHOD_NOT_FOUND).await;
    }
    let removed = [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "tasks/result",
    ];
    let asks = removed.iter().map(|method| (*method, client.request(method, json!({})))).collect();
    expect_refused(&node, &client, 404, METHOD_NOT_FOUND, asks).await;
}

#[tokio::test]
async fn the_rules_of_http_hold_here_too() {
    let (node, client) = asker();
    let list = || client.request("tools/list", json!({}));
    let refused = [
        ("a foreign origin", list().header("origin", "https://evil.example"), 403),
        ("a foreign host", list().header("host", "evil.example"), 403),
        ("no media type", list().without("content-type"), 415),
        ("another media type", list().header("content-type", "text/plain"), 415),
        ("no events accepted", list().header("accept", "application/json"), 406),
        ("no JSON accepted", list().header("accept", "text/event-stream"), 406),
    ];
    for (what, ask, status) in refused {
        assert_eq!(node.endpoint().send(ask).await.status.as_u16(), status, "{what}");
    }
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let reply = node.endpoint().send(Ask::new(method.clone()).header("mcp-protocol-version", VERSION)).await;
        assert!(reply.status.is_client_error(), "{method}: {}", reply.status);
    }
    let reply = node.endpoint().send(list()).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(!reply.headers.contains_key("mcp-session-id"), "there are no such sessions in this era");
}

#[tokio::test]
async fn a_missing_capability_is_named() {
    let node = Node::of("everything", &["--era", "modern"]);
    let client = Modern::at(node.endpoint());
    let error = node
        .endpoint()
        .send(call(&client, "test_missing_capability", json!({})))
        .await
        .expect_error(400, MISSING_CAPABILITY);
    assert!(error.await["error"]["data"]["requiredCapabilities"]["sampling"].is_object());
    let able = client.capabilities(json!({ "sampling": {} }));
    assert_eq!(able.call("test_missing_capability", json!({})).await, "the client has sampling");
}

/// An error of a tool is a result of the request, and an error of the server its own: neither is one of HTTP.
#[tokio::test]
async fn errors_of_the_server_are_not_errors_of_http() {
    let (node, client) = asker();
    let error = json!({ "code": 17, "message": "as the server says", "data": [1] });
    let reply = node.endpoint().send(call(&client, "fail", json!({ "error": error }))).await;
    assert_eq!(reply.status, StatusCode::OK);
    let answer = reply.json().await;
    assert_eq!(answer["error"], error);
    let everything = Node::of("everything", &[]);
    let failed = Modern::at(everything.endpoint());
    let result = failed.result_of("tools/call", json!({ "name": "test_error_handling", "arguments": {} })).await;
    assert_eq!(result["isError"], true, "{result}");
}
