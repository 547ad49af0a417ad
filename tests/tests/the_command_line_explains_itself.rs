//! Whoever types something wrong is told what, where, and what to write instead; exit codes say whose fault it was.

use serde_json::Value;
use sessile_tests::{Home, Node, binaries};
use std::process::{Command, Stdio};

/// What a command came to.
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn sessile(home: &Home, arguments: &[&str]) -> Outcome {
    let output = Command::new(binaries::sessile())
        .args(arguments)
        .current_dir(home.path())
        .env_remove("SESSILE_LOG")
        .stdin(Stdio::null())
        .output()
        .expect("sessile starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is text");
    Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Outcome {
    /// It failed with this code, said so on stderr alone, and named all of `words`.
    fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert_eq!(self.stdout, "", "results and errors do not mix");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing: {}", self.stderr);
        }
    }
}

#[test]
fn help_fits_one_screen() {
    let home = Home::new();
    for arguments in [&[][..], &["--help"], &["-h"]] {
        let outcome = sessile(&home, arguments);
        let help = format!("{}{}", outcome.stdout, outcome.stderr);
        let lines = help.lines().count();
        assert!((24..=40).contains(&lines), "{arguments:?}: {lines} lines\n{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
        for word in
            ["run", "serve", "check", "sessions", "call", "tools", "images", "key", "Exit codes", "sessile run --"]
        {
            assert!(help.contains(word), "{word}: {help}");
        }
    }
    assert_eq!(sessile(&home, &["--help"]).code, Some(0));
    let version = sessile(&home, &["--version"]);
    assert_eq!((version.code, version.stdout.starts_with("sessile ")), (Some(0), true));
}

#[test]
fn bad_usage_is_exit_code_2() {
    let home = Home::new();
    sessile(&home, &["rum"]).failed(2, &["rum", "run"]);
    sessile(&home, &["run"]).failed(2, &["COMMAND"]);
    sessile(&home, &["run", "--listen", "here", "--", "x"]).failed(2, &["--listen", "here"]);
    sessile(&home, &["run", "--env", "NOVALUE", "--", "x"]).failed(2, &["NAME=VALUE"]);
    sessile(&home, &["--log", "sessile=loud", "check"]).failed(2, &["loud"]);
    sessile(&home, &["serve"]).failed(2, &["sessile.toml", "-c"]);
    sessile(&home, &["serve", "-c", "no-such.toml"]).failed(2, &["no-such.toml"]);
    sessile(&home, &["run", "--isolation", "none", "--", "true"]).failed(2, &["--allow-unsandboxed"]);
}

#[test]
fn a_strict_server_starts_only_where_everything_is_enforced() {
    let home = Home::new();
    home.file("sessile.toml", "[servers.files]\ncommand = [\"true\"]\nisolation = \"none\"\nstrict = true\n");
    let addresses = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let gaps = ["server files has `strict = true`", "own files only: missing", "use `--isolation process`"];
    sessile(&home, &[&["serve", "--allow-unsandboxed"][..], &addresses].concat()).failed(3, &gaps);
    let checked = sessile(&home, &["check"]);
    assert_eq!(checked.code, Some(3), "{}{}", checked.stdout, checked.stderr);
    assert!(gaps.iter().all(|gap| checked.stdout.contains(gap)), "{}", checked.stdout);
}

#[test]
fn mistakes_in_a_manifest_are_shown_where_they_are() {
    let home = Home::new();
    let text =
        "[servers.files]\ncommand = [\"x\"]\n\n[servers.files.limits]\nmemroy = \"1GiB\"\nidle_timeout = \"soon\"\n";
    home.file("sessile.toml", text);
    let unknown = "sessile.toml:5:1: servers.files.limits.memroy: unknown key; did you mean `memory`?";
    for arguments in [&["serve"][..], &["check"], &["check", "-c", "sessile.toml"]] {
        sessile(&home, arguments).failed(2, &[unknown, "sessile.toml:6:16: servers.files.limits.idle_timeout"]);
    }
    home.file("other.json", r#"{"mcpServers": {"a": {"comand": "x"}}}"#);
    sessile(&home, &["check", "-c", "other.json"]).failed(2, &["other.json:1:", "comand", "`command`"]);
}

#[test]
fn check_tells_what_a_server_sees_and_what_this_host_can_enforce() {
    let home = Home::new();
    let command = home.fixture("counter");
    home.file(
        "sessile.toml",
        &format!("[servers.it]\ncommand = [{command:?}]\n\n[servers.far]\nurl = \"https://example.com/mcp\"\n"),
    );
    let outcome = sessile(&home, &["check"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for word in ["sessile.toml: ok", "server it:", "fixture-counter", "server far: remote", "this host:"] {
        assert!(outcome.stdout.contains(word), "{word}: {}", outcome.stdout);
    }
    let outcome = sessile(&home, &["check", "--json"]);
    let report: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(report["servers"].as_array().map(Vec::len), Some(2), "{report}");
    assert!(report["host"]["rows"].as_array().is_some_and(|rows| rows.len() > 5), "{report}");

    let schema: Value = serde_json::from_str(&sessile(&home, &["check", "--schema"]).stdout).expect("JSON");
    let limits = schema.to_string();
    for key in ["idle_timeout", "sessions_per_principal", "sse_2024", "read_only"] {
        assert!(limits.contains(key), "{key}");
    }
    // A command that is not there is a fault that check finds.
    home.file("sessile.toml", "[servers.it]\ncommand = [\"no-such-program\"]\n");
    let outcome = sessile(&home, &["check"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("no-such-program"), "{}", outcome.stdout);
}

#[test]
fn a_command_that_is_not_there_is_named_with_where_it_was_looked_for() {
    let home = Home::new();
    let run = ["run", "--listen", "127.0.0.1:0", "--", "no-such-program"];
    sessile(&home, &run).failed(1, &["no-such-program", "/usr/bin"]);
    let run = ["run", "--listen", "127.0.0.1:0", "--", "/no/such/program"];
    sessile(&home, &run).failed(1, &["/no/such/program"]);
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let node = Node::of("counter", &[]);
    let home = Home::new();
    let command = home.fixture("counter");
    let taken = node.endpoint().address.to_string();
    let outcome = sessile(&home, &["run", "--listen", &taken, "--", &command]);
    outcome.failed(1, &[&taken, "--listen", "port 0"]);
    let admin = node.admin().endpoint().address.to_string();
    let outcome = sessile(&home, &["run", "--listen", "127.0.0.1:0", "--admin", &admin, "--", &command]);
    outcome.failed(1, &[&admin, "--admin"]);
}

#[test]
fn errors_are_written_as_all_errors_are() {
    let home = Home::new();
    for arguments in [&["serve"][..], &["run", "--listen", "127.0.0.1:0", "--", "no-such-program"], &["key", "a b"]] {
        let outcome = sessile(&home, arguments);
        let last = outcome.stderr.trim_end();
        assert!(last.starts_with("sessile: "), "{last}");
        assert!(!last.ends_with('.') && !last.contains("Error"), "{last}");
    }
}
