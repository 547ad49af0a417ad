//! A server that reaches what its list names, with the programs that people use, and nothing else.
//!
//! What they reach listens on the host's loopback, as 127.0.0.2: 127.0.0.1 is the sandbox's own for programs inside.

mod changes;
mod https;
mod programs;
mod upstream;

use programs::{RUNNER, curl, node, outside, printed, programs, run, words};
use serde_json::{Value, json};
use sessile_tests::node::Start;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, binaries};
use std::net::SocketAddr;
use std::process::Command;

/// What is not listed, and the rule that refuses it.
fn forbidden(listed: SocketAddr, other: SocketAddr) -> [(String, &'static str); 5] {
    [
        (format!("http://{other}/"), "port_not_listed"),
        (format!("http://127.0.0.3:{}/", listed.port()), "address_refused"),
        (format!("http://unlisted.example:{}/", listed.port()), "not_listed"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "address_refused"),
        ("http://93.184.216.34/".to_owned(), "not_listed"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_reach_what_is_listed_and_nothing_else() {
    let (listed, other) = (outside().await, outside().await);
    let node = node(&[&listed.to_string()]);
    let mut client = Client::open(node.endpoint()).await;
    let mut refused = 0;
    for (program, shows_body) in programs() {
        let said = run(&mut client, &program(&format!("http://{listed}/"))).await;
        assert!(printed(&said).contains("200") && printed(&said).contains("outside"), "{said}");
        for (url, rule) in forbidden(listed, other) {
            let said = run(&mut client, &program(&url)).await;
            let text = printed(&said);
            assert!(text.contains("403") && !text.contains("outside"), "{url}: {said}");
            assert!(!shows_body || text.contains(rule), "{url}: {said}");
            refused += 1;
        }
    }
    let session = node.admin().only_session().await;
    assert_eq!(session["egress"]["refused"], refused, "{session}");
    assert!(
        session["egress"]["sent"].as_u64() > Some(0) && session["egress"]["received"].as_u64() > Some(0),
        "{session}"
    );
    let refusals = node.admin().metric("sessile_egress_refused_total", "rule=\"not_listed\"").await;
    assert_eq!(refusals, f64::from(refused * 2 / 5));
    until("the bytes are counted", PATIENCE, async || {
        (node.admin().metric("sessile_egress_bytes_total", "direction=\"in\"").await > 0.0).then_some(())
    })
    .await;
    let name = session["name"].as_str().unwrap();
    until("the refusal is logged", PATIENCE, async || {
        let log = node.log();
        let line = log.lines().find(|line| line.contains("egress refused") && line.contains("not_listed"))?;
        assert!(line.contains(name) && line.contains("runner"), "{line}");
        Some(())
    })
    .await;
    client.close().await;
    node.admin().all_ended().await;
    assert_eq!(node.admin().only_session().await["egress"]["refused"], refused, "it is remembered");
    node.stop();
}

/// Who ignores the proxy gains nothing.
async fn there_is_no_other_way(client: &mut Client, outside: SocketAddr) {
    for url in [format!("http://{outside}/"), "http://192.0.2.1/".into(), "http://169.254.169.254/".into()] {
        let direct = words(&["curl", "-sS", "--max-time", "20", "--noproxy", "*", &url]);
        let said = run(client, &direct).await;
        // 7: it could not connect. Neither a wait for an answer (28), nor one.
        assert_eq!((&said["code"], &said["out"]), (&json!(7), &json!("")), "{url}: {said}");
    }
    let named = words(&["curl", "-sS", "--max-time", "20", "--noproxy", "*", "http://unlisted.example/"]);
    assert_eq!(run(client, &named).await["code"], 6, "names are not resolved inside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ignores_the_proxy_has_no_route() {
    let outside = outside().await;
    let node = node(&[&outside.to_string()]);
    let mut client = Client::open(node.endpoint()).await;
    there_is_no_other_way(&mut client, outside).await;
    client.close().await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_there_is_no_gate() {
    let outside = outside().await;
    let node = node(&[]);
    let mut client = Client::open(node.endpoint()).await;
    there_is_no_other_way(&mut client, outside).await;
    let gate = ["curl", "-sS", "--max-time", "20", "-x", "http://127.0.0.1:3128", &format!("http://{outside}/")];
    assert_eq!(run(&mut client, &words(&gate)).await["code"], 7, "somebody listens");
    let environment = run(&mut client, &words(&["env"])).await.to_string().to_ascii_lowercase();
    assert!(!environment.contains("_proxy"), "{environment}");
    assert_eq!(node.admin().only_session().await["egress"], Value::Null);
    client.close().await;
    node.stop();
}

/// Each session has a gate of its own: what one is refused, another is not charged with.
#[tokio::test(flavor = "multi_thread")]
async fn the_gate_of_a_manifest_works_for_an_ordinary_user() {
    const NOBODY: u32 = 65534;
    let (listed, other) = (outside().await, outside().await);
    let home = Home::new();
    let script = home.file("bin/runner.py", RUNNER);
    let manifest = format!(
        "[defaults.egress]\nallow = [\"{listed}\"]\n\n[servers.it]\ncommand = [\"/usr/bin/python3\", \"{script}\"]\n\
         env = {{ NODE_USE_ENV_PROXY = \"0\" }}\n"
    );
    let mut start = Start::serve(home, "sessile.toml", &manifest);
    if rustix::process::geteuid().is_root() {
        start = start.as_user(NOBODY);
    }
    let node = start.start();
    let (mut one, mut two) = (Client::open(node.endpoint()).await, Client::open(node.endpoint()).await);
    for client in [&mut one, &mut two] {
        let said = run(client, &curl(&format!("http://{listed}/"))).await;
        assert_eq!(said["out"], "outside", "{said}");
    }
    let said = run(&mut one, &curl(&format!("http://{other}/"))).await;
    assert!(printed(&said).contains("port_not_listed"), "{said}");
    there_is_no_other_way(&mut one, listed).await;
    let environment = run(&mut one, &words(&["env"])).await;
    assert!(printed(&environment).contains("NODE_USE_ENV_PROXY=0\n"), "{environment}");
    let mut refused: Vec<_> =
        node.admin().live().await.iter().map(|session| session["egress"]["refused"].as_u64()).collect();
    refused.sort_unstable();
    assert_eq!(refused, [Some(0), Some(1)]);
    one.close().await;
    two.close().await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_process_is_told_to_have_no_gate() {
    let home = Home::new();
    let script = home.file("bin/runner.py", RUNNER);
    let start = Start::run(home, &words(&["/usr/bin/python3", &script]));
    let node = start.option(&["--isolation", "none", "--allow-unsandboxed", "--allow", "a.example:443"]).start();
    assert!(node.log().contains("egress.allow has no effect"), "{}", node.log());
    node.stop();
}

#[test]
fn an_entry_that_cannot_be_read_is_bad_usage() {
    let home = Home::new();
    let manifest = "[servers.it]\ncommand = [\"true\"]\negress.allow = [\"a.example:443\", \"https://b.example\"]\n";
    let file = home.file("sessile.toml", manifest);
    let commands = [
        words(&["check", "-c", &file]),
        words(&["serve", "-c", &file, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]),
        words(&["run", "--name", "it", "--listen", "127.0.0.1:0", "--allow", "https://b.example", "--", "true"]),
    ];
    for command in commands {
        let output = Command::new(binaries::sessile()).args(&command).current_dir(home.path()).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {stderr}");
        for word in ["server it", "egress.allow", "https://b.example", "write host and port alone"] {
            assert!(stderr.contains(word), "{word}: {stderr}");
        }
    }
}
