//! Bodies go through to the byte: what Sessile does not know, and how it was written, reaches the other side.

use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::{Client, Node, Script};

/// JSON that no program would write, and that a program which reads and writes it again would change.
const ODD: &str = r#"{"zebra":1.50,"big":123456789012345678901234567890,"tiny":-0.0,"exp":1E+400,"e":1e2,"aé":"\u00e9\u00E9\/é","pair":"\ud83d\ude00😀","twice":1,"twice":2,"nested":{"b":[],"a":{ } },"ctl":"\u0000\u007f\t","empty":""}"#;

#[tokio::test]
async fn what_a_client_sends_reaches_the_server_to_the_byte() {
    let node = Node::of("hostile", &["exit-mid-call"]);
    let client = Client::open(node.endpoint()).await;
    // This server takes no number that does not fit its own type.
    let odd = ODD.replace("1E+400", "1E+300");
    let body = format!(
        r#"{{"unknownInEnvelope":{odd},"method":"tools/call",  "params":{{"_meta":{{"example.com/x":{odd}}},"unknownInParams":{odd},"arguments":{{"odd":{odd}}},"name":"mirror"}},"id":77,"jsonrpc":"2.0"}}"#
    );
    let answer = client.post(body.clone()).await.json().await;
    assert_eq!(text_of(&answer["result"]), body);
    // An answer goes through as it was sent, too, with what it holds besides the text.
    assert_eq!(answer["unknownInEnvelope"], "kept");
    assert_eq!(answer["result"]["unknownInResult"], json!({ "nested": true }));
    assert_eq!(answer["result"]["_meta"]["example.com/unknown"], "kept");
    assert!(answer["result"]["content"][0]["unknownInContent"].is_array());
}

/// A message of a server stands on one line, so line ends between tokens become spaces. Nothing else changes.
#[tokio::test]
async fn a_body_of_several_lines_becomes_one() {
    let node = Node::of("hostile", &["exit-mid-call"]);
    let client = Client::open(node.endpoint()).await;
    let body = "{\r\n  \"jsonrpc\": \"2.0\",\n\t\"id\": \"two\\nlines\",\n  \"method\": \"tools/call\",\n  \"params\": {\"name\": \"mirror\"}\n}";
    let answer = client.post(body).await.json().await;
    assert_eq!(text_of(&answer["result"]), body.replace(['\r', '\n'], " "));
    assert_eq!(answer["id"], "two\nlines");
}

#[tokio::test]
async fn what_a_server_sends_reaches_the_client_to_the_byte() {
    let answer = format!(r#"{{"result":{{"odd":{ODD},  "content":[]}},"unknown":{ODD},"id":ID,"jsonrpc":"2.0"}}"#);
    let notice = format!(
        r#"{{"params":{{"data":{ODD},"level":"info"}},"jsonrpc":"2.0","method":"notifications/message","x":{ODD}}}"#
    );
    let question = format!(r#"{{"method":"roots/list","id":"q\u0031","unknown":{ODD},"jsonrpc":"2.0"}}"#);
    let script = Script::new()
        .answer(r#""method":"plain""#, &answer)
        .on(r#""method":"told""#, &format!("say '{notice}'; call=$id; say '{question}'"))
        .on(r#""unknownInAnswer""#, &format!("say '{}'", answer.replace("ID", "'\"$call\"'")));
    let node = Node::scripted(&script, "");
    let client = Client::open(node.endpoint()).await;

    let json = client.post(r#"{"jsonrpc":"2.0","id":41,"method":"plain"}"#).await.text().await;
    assert_eq!(json, answer.replace("ID", "41"), "one JSON body");

    let mut events = client.post(r#"{"jsonrpc":"2.0","id":42,"method":"told"}"#).await.events();
    let mut data = async || loop {
        let event = events.next().await.expect("an event");
        if !event.data.is_empty() {
            return String::from_utf8(event.data.to_vec()).unwrap();
        }
    };
    assert_eq!(data().await, notice, "a notification as an event");
    assert_eq!(data().await, question, "a request as an event");
    // The server sees the id as it wrote it, or at least one that is equal.
    let reply = format!(r#"{{"jsonrpc":"2.0","id":"q1","unknownInAnswer":{ODD},"result":{{"roots":[]}}}}"#);
    assert_eq!(client.post(reply).await.status, 202);
    assert_eq!(data().await, answer.replace("ID", "42"), "an answer as an event");
}

#[tokio::test]
async fn ids_of_every_kind_come_back_as_they_were() {
    let node = Node::of("hostile", &["exit-mid-call"]);
    let client = Client::open(node.endpoint()).await;
    let long = format!("\"{}\"", "i".repeat(200));
    for id in ["0", "-1", "9007199254740991", "\"\"", "\"1\"", "\"é 😀 \\\" \\\\\"", "\"null\"", long.as_str()] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let answer = client.post(body).await.json().await;
        let expected: Value = serde_json::from_str(id).unwrap();
        assert_eq!((&answer["id"], &answer["result"]), (&expected, &json!({})), "{id}");
    }
}
