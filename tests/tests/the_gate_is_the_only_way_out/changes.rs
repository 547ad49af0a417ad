//! Lists change while sessions run: a hangup has the manifest read again.

use crate::programs::{RUNNER, curl, outside, printed, run};
use rustix::process::Signal;
use sessile_tests::node::Start;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Node};
use std::net::SocketAddr;

/// Has the manifest read again, and waits until that is done; what was said meanwhile.
async fn reread(node: &Node) -> String {
    let before = node.log().len();
    node.signal(Signal::HUP);
    until("the listener is open again", PATIENCE, async || {
        node.log().get(before..).filter(|log| log.contains("listening anew")).map(str::to_owned)
    })
    .await
}

async fn reaches(client: &mut Client, target: SocketAddr) -> bool {
    let said = run(client, &curl(&format!("http://{target}/"))).await;
    let text = printed(&said);
    assert!(text.contains("outside") != text.contains("403"), "{said}");
    text.contains("outside")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_changes_what_running_sessions_reach() {
    let (one, two) = (outside().await, outside().await);
    let home = Home::new();
    let script = home.file("bin/runner.py", RUNNER);
    let write = |allow: &str| {
        let manifest = format!(
            "[servers.it]\ncommand = [\"/usr/bin/python3\", \"{script}\"]\n[servers.it.egress]\nallow = [{allow}]\n"
        );
        home.file("sessile.toml", &manifest);
        manifest
    };
    let first = write(&format!("\"{one}\""));
    let node = Start::serve(home.clone(), "sessile.toml", &first).start();
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!((reaches(&mut client, one).await, reaches(&mut client, two).await), (true, false));

    write(&format!("\"{two}\""));
    let said = reread(&node).await;
    assert!(
        said.contains(&format!("server it: egress.allow has changed, also for sessions that run: {two}")),
        "{said}"
    );
    assert_eq!((reaches(&mut client, one).await, reaches(&mut client, two).await), (false, true));

    // What cannot be read changes nothing, and says where it is wrong.
    for (broken, word) in [("\"", "sessile.toml:4"), ("\"https://b.example\"", "write host and port alone")] {
        write(broken);
        let said = reread(&node).await;
        assert!(said.contains("what servers may reach stays as it was") && said.contains(word), "{said}");
        assert_eq!((reaches(&mut client, one).await, reaches(&mut client, two).await), (false, true));
    }

    let more = write("");
    home.file("sessile.toml", &format!("{more}\n[servers.it.limits]\npids = 50\n"));
    let said = reread(&node).await;
    assert!(said.contains("that run: nothing\n") && said.contains("used after a restart"), "{said}");
    assert_eq!((reaches(&mut client, one).await, reaches(&mut client, two).await), (false, false));
    client.close().await;

    // Who comes now gets no gate at all; with a list again, who comes then.
    let mut without = Client::open(node.endpoint()).await;
    let environment = run(&mut without, &["env".to_owned()]).await;
    assert!(!printed(&environment).contains("HTTP_PROXY"), "{environment}");
    write(&format!("\"{one}\""));
    let said = reread(&node).await;
    assert!(said.contains("for sessions from now on"), "{said}");
    let mut with = Client::open(node.endpoint()).await;
    assert!(reaches(&mut with, one).await);
    with.close().await;
    without.close().await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_sandbox_without_a_gate_becomes_nobodys_who_needs_one() {
    let one = outside().await;
    let home = Home::new();
    let script = home.file("bin/runner.py", RUNNER);
    let manifest = format!("[servers.it]\ncommand = [\"/usr/bin/python3\", \"{script}\"]\npool.warm = 1\n");
    let node = Start::serve(home.clone(), "sessile.toml", &manifest).start();
    until("a sandbox is warm", PATIENCE, async || {
        (node.admin().metric("sessile_pool_warm", "").await > 0.0).then_some(())
    })
    .await;
    home.file("sessile.toml", &format!("{manifest}egress.allow = [\"{one}\"]\n"));
    reread(&node).await;
    let mut client = Client::open(node.endpoint()).await;
    assert!(reaches(&mut client, one).await);
    client.close().await;
    node.stop();
}
