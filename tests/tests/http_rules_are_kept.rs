//! What HTTP, the transport and JSON-RPC ask of a server is kept, and what breaks a rule is answered as they say.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use sessile_tests::raw::Raw;
use sessile_tests::{Ask, Client, Endpoint, Node};

fn ping(id: u64) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": "ping" }).to_string()
}

async fn node_and_client() -> (Node, Client) {
    let node = Node::of("everything", &[]);
    let client = Client::open(node.endpoint()).await;
    (node, client)
}

/// Sends what `change` makes of a good request, and expects to be refused with `status`.
async fn refused(client: &Client, status: u16, change: impl FnOnce(Ask) -> Ask) -> Value {
    let ask = change(client.sign(Ask::post(ping(7))));
    client.endpoint.send(ask).await.expect_error(status, -32600).await
}

#[tokio::test]
async fn accept_must_allow_what_may_come() {
    let (_node, client) = node_and_client().await;
    for accept in ["text/html", "application/json", "text/event-stream", "application/json;q=0, */*;q=0"] {
        refused(&client, 406, |ask| ask.header("accept", accept)).await;
    }
    for accept in ["*/*", "application/*, text/*", "text/event-stream;q=0.1,application/json;charset=utf-8"] {
        let ask = client.sign(Ask::post(ping(8))).header("accept", accept);
        assert_eq!(client.endpoint.send(ask).await.status, StatusCode::OK, "{accept}");
    }
    // RFC 9110: who says nothing takes anything.
    let ask = client.sign(Ask::post(ping(9))).without("accept");
    assert_eq!(client.endpoint.send(ask).await.status, StatusCode::OK);
    let listen = client.sign(Ask::new(Method::GET)).header("accept", "application/json");
    client.endpoint.send(listen).await.expect_error(406, -32600).await;
}

#[tokio::test]
async fn the_body_must_be_announced_as_json() {
    let (_node, client) = node_and_client().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        refused(&client, 415, |ask| ask.header("content-type", kind)).await;
    }
    refused(&client, 415, |ask| ask.without("content-type")).await;
    let ask = client.sign(Ask::post(ping(8))).header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(client.endpoint.send(ask).await.status, StatusCode::OK);
}

/// A web page must not reach a local server through the user's browser (DNS rebinding).
#[tokio::test]
async fn strange_hosts_and_origins_are_kept_out() {
    let (node, client) = node_and_client().await;
    for host in ["evil.example.com", "127.0.0.1.evil.example.com:80", "10.0.0.1"] {
        refused(&client, 403, |ask| ask.header("host", host)).await;
        let admin = node.admin().endpoint().at("/admin/v1/sessions");
        let reply = admin.send(Ask::new(Method::GET).header("host", host)).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{host}");
    }
    for origin in ["https://evil.example.com", "null", "http://localhost.evil.example.com", "file://"] {
        let error = client.endpoint.send(client.sign(Ask::post(ping(7))).header("origin", origin)).await;
        assert_eq!(error.header("access-control-allow-origin"), "", "{origin}");
        error.expect_error(403, -32600).await;
    }
    let local = format!("http://{}", node.endpoint().address);
    let reply = client.endpoint.send(client.sign(Ask::post(ping(8))).header("origin", &local)).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (StatusCode::OK, local.as_str()));
}

