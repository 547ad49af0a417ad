//! Errors and debug output never show what may be secret.

use super::*;

const SECRET: &str = "s3cret-value";

#[test]
fn an_error_beside_a_secret_does_not_show_it() {
    for text in [
        "[servers.a]\nenv = { \"A=B\" = \"s3cret-value\" }\ncommand = [\"a\"]",
        "[servers.a]\nenv = \"s3cret-value\"\ncommand = [\"a\"]",
        "[servers.a]\ncommand = \"server --token s3cret-value\"",
        "[servers.a]\ncommand = [\"a\", \"s3cret-value\\u0000\"]",
        "[servers.a]\nurl = \"https://u:s3cret-value@h/mcp\"",
        "[servers.a]\nurl = \"https://h/mcp\"\nheaders = { Host = \"s3cret-value\" }",
        "[servers.a]\nheaders = { A = \"s3cret-value\\n\" }\nurl = \"https://h/mcp\"",
        "[servers.a]\nurl = \"https://h/mcp\"\ntoken = \"s3cret-value\"",
        "credentials = { gh = { token = \"s3cret-value\" } }\n[servers.a]\ncommand = [\"a\"]",
        "servers = [{ env = { TOKEN = \"s3cret-value\" } }]",
        "[servers.a]\nenv = { TOKEN = \"s3cret-value }\n",
        "[servers.a]\nenv = { TOKEN = \"s3cret-value\" ]\n",
        "[servers.a]\nenv.TOKEN = \"\"\"\ns3cret-value\n",
        "[servers.a]\nisolation = { x = \"s3cret-value\" }\ncommand = [\"a\"]",
    ] {
        let error = told(toml(text));
        assert!(!error.contains(SECRET), "{error}");
    }
}

#[test]
fn nor_does_one_in_json() {
    for text in [
        r#"{"mcpServers": {"a": {"command": 1.5e, "env": {"TOKEN": "s3cret-value"}}}}"#,
        r#"{"mcpServers": {"a": {"command": [], "env": {"TOKEN": "s3cret-value"}}}}"#,
        r#"{"mcpServers": {"a": {"command": "x", "args": ["${TOKEN}\u0000", "${UNSET}"]}}}"#,
        r#"{"mcpServers": {"a": {"url": "not a url ${TOKEN}", "headers": {"A": "s3cret-value"}}}}"#,
        r#"{"mcpServers": {"a": {"type": "s3cret-value", "command": "x"}}}"#,
        r#"{"mcpServers": {"a": {"command": "x", "env": {"T": "${s3cret-value}"}}}}"#,
        r#"{"mcpServers": {"a": {"command": "x", "env": {"T": "s3cret-value"#,
    ] {
        let error = told(json(text));
        assert!(!error.contains(SECRET), "{error}");
    }
}

#[test]
fn a_manifest_can_be_debugged_without_showing_them() {
    let text = r#"{"mcpServers": {
        "a": {"command": "x", "env": {"TOKEN": "${TOKEN}"}},
        "b": {"url": "https://h/mcp?key=s3cret-value", "headers": {"Authorization": "Bearer ${TOKEN}"}}
    }}"#;
    let manifest = json(text).expect("right");
    let shown = format!("{manifest:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    assert!(shown.contains("TOKEN") && shown.contains("Authorization"), "{shown}");
    let Kind::Command(command) = &manifest.servers[0].kind else { panic!("a command") };
    assert_eq!(command.env.get("TOKEN"), Some(SECRET));
}
