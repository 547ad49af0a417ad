//! `sessile images`: from a directory or a layout to a file system that a kernel mounts and a server starts from.
//!
//! `tests/images/install` makes what real servers' images are made from.

use serde_json::{Value, json};
use sessile_tests::{Home, binaries};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// `sessile images` with a store of the home's own.
fn images(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries::sessile());
    command.arg("images").args(arguments).arg("--state-dir").arg(home.state());
    command.current_dir(home.path()).env_remove("SESSILE_LOG").env("DOCKER_CONFIG", home.path()).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What a command printed that succeeded.
fn done(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("what is printed is text")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON: {error}: {text}"))
}

/// What `tests/images/install` made.
fn made(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/images").join(name);
    path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}; run tests/images/install", path.display()))
}

/// Starts a program in an image, read-only, with nothing else of the host: as root in a mount of the kernel's, else in
/// what `fsck.erofs` takes out of it. The mount goes with the program.
fn start(home: &Home, image: &str, program: &[&str]) -> Child {
    let root = home.path().join("root");
    fs::create_dir_all(&root).unwrap();
    let (flags, enter): (&[&str], &str) = if rustix::process::geteuid().is_root() {
        (&["--mount", "--propagation", "private"], "mount -t erofs -o loop,ro \"$1\" \"$2\"")
    } else {
        (&["--map-root-user", "--mount"], "fsck.erofs --extract=\"$2\" --overwrite \"$1\" >&2")
    };
    let script = format!("{enter}; root=$2; shift 2; exec chroot \"$root\" \"$@\"");
    let mut command = Command::new("unshare");
    command.args(flags).args(["sh", "-euc", &script, "sh", image]).arg(&root).args(program).env_clear();
    command.env("PATH", std::env::var("PATH").unwrap_or_default()).env("PYTHONPATH", "/opt/server");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare starts")
}

