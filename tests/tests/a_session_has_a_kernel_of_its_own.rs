//! Isolation `microvm`: the same sessions, each in a virtual machine. Needs what `scripts/microvm-kernel` installs.
//! What they share with processes is in `every_isolation_keeps_its_promises/`.

use rustix::process::Signal;
use serde_json::json;
use sessile_tests::machines::{self, KERNEL, kernel, monitors};
use sessile_tests::node::table;
use sessile_tests::terminal::AtTerminal;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Node, binaries};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn start(home: Home) -> Node {
    let command = [home.fixture("counter")];
    let keys = "isolation = \"microvm\"\n\n[servers.it.limits]\nmemory = \"256MiB\"\nstart_timeout = \"2m\"";
    let manifest = table("it", &command, keys);
    machines::serve(home, &manifest)
}

/// Stops a node once its sessions have ended: they would be written down, which takes a while where nothing is optimised.
async fn ended(node: Node) {
    for session in node.admin().live().await {
        node.admin().stop(session["name"].as_str().expect("a name")).await;
    }
    node.admin().all_ended().await;
    node.stop();
}

#[tokio::test]
async fn sessions_count_alone_in_machines_of_their_own_and_leave_nothing() {
    let node = start(Home::new());
    let (mut one, mut other) = tokio::join!(Client::open(node.endpoint()), Client::open(node.endpoint()));
    assert_eq!(monitors(&node).len(), 2);
    assert_eq!(one.call("increment", json!({})).await, "1");
    assert_eq!(one.call("increment", json!({})).await, "2");
    assert_eq!(other.call("increment", json!({})).await, "1");
    one.close().await;
    until("one session has ended", PATIENCE, async || (node.admin().live().await.len() == 1).then_some(())).await;
    assert_eq!(monitors(&node).len(), 1);
    assert_eq!(other.call("increment", json!({})).await, "2");
    ended(node).await;
}

/// A directory with a server, some programs of this system, their libraries, and nothing else.
fn image(home: &Home, programs: &[&str]) -> PathBuf {
    let root = home.path().join("image");
    let program = home.fixture("counter");
    let listed = Command::new("ldd").arg(&program).args(programs).output().expect("ldd runs");
    let listed = String::from_utf8(listed.stdout).expect("UTF-8");
    let listed = listed.replace(':', " ");
    let place = |file: &str, target: &str| {
        let target = root.join(target.trim_start_matches('/'));
        fs::create_dir_all(target.parent().expect("a parent")).expect("a directory can be made");
        fs::copy(file, target).expect("a file can be copied");
    };
    listed.split_whitespace().filter(|word| word.starts_with('/')).for_each(|library| place(library, library));
    programs.iter().for_each(|program| place(program, program));
    place(&program, "/usr/bin/counter");
    root
}

#[tokio::test]
async fn an_image_is_all_that_a_server_needs() {
    let home = Home::new();
    let keys = format!(
        "isolation = \"microvm\"\nimage = \"dir:{}\"\n\n[servers.it.limits]\nmemory = \"256MiB\"\nstart_timeout = \"2m\"",
        image(&home, &[]).display()
    );
    let manifest = table("it", &["counter".to_owned()], &keys);
    let node = machines::serve(home, &manifest);
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    assert_eq!(client.call("increment", json!({})).await, "2");
    ended(node).await;
}

/// `sessile sessions exec` in the only session of a node.
fn exec(node: &Node, session: &str, options: &[&str], script: &str) -> Command {
    let mut command = Command::new(binaries::sessile());
    command.args(["sessions", "exec", session]).args(options).args(["--", "sh", "-c", script]);
    command.env_remove("SESSILE_LOG").env("SESSILE_ADMIN", node.admin().endpoint().url());
    command
}

fn outcome(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("sessile starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn an_operator_looks_into_a_machine_also_after_a_restart() {
    let home = Home::new();
    let keys = format!(
        "isolation = \"microvm\"\nimage = \"dir:{}\"\n\n[servers.it.limits]\nmemory = \"256MiB\"\nstart_timeout = \"2m\"",
        image(&home, &["/usr/bin/sh", "/usr/bin/stty"]).display()
    );
    let manifest = table("it", &["counter".to_owned()], &keys);
    let node = machines::serve(home, &manifest);
    let mut client = Client::open(node.endpoint()).await;
    assert_eq!(client.call("increment", json!({})).await, "1");
    let session = node.admin().only_session().await;
    let session = session["name"].as_str().expect("a session has a name").to_owned();

    let options = ["--cwd", "/workspace", "--env", "A=b c"];
    let script = "while read -r name value; do case $name in CapEff:|Seccomp:|NoNewPrivs:) echo $name $value;; esac; done < /proc/self/status
        echo kept > file; echo $A; echo log >&2; exit 42";
    let expected = "CapEff: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\nb c\n";
    assert_eq!(outcome(&mut exec(&node, &session, &options, script)), (Some(42), expected.to_owned(), "log\n".into()));

    let script = "trap 'stty size; echo resized' WINCH; stty size; read line; echo got $line; while :; do read line && exit 5; done";
    let mut person = AtTerminal::start_in_full(&exec(&node, &session, &[], script));
    person.type_keys(b"hello\r");
    person.expect("got hello");
    person.resize(7, 8);
    person.expect("7 8");
    person.type_keys(b"\r");
    assert_eq!(person.wait(), Some(5));

    let node = node.restart(Signal::KILL);
    let mut client = client.to(node.endpoint());
    assert_eq!(client.call("increment", json!({})).await, "2");
    let script = "read -r line < /workspace/file; echo $line; kill -TERM $$";
    assert_eq!(outcome(&mut exec(&node, &session, &[], script)), (Some(128 + 15), "kept\n".into(), String::new()));
    let mut missing = Command::new(binaries::sessile());
    missing.args(["sessions", "exec", &session, "--", "ls"]).env("SESSILE_ADMIN", node.admin().endpoint().url());
    let (code, _, said) = outcome(&mut missing);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("command `ls` is not in the sandbox"), "{said}");
    assert_eq!(client.call("increment", json!({})).await, "3");
    ended(node).await;
}

#[test]
fn check_says_what_carries_machines_or_what_is_missing() {
    let home = Home::new();
    let check = |kernel: &str| {
        let mut command = Command::new(binaries::sessile());
        command.args(["check", "--state-dir"]).arg(home.state()).current_dir(home.path());
        let output = command.env(KERNEL, kernel).env("SESSILE_MICROVM_ACCELERATOR", "emulation").output();
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
        let output = command.env_remove(KERNEL).output().expect("sessile runs");
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
