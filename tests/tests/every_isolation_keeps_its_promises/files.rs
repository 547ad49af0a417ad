//! What a session sees is what is listed, and what it changes is its own.

use serde_json::json;
use sessile_tests::{Client, Home, Isolation, Script, in_each_isolation};
use std::fs;

in_each_isolation!(a_private_workspace_ends_with_its_session, what_is_listed_can_be_read_and_not_changed);

/// A script that answers `tools/list` with what its commands leave in `$it`.
fn tells(commands: &str) -> Script {
    let answer = r#"say '{"jsonrpc":"2.0","id":'"$id"',"result":{"tools":[{"name":"'"$it"'","inputSchema":{"type":"object"}}]}}'"#;
    Script::new().on("tools/list", &format!("{commands}\n{answer}"))
}

async fn told(client: &mut Client) -> String {
    let listed = client.result_of("tools/list", json!({})).await;
    listed["tools"][0]["name"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned()
}

async fn a_private_workspace_ends_with_its_session(isolation: Isolation) {
    let home = Home::new();
    let script = tells("if [ -e /workspace/mark ]; then it=there; else it=new; fi; echo x > mark");
    let command = script.command(&home, "it");
    let node = isolation.start(home, &command, "files = { workspace = \"private\" }", "");
    let (mut one, mut other) = tokio::join!(Client::open(node.endpoint()), Client::open(node.endpoint()));
    assert_eq!((told(&mut one).await, told(&mut one).await), ("new".into(), "there".into()));
    assert_eq!(told(&mut other).await, "new", "nor is it anybody else's");
    one.close().await;
    other.close().await;
    assert_eq!(told(&mut Client::open(node.endpoint()).await).await, "new");
    node.stop();
}

async fn what_is_listed_can_be_read_and_not_changed(isolation: Isolation) {
    let home = Home::new();
    let shown = home.path().join("shown");
    fs::create_dir(&shown).expect("a directory can be made");
    fs::write(shown.join("data"), "from-the-host\n").expect("a file can be written");
    fs::write(home.path().join("hidden"), "secret\n").expect("a file can be written");
    let (shown_path, hidden) = (shown.display(), home.path().join("hidden"));
    let script = tells(&format!(
        "read -r it < {shown_path}/data; if echo x > {shown_path}/data; then it=changed; fi; [ -e {} ] && it=seen",
        hidden.display()
    ));
    let command = script.command(&home, "it");
    let keys = format!("files = {{ read_only = [\"{shown_path}\"] }}");
    let node = isolation.start(home, &command, &keys, "");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(told(&mut client).await, "from-the-host");
    client.close().await;
    assert_eq!(fs::read_to_string(shown.join("data")).expect("it is there"), "from-the-host\n");
    node.stop();
}
