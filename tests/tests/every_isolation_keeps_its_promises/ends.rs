//! How a server ended is known: code or signal, and what it said last.

use serde_json::{Value, json};
use sessile_tests::client::last_message;
use sessile_tests::{Client, Home, Isolation, Script, in_each_isolation};

in_each_isolation!(
    a_server_that_exits_leaves_its_code_and_last_words,
    a_server_that_crashes_leaves_its_signal_and_last_words,
    a_server_that_does_not_start_says_why,
    a_server_that_will_not_go_is_made_to,
);

async fn ends(isolation: Isolation, tool: &str, arguments: Value, exit: &str, words: &str) {
    let node = isolation.node("crash", &[], "", "");
    let mut client = Client::open(node.endpoint()).await;
    let answer = last_message(client.begin(tool, arguments).await).await;
    let data = &answer["error"]["data"];
    assert_eq!((data["reason"].as_str(), data["exit"].as_str()), (Some("server_exit"), Some(exit)), "{answer}");
    assert!(data["stderrTail"].as_str().is_some_and(|tail| tail.contains(words)), "{answer}");
    let end = node.admin().end_of_only_session().await;
    assert_eq!((&end["exit"], &end["reason"]), (&json!(exit), &json!("server_exit")), "{end}");
    assert!(end["stderr_tail"].as_str().is_some_and(|tail| tail.contains(words)), "{end}");
    assert!(end["cpu_ms"].is_u64() && end["lived_ms"].is_u64(), "{end}");
    node.stop();
}

async fn a_server_that_exits_leaves_its_code_and_last_words(isolation: Isolation) {
    ends(isolation, "exit", json!({ "code": 3 }), "exit code 3", "crash: exiting with code 3").await;
}

async fn a_server_that_crashes_leaves_its_signal_and_last_words(isolation: Isolation) {
    ends(isolation, "abort", json!({}), "signal 6 (SIGABRT)", "crash: aborting").await;
}

async fn a_server_that_does_not_start_says_why(isolation: Isolation) {
    let home = Home::new();
    let command = Script::new().first("echo 'no such database' >&2; exit 4").command(&home, "it");
    let node = isolation.start(home, &command, "", "");
    let answer = Client::at(node.endpoint()).reply().await.json().await;
    assert_eq!(answer["error"]["code"], -32006, "{answer}");
    let text = answer.to_string();
    assert!(text.contains("no such database") && text.contains("exit code 4"), "{answer}");
    node.stop();
}

async fn a_server_that_will_not_go_is_made_to(isolation: Isolation) {
    let node = isolation.node("hostile", &["ignores-term"], "", "");
    let mut client = Client::open(node.endpoint()).await;
    last_message(client.begin("attack", json!({})).await).await;
    client.close().await;
    let end = node.admin().end_of_only_session().await;
    assert_eq!((&end["reason"], &end["exit"]), (&json!("client_delete"), &json!("killed by the runtime")), "{end}");
    node.stop();
}