#[tokio::test]
async fn browsers_may_ask_first() {
    let (node, client) = node_and_client().await;
    let ask = |origin: &str| {
        Ask::new(Method::OPTIONS)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type, mcp-session-id")
    };
    let local = format!("http://{}", node.endpoint().address);
    let reply = client.endpoint.send(ask(&local)).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert_eq!(reply.header("access-control-allow-origin"), local);
    assert!(reply.header("access-control-allow-methods").contains("DELETE"));
    for name in ["mcp-session-id", "mcp-protocol-version", "last-event-id", "authorization", "content-type"] {
        assert!(reply.header("access-control-allow-headers").contains(name), "{name}");
    }
    let opening = Client::at(node.endpoint()).initialize().header("origin", &local);
    let exposed = node.endpoint().send(opening).await.header("access-control-expose-headers").to_owned();
    assert!(exposed.contains("mcp-session-id"), "a page must be able to read it: {exposed:?}");
    assert_eq!(client.endpoint.send(ask("https://evil.example.com")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_protocol_version_is_checked() {
    let (_node, client) = node_and_client().await;
    for version in ["2024-01-01", "latest", "2026-07-28x", ""] {
        let error = refused(&client, 400, |ask| ask.header("mcp-protocol-version", version)).await;
        let supported = error["error"]["data"]["supported"].to_string();
        assert!(supported.contains("2025-11-25"), "the answer says what would do: {error}");
    }
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let ask = client.sign(Ask::post(ping(8))).header("mcp-protocol-version", version);
        assert_eq!(client.endpoint.send(ask).await.status, StatusCode::OK, "{version}");
    }
    let ask = client.sign(Ask::post(ping(9))).without("mcp-protocol-version");
    assert_eq!(client.endpoint.send(ask).await.status, StatusCode::OK, "older clients do not send it");
    for method in [Method::GET, Method::DELETE] {
        let ask = client.sign(Ask::new(method)).header("mcp-protocol-version", "1999-12-31");
        client.endpoint.send(ask.header("accept", "text/event-stream")).await.expect_error(400, -32600).await;
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_the_connection_goes_on() {
    let node = Node::limited("everything", &[], "message = \"1MiB\"");
    let client = Client::open(node.endpoint()).await;
    let big = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","x":"{}"}}"#, "x".repeat((1 << 20) + (1 << 19)));
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: */*\r\nmcp-session-id: {}\r\n",
        client.endpoint.path, client.endpoint.address, client.session
    );
    let mut raw = Raw::connect(client.endpoint.address).await.unwrap();
    let sized = format!("{head}content-length: {}\r\n\r\n{big}", big.len());
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{big}\r\n0\r\n\r\n", big.len());
    for (way, request) in [("sized", sized), ("chunked", chunked)] {
        assert!(raw.send(request.as_bytes()).await, "{way}");
        let reply = raw.reply(false).await.unwrap();
        assert_eq!(reply.status, 413, "{way}: {}", String::from_utf8_lossy(&reply.body));
        let error: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(error["error"]["code"], -32600, "{error}");
        assert!(reply.keeps_alive, "{way}: {:?}", reply.headers);
        let small = ping(2);
        raw.send(format!("{head}content-length: {}\r\n\r\n{small}", small.len()).as_bytes()).await;
        let reply = raw.reply(false).await.unwrap_or_else(|error| panic!("{way}: {error:?}"));
        assert_eq!(reply.status, 200, "{way}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_told_what_is_wrong_with_it() {
    let (_node, client) = node_and_client().await;
    let depth = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":{}{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let no_json: [&[u8]; 7] = [
        b"",
        b"{",
        b"nonsense",
        br#"{"jsonrpc":"2.0","id":1,"method":"ping"}}"#,
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}",
        b"\xed\xa0\x80",
        br#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#,
    ];
    for body in no_json {
        client.post(body.to_vec()).await.expect_error(400, -32700).await;
    }
    let no_message: [(&str, Value); 10] = [
        (r#"[]"#, Value::Null),
        (r#"42"#, Value::Null),
        (r#""text""#, Value::Null),
        (r#"{}"#, Value::Null),
        (r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#, json!(7)),
        (r#"{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}"#, Value::Null),
        (r#"{"jsonrpc":"2.0","id":7,"method":5}"#, json!(7)),
        (r#"{"jsonrpc":"2.0","id":"seven","method":"ping","params":"none"}"#, json!("seven")),
        (r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}"#, Value::Null),
        (&depth, Value::Null),
    ];
    for (body, id) in no_message {
        let error = client.post(body.to_owned()).await.expect_error(400, -32600).await;
        if !id.is_null() {
            assert_eq!(error["id"], id, "an answer that carries the id finds its request: {error}");
        }
    }
    assert_eq!(client.post(ping(9)).await.status, StatusCode::OK, "the session has not noticed");
}

#[tokio::test]
async fn batches_exist_in_one_version_only() {
    let node = Node::of("everything", &[]);
    let batch = json!([
        { "jsonrpc": "2.0", "id": 11, "method": "ping" },
        { "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 99 } },
        { "jsonrpc": "2.0", "id": 12, "method": "tools/call", "params": { "name": "add", "arguments": { "a": 1, "b": 2 } } }
    ])
    .to_string();
    for version in ["2025-06-18", "2025-11-25"] {
        let client = Client::at(node.endpoint()).version(version).open().await;
        client.post(batch.clone()).await.expect_error(400, -32600).await;
    }
    let client = Client::at(node.endpoint()).version("2025-03-26").open().await;
    let messages = client.post(batch).await.events().rest().await;
    let mut ids: Vec<_> = messages.iter().filter_map(|(_, message)| message["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [11, 12], "{messages:?}");
    let silent = json!([{ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" }]).to_string();
    assert_eq!(client.post(silent).await.status, StatusCode::ACCEPTED);
    let opening = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } },
        { "jsonrpc": "2.0", "id": 2, "method": "ping" }
    ]);
    node.endpoint().send(Ask::post(opening.to_string())).await.expect_error(400, -32600).await;
}

#[tokio::test]
async fn an_id_in_flight_is_not_taken_twice() {
    let (node, client) = node_and_client().await;
    let call = |id: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"slow","arguments":{{"seconds":1}}}}}}"#
        )
    };
    let first = tokio::spawn({
        let (client, body) = (client.clone(), call("5"));
        async move { client.post(body).await.json().await }
    });
    node.admin().in_flight(1).await;
    client.post(call("5")).await.expect_error(400, -32600).await;
    // The number and the text are two ids.
    let text = client.post(call("\"5\"")).await.json().await;
    assert_eq!((&text["id"], text["result"].is_object()), (&json!("5"), true), "{text}");
    let first = first.await.unwrap();
    assert_eq!((&first["id"], first["result"].is_object()), (&json!(5), true), "{first}");
    // Once answered, an id may be used again.
    assert_eq!(client.post(call("5")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn other_methods_and_paths_are_named_as_such() {
    let (node, client) = node_and_client().await;
    for method in ["PUT", "PATCH", "HEAD", "TRACE", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = client.endpoint.send(client.sign(Ask::new(method.clone()))).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        for allowed in ["POST", "GET", "DELETE"] {
            assert!(reply.header("allow").contains(allowed), "{method}: {:?}", reply.header("allow"));
        }
    }
    let unknown: [&str; 8] =
        ["/", "/nobody/mcp", "/mcp/", "/mcp/x", "//mcp", "/sse", "/messages", "/admin/v1/sessions"];
    for path in unknown {
        let other: Endpoint = node.endpoint().at(path);
        let reply = other.send(client.sign(Ask::post(ping(7)))).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        let status = node.endpoint().at(path).get_json().await;
        assert_eq!(status["status"], "ok", "{path}");
    }
}
