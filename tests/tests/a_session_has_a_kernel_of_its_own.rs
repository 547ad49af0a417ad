//! Isolation `microvm`: the same sessions, each in a virtual machine. Needs what `scripts/microvm-kernel` installs.

use rustix::process::Signal;
use serde_json::json;
use sessile_tests::machine::kernel;
use sessile_tests::modern::{accept, form};
use sessile_tests::node::{GONE_WITHIN, Start, table};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Modern, Node, binaries, procfs};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// How long sandboxes outlive a node that was killed.
const GRACE: Duration = Duration::from_secs(1);

fn start(home: Home) -> Node {
    let command = [home.fixture("counter")];
    let limits = format!("memory = \"256MiB\"\nstart_timeout = \"2m\"\nadopt_grace = \"{}ms\"", GRACE.as_millis());
    let keys = format!("isolation = \"microvm\"\n\n[servers.it.limits]\n{limits}");
    let manifest = table("it", &command, &keys);
    Start::serve(home, "sessile.toml", &manifest).env("SESSILE_MICROVM_KERNEL", &kernel()).start()
}

/// The machine monitors of a node's sessions. (There may be one more, of a template in the making.)
fn monitors(node: &Node) -> usize {
    let lines = procfs::descendants(node.pid()).into_iter().map(|process| procfs::command_line(process.pid));
    let is_monitor = |line: &String| line.contains("guest=s-") && !line.contains("sessile-porter");
    lines.filter(is_monitor).count()
}

#[tokio::test]
async fn sessions_count_alone_in_machines_of_their_own_and_leave_nothing() {
    let node = start(Home::new());
    let (mut one, mut other) = tokio::join!(Client::open(node.endpoint()), Client::open(node.endpoint()));
    assert_eq!(monitors(&node), 2);
    assert_eq!(one.call("increment", json!({})).await, "1");
    assert_eq!(one.call("increment", json!({})).await, "2");
    assert_eq!(other.call("increment", json!({})).await, "1");
    one.close().await;
    until("one session has ended", PATIENCE, async || (node.admin().live().await.len() == 1).then_some(())).await;
    assert_eq!(monitors(&node), 1);
    assert_eq!(other.call("increment", json!({})).await, "2");
    node.stop();
}

/// A directory with a server, its libraries, and nothing else.
fn image(home: &Home) -> PathBuf {
    let root = home.path().join("image");
    let program = home.fixture("counter");
    let listed = Command::new("ldd").arg(&program).output().expect("ldd runs");
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    let place = |file: &str, target: &str| {
        let target = root.join(target.trim_start_matches('/'));
        fs::create_dir_all(target.parent().expect("a parent")).expect("a directory can be made");
        fs::copy(file, target).expect("a file can be copied");
    };
    listed.split_whitespace().filter(|word| word.starts_with('/')).for_each(|library| place(library, library));
    place(&program, "/usr/bin/counter");
    root
}

#[tokio::test]
async fn an_image_is_all_that_a_server_needs() {
    let home = Home::new();
    let keys = format!(
        "isolation = \"microvm\"\nimage = \"dir:{}\"\n\n[servers.it.limits]\nmemory = \"256MiB\"\nstart_timeout = \"2m\"",
        image(&home).display()
    );
    let manifest = table("it", &["counter".to_owned()], &keys);
    let node = Start::serve(home, "sessile.toml", &manifest).env("SESSILE_MICROVM_KERNEL", &kernel()).start();
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    assert_eq!(client.call("increment", json!({})).await, "2");
    node.stop();
}

#[tokio::test]
async fn a_node_that_is_killed_leaves_no_machine() {
    let mut node = start(Home::new());
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    let footprint = node.footprint();
    node.signal(Signal::KILL);
    node.wait(GONE_WITHIN);
    if let Err(left) = footprint.is_gone(GRACE + GONE_WITHIN) {
        panic!("{left}");
    }
}

/// A node whose server is in a machine, with further keys of its table and limits that stay as they are.
fn machine(fixture: &str, arguments: &[&str], keys: &str) -> Node {
    let home = Home::new();
    let command: Vec<String> =
        [home.fixture(fixture)].into_iter().chain(arguments.iter().map(|word| (*word).into())).collect();
    let limits = "[servers.it.limits]\nmemory = \"256MiB\"\nstart_timeout = \"2m\"";
    let manifest = table("it", &command, &format!("isolation = \"microvm\"\n{keys}\n\n{limits}"));
    Start::serve(home, "sessile.toml", &manifest).env("SESSILE_MICROVM_KERNEL", &kernel()).start()
}

#[tokio::test]
async fn a_machine_outlives_its_node() {
    let node = machine("counter", &[], "");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    let before = node.admin().only_session().await;
    let node = node.restart(Signal::KILL);
    let mut client = client.to(node.endpoint());
    assert_eq!(client.call("increment", json!({})).await, "2");
    assert_eq!(node.admin().only_session().await["name"], before["name"]);
    // As often as it takes; and in the end it ends as every session does.
    let node = node.restart(Signal::USR2);
    let mut client = client.to(node.endpoint());
    assert_eq!(client.call("increment", json!({})).await, "3");
    client.close().await;
    until("the machine is gone", PATIENCE, async || (monitors(&node) == 0).then_some(())).await;
    node.stop();
}