/// Greets an MCP server and gives its name.
fn greet(mut server: Child) -> String {
    let params = json!({
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let greeting = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let mut stdin = server.stdin.take().expect("a pipe");
    writeln!(stdin, "{greeting}").expect("the server reads");
    let mut answer = String::new();
    BufReader::new(server.stdout.take().expect("a pipe")).read_line(&mut answer).expect("the server answers");
    drop(stdin);
    server.kill().expect("it can be ended");
    server.wait().expect("it ends");
    let answer = parsed(&answer);
    answer["result"]["serverInfo"]["name"].as_str().unwrap_or_else(|| panic!("no server: {answer}")).to_owned()
}

/// A layout of directories, each a layer.
fn layout(home: &Home, layers: &[&Path]) -> PathBuf {
    let path = home.path().join("layout");
    let blobs = path.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let store = |bytes: &[u8], kind: &str| {
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(blobs.join(&hex), bytes).unwrap();
        json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": format!("sha256:{hex}"), "size": bytes.len() })
    };
    let archives: Vec<_> = layers
        .iter()
        .map(|layer| {
            let archive = run(Command::new("tar").args(["-c", "--numeric-owner", "-C"]).arg(layer).arg(".")).stdout;
            store(&archive, "layer.v1.tar")
        })
        .collect();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let diff_ids: Vec<_> = archives.iter().map(|archive| archive["digest"].clone()).collect();
    let config =
        json!({ "os": "linux", "architecture": architecture, "rootfs": { "type": "layers", "diff_ids": diff_ids } });
    let config = store(config.to_string().as_bytes(), "config.v1+json");
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": archives });
    let mut manifest = store(manifest.to_string().as_bytes(), "manifest.v1+json");
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": "v1" });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(path.join("index.json"), index.to_string()).unwrap();
    path
}

/// A directory that is quick to build from.
fn small(home: &Home, name: &str) -> String {
    let path = home.path().join(name);
    fs::create_dir_all(path.join("etc")).unwrap();
    fs::write(path.join("etc/name"), name).unwrap();
    format!("dir:{}", path.display())
}

fn left_behind(home: &Home) -> usize {
    let images = home.state().join("images");
    [".staging", ".locks"].iter().map(|name| fs::read_dir(images.join(name)).map_or(0, Iterator::count)).sum()
}

#[test]
fn a_python_server_starts_from_an_image_of_a_directory() {
    let home = Home::new();
    let reference = format!("dir:{}", made("python").display());
    let output = run(&mut images(&home, &["build", &reference, "--json"]));
    let (built, said) = (parsed(&text(&output.stdout)), text(&output.stderr));
    assert!(said.contains("writing the image") && said.contains("built, "), "{said}");
    let server = start(&home, built["path"].as_str().unwrap(), &["/usr/bin/python3", "/opt/server/serve.py"]);
    assert_eq!(greet(server), "imaged");
    let again = run(&mut images(&home, &["build", &reference, "--json"]));
    assert_eq!(parsed(&text(&again.stdout)), built);
    assert!(!text(&again.stderr).contains("built, "), "once: {}", text(&again.stderr));
    assert_eq!(left_behind(&home), 0);
}

#[test]
fn a_node_server_starts_from_an_image_of_two_layers() {
    let home = Home::new();
    let layout = layout(&home, &[&made("base"), &made("server")]);
    let built = parsed(&done(&mut images(&home, &["build", "oci:layout:v1", "--json"])));
    let pinned = built["image"].as_str().unwrap();
    assert!(pinned.starts_with(&format!("oci:{}@sha256:", layout.display())), "{pinned}");
    let program = "/opt/server/node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    let server = start(&home, built["path"].as_str().unwrap(), &["/usr/bin/node", program, "stdio"]);
    assert!(greet(server).contains("everything"));
    assert_eq!(left_behind(&home), 0);
}

#[test]
fn images_are_listed_verified_and_pruned() {
    let home = Home::new();
    assert!(text(&run(&mut images(&home, &["list"])).stderr).contains("no images"));
    let (one, two) = (small(&home, "one"), small(&home, "two"));
    let line = done(&mut images(&home, &["build", &one, "dir:two"]));
    assert!(line.contains(&one) && line.contains(&two) && line.matches("sha256:").count() == 2, "{line}");
    let listed = parsed(&done(&mut images(&home, &["list", "--json", "--verify"])));
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|image| image["state"] == "verified" && image["in_use"] == false), "{listed:?}");
    let table = done(&mut images(&home, &[]));
    assert!(table.starts_with("KEY") && table.contains(&one) && table.contains("ready"), "{table}");

    let prune = |more: &[&str]| parsed(&done(&mut images(&home, &[&["prune", "--json"], more].concat())));
    assert!(prune(&[]).as_array().unwrap().iter().all(|image| image["kept_because"] == "used recently"));
    let manifest = home.path().join("sessile.toml");
    fs::write(&manifest, "[servers.a]\ncommand = [\"/bin/a\"]\nisolation = \"microvm\"\nimage = \"dir:one\"\n")
        .unwrap();
    let would = prune(&["--older-than", "0s", "--dry-run"]);
    let done_then = prune(&["--older-than", "0s"]);
    for (pruned, image) in would.as_array().unwrap().iter().zip(done_then.as_array().unwrap()) {
        assert_eq!(pruned["removed"], image["removed"]);
        let is_named = image["image"] == one.as_str();
        let expected = if is_named { json!([false, "in the manifest"]) } else { json!([true, null]) };
        assert_eq!(json!([image["removed"], image["kept_because"]]), expected);
    }
    let listed = parsed(&done(&mut images(&home, &["list", "--json"])));
    let key = listed[0]["key"].as_str().unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);

    // A disk that fails: one bit, and nothing else, is another.
    let file = home.state().join("images").join(key).join("image.erofs");
    let mut bytes = fs::read(&file).unwrap();
    bytes[4096] ^= 1;
    fs::remove_file(&file).unwrap();
    fs::write(&file, bytes).unwrap();
    let output = run(&mut images(&home, &["list", "--verify"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("damaged"), "{}", text(&output.stdout));
    let said = text(&run(&mut images(&home, &["build"])).stderr);
    assert!(said.contains("is damaged") && said.contains("built, "), "{said}");
    done(&mut images(&home, &["list", "--verify"]));
}

#[test]
fn what_cannot_be_built_says_why_and_what_to_do() {
    let home = Home::new();
    let failed = |arguments: &[&str], code: i32, words: &[&str]| {
        let output = run(&mut images(&home, arguments));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert_eq!(text(&output.stdout), "");
    };
    failed(&["build"], 2, &["-c FILE"]);
    failed(&["build", "python:3.12"], 2, &["names no registry", "@sha256:"]);
    failed(&["build", "dir:"], 2, &["dir:/PATH"]);
    failed(&["build", "dir:none"], 1, &["none", "No such file"]);
    failed(&["build", "oci:none"], 1, &["index.json"]);
    failed(&["prune", "--older-than", "soon"], 2, &["--older-than"]);
    // A port of this machine where nothing listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(home.path().join("config.json"), "s3cret").unwrap();
    failed(&["build", &format!("127.0.0.1:{port}/name:v1")], 2, &["config.json"]);
    // One that fails does not keep the others back.
    let good = small(&home, "good");
    let output = run(&mut images(&home, &["build", "dir:none", &good]));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains(&good));
    assert_eq!(left_behind(&home), 0);
}

#[test]
fn an_interrupted_build_leaves_nothing() {
    let home = Home::new();
    let reference = format!("dir:{}", made("python").display());
    for step in ["reading the directory", "writing the image"] {
        let mut building = images(&home, &["build", &reference]).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut said = BufReader::new(building.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains(step) {
            line.clear();
            assert!(said.read_line(&mut line).expect("text") > 0, "it ended before {step:?}");
        }
        let pid = rustix::process::Pid::from_child(&building);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
        let mut rest = String::new();
        said.read_to_string(&mut rest).expect("text");
        assert_eq!(building.wait().expect("it ends").code(), Some(130), "{rest}");
        assert_eq!(left_behind(&home), 0, "{step}");
        assert_eq!(parsed(&done(&mut images(&home, &["list", "--json"]))), json!([]), "{step}");
    }
}

#[test]
fn a_manifest_with_an_image_is_checked_like_any_other() {
    let home = Home::new();
    let manifest = home.path().join("sessile.toml");
    let check = |text: &str| {
        fs::write(&manifest, text).unwrap();
        run(Command::new(binaries::sessile()).arg("check").current_dir(home.path()))
    };
    let output = check("[servers.a]\ncommand = [\"/bin/a\"]\nimage = \"dir:rootfs\"\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("sessile.toml:3:1: servers.a.image: only microVMs"),
        "{}",
        text(&output.stderr)
    );
}
