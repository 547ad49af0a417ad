//! A limit that is reached is told for what it is, and what reached it is gone with its session.

use serde_json::json;
use sessile_tests::client::last_message;
use sessile_tests::{Client, Home, Isolation, Script, in_each_isolation};

in_each_isolation!(
    memory_is_bounded_and_its_end_is_named,
    a_fork_bomb_is_held,
    a_full_disk_is_an_error,
    a_call_has_its_time
);

async fn memory_is_bounded_and_its_end_is_named(isolation: Isolation) {
    if !isolation.notices_memory() {
        return;
    }
    let node = isolation.node("hostile", &["memory-hog"], "", "");
    let mut client = Client::open(node.endpoint()).await;
    let answer = last_message(client.begin("attack", json!({})).await).await;
    assert_eq!(answer["error"]["code"], -32000, "{answer}");
    assert_eq!(answer["error"]["data"]["reason"], "out_of_memory", "{answer}");
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["reason"], "out_of_memory", "{end}");
    assert!(end["memory_peak"].as_u64().is_some_and(|peak| peak > 50 << 20), "{end}");
    node.stop();
}

async fn a_fork_bomb_is_held(isolation: Isolation) {
    let node = isolation.node("hostile", &["fork-bomb"], "", "pids = 24\ncpu = 0.8\nrequest_timeout = \"3s\"");
    let mut client = Client::open(node.endpoint()).await;
    let answer = last_message(client.begin("attack", json!({})).await).await;
    assert!(answer["error"]["code"].is_i64(), "{answer}");
    client.close().await;
    let end = node.admin().end_of_only_session().await;
    assert_eq!(end["reason"], "client_delete", "{end}");
    node.stop();
}

async fn a_full_disk_is_an_error(isolation: Isolation) {
    let fill = r#"x=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; x=$x$x$x$x$x$x$x$x; x=$x$x$x$x$x$x$x$x
        count=0; while echo $x >> full; do count=$((count+1)); [ $count -lt 1000 ] || break; done
        if echo $x > /tmp/more; then is=room; else is=full; fi
        say '{"jsonrpc":"2.0","id":'"$id"',"result":{"tools":[{"name":"'"$is-$count"'","inputSchema":{"type":"object"}}]}}'"#;
    let home = Home::new();
    let command = Script::new().on("tools/list", fill).command(&home, "it");
    let node = isolation.start(home, &command, "", "disk = \"1MiB\"");
    let mut client = Client::open(node.endpoint()).await;
    let listed = client.result_of("tools/list", json!({})).await;
    let said = listed["tools"][0]["name"].as_str().expect("a name");
    let lines: u32 = said.strip_prefix("full-").unwrap_or_else(|| panic!("{said}")).parse().expect("a number");
    // Lines of 4 KiB: no more than the limit, and most of it.
    assert!((100..=256).contains(&lines), "{said}");
    client.close().await;
    node.stop();
}

async fn a_call_has_its_time(isolation: Isolation) {
    let node = isolation.node("everything", &[], "", "request_timeout = \"2s\"");
    let mut client = Client::open(node.endpoint()).await;
    let answer = last_message(client.begin("slow", json!({ "seconds": 600 })).await).await;
    assert_eq!(answer["error"]["code"], -32007, "{answer}");
    assert_eq!(client.call("add", json!({ "a": 1, "b": 1 })).await, "2", "the session goes on");
    client.close().await;
    node.stop();
}