#[tokio::test]
async fn a_question_put_in_a_machine_is_answered_after_a_kill() {
    let node = machine("asker", &[], "");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", json!({ "rounds": [[form("Who?", "name", "string")]] })).await;
    let node = node.restart(Signal::KILL);
    let client = client.to(node.endpoint());
    let text = client.finish(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await;
    assert!(text.contains("Ada"), "{text}");
    node.stop();
}

#[tokio::test]
async fn a_server_in_a_machine_speaks_http_and_reaches_what_is_listed() {
    let outside = TcpListener::bind("127.0.0.2:0").await.expect("a free port");
    let listed = outside.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let Ok((mut socket, _)) = outside.accept().await else { return };
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\noutside";
            let _ = socket.write_all(answer).await;
        }
    });
    let node = machine("http", &[], &format!("port = 8000\negress = {{ allow = [\"{listed}\"] }}"));
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("echo", json!({ "of": "inside" })).await, "inside");
    let got = client.call("fetch", json!({ "of": format!("http://{listed}/") })).await;
    assert!(got.contains("200 OK") && got.ends_with("outside"), "{got}");
    for (url, rule) in [
        (format!("http://127.0.0.3:{}/", listed.port()), "address_refused"),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), "address_refused"),
        ("http://93.184.216.34/".to_owned(), "not_listed"),
    ] {
        let got = client.call("fetch", json!({ "of": url })).await;
        assert!(got.contains("403") && got.contains(rule), "{url}: {got}");
    }
    let session = node.admin().only_session().await;
    assert_eq!(session["egress"]["refused"], 3, "{session}");
    node.stop();
}

/// The runtime's connections into the machine end in the middle of what is said on them.
#[tokio::test]
async fn a_call_to_a_port_inside_goes_on_after_a_kill() {
    let node = machine("http", &[], "port = 8000");
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("echo", json!({ "of": "before" })).await, "before");
    let under_way = client.begin("hang", json!({})).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let node = node.restart(Signal::KILL);
    drop(under_way);
    let mut client = client.to(node.endpoint());
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(client.call("echo", json!({ "of": "after" })).await, "after");
    }
    node.stop();
}

#[test]
fn check_says_what_carries_machines_or_what_is_missing() {
    let home = Home::new();
    let check = |kernel: &str| {
        let mut command = Command::new(binaries::sessile());
        command.args(["check", "--state-dir"]).arg(home.state()).current_dir(home.path());
        let output =
            command.env("SESSILE_MICROVM_KERNEL", kernel).env("SESSILE_MICROVM_ACCELERATOR", "emulation").output();
        String::from_utf8(output.expect("sessile runs").stdout).expect("UTF-8")
    };
    let missing = check("/nowhere");
    assert!(missing.contains("microVMs: missing: there is no guest kernel in `/nowhere`"), "{missing}");
    assert!(missing.contains("sessile microvm setup"), "{missing}");
    let there = check(&kernel());
    assert!(there.contains("microVMs: fallback: emulation; a trial machine was up in"), "{there}");
}

/// A package as Debian makes them, with these files.
fn package(home: &Home, name: &str, files: &[&str]) -> PathBuf {
    let tree = home.path().join(name);
    for file in files.iter().chain(&["DEBIAN/control"]) {
        let path = tree.join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory can be made");
        let control = "Package: kernel\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: none\n";
        fs::write(path, control).expect("a file can be written");
    }
    let package = home.path().join(format!("{name}.deb"));
    let built = Command::new("dpkg-deb").arg("-b").arg(&tree).arg(&package).output().expect("dpkg-deb runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    package
}

#[test]
fn setup_unpacks_a_kernel_and_takes_nothing_else() {
    let home = Home::new();
    let setup = |package: &PathBuf| {
        let mut command = Command::new(binaries::sessile());
        command.args(["microvm", "setup", "--state-dir"]).arg(home.state()).arg("--package").arg(package);
        let output = command.env_remove("SESSILE_MICROVM_KERNEL").output().expect("sessile runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("UTF-8"))
    };
    let place = home.state().join("microvm/kernel");
    let one = package(&home, "one", &["boot/vmlinuz-1.0", "lib/modules/1.0/modules.order"]);
    let (code, said) = setup(&one);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("guest kernel 1.0 is in"), "{said}");
    assert!(place.join("boot/vmlinuz-1.0").is_file());

    // A newer one takes its place; what holds no kernel leaves it there.
    let two = package(&home, "two", &["boot/vmlinuz-2.0", "lib/modules/2.0/modules.order"]);
    assert_eq!(setup(&two).0, Some(0));
    let none = package(&home, "none", &["usr/share/doc/nothing"]);
    let (code, said) = setup(&none);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("holds no kernel with modules"), "{said}");
    assert!(place.join("boot/vmlinuz-2.0").is_file() && !place.join("boot/vmlinuz-1.0").exists());
    let left: Vec<_> = fs::read_dir(home.state().join("microvm")).expect("it is there").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
