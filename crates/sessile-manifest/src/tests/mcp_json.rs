//! `.mcp.json` as other tools write it.

use insta::assert_snapshot;

use super::*;

#[test]
fn servers_of_every_kind_are_read() {
    let manifest = json(
        r#"{
          // comments and trailing commas are what editors write
          "mcpServers": {
            "plain": { "command": "npx", "args": ["-y", "server", "${HOME}"], "env": { "LEVEL": "info", "DEBUG": true, "PORT": 80 } },
            "typed": { "type": "stdio", "command": "server", "cwd": "sub" },
            "http": { "type": "http", "url": "https://h.example/mcp", "headers": { "Authorization": "Bearer ${TOKEN}" } },
            "streamable": { "type": "streamable-http", "url": "${BASE:-https://d.example}/mcp" },
            "untyped": { "url": "https://u.example/mcp" },
            "off": { "command": "nothing", "disabled": true },
            "out": { "command": "nothing", "enabled": false },
          },
        }"#,
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(manifest.warnings, []);
    let names: Vec<&str> = manifest.servers.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["plain", "typed", "http", "streamable", "untyped"]);
    let Kind::Command(plain) = &manifest.servers[0].kind else { panic!("a command") };
    assert_eq!(plain.command, ["npx", "-y", "server", "/home/ada"]);
    assert_eq!(plain.env.iter().collect::<Vec<_>>(), [("DEBUG", "true"), ("LEVEL", "info"), ("PORT", "80")]);
    let Kind::Command(typed) = &manifest.servers[1].kind else { panic!("a command") };
    assert_eq!(typed.cwd.as_deref(), Some(Path::new("/srv/project/sub")));
    let Kind::Url(http) = &manifest.servers[2].kind else { panic!("a url") };
    assert_eq!(http.headers.get("Authorization"), Some("Bearer s3cret-value"));
    let Kind::Url(streamable) = &manifest.servers[3].kind else { panic!("a url") };
    assert_eq!(streamable.url.as_str(), "https://d.example/mcp");
    assert_eq!(manifest.servers[4].limits, Limits::default());
}

#[test]
fn what_is_not_used_is_a_warning() {
    let manifest = json(
        r#"{
  "inputs": [],
  "servers": {
    "a": { "command": "a", "autoApprove": ["x"], "timeout": 60, "url": "https://a/mcp", "type": "stdio" }
  }
}"#,
    )
    .expect("right");
    let warnings: Vec<String> = manifest.warnings.iter().map(ToString::to_string).collect();
    assert_snapshot!(warnings.join("\n"), @r##"
    .mcp.json:2:3: inputs: not used by Sessile
     2 |   "inputs": [],
       |   ^^^^^^^^
    .mcp.json:4:28: servers.a.autoApprove: not used by Sessile
     4 |     "a": { "command": "*", "autoApprove": ["*"], "timeout": 60, "url": "*************", "type": "***
       |                            ^^^^^^^^^^^^^
    .mcp.json:4:50: servers.a.timeout: not used by Sessile
     4 | ": "*", "autoApprove": ["*"], "timeout": 60, "url": "*************", "type": "*****" }
       |                               ^^^^^^^^^
    .mcp.json:4:65: servers.a.url: not used by Sessile
     4 | prove": ["*"], "timeout": 60, "url": "*************", "type": "*****" }
       |                               ^^^^^
    "##);
}

#[test]
fn names_that_cannot_be_in_a_url_become_ones_that_can() {
    let manifest = json(
        r#"{ "mcpServers": {
            "My Server": { "command": "1" },
            "my-server": { "command": "2" },
            "my_server!": { "command": "3" },
            "MY SERVER": { "command": "4" },
            "日本": { "command": "5" }
        } }"#,
    )
    .expect("right");
    let names: Vec<&str> = manifest.servers.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["my-server-2", "my-server", "my_server", "my-server-3", "server"]);
    assert_eq!(manifest.warnings.len(), 4);
    assert_snapshot!(manifest.warnings[0], @r##"
    .mcp.json:2:13: mcpServers."My Server": served as `my-server-2`, since names are parts of URLs
     2 |             "My Server": { "command": "*" },
       |             ^^^^^^^^^^^
    "##);
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let text = r#"{
  "mcpServers": {
    "old": { "type": "sse", "url": "https://old.example/sse" },
    "odd": { "type": "websocket", "url": "wss://odd.example" },
    "env": { "command": "a", "args": ["${UNSET}", "${ALSO_UNSET}", 1, null], "env": { "A": "${OPEN" } },
    "both": { "command": "a", "url": "https://b.example/mcp" },
    "none": {},
    "text": "npx server",
    "twice": { "command": "a", "command": "b" },
    "hop": { "url": "https://h.example/mcp", "headers": { "Mcp-Session-Id": "1", "a b": "1", "X": "${input:key}" } }
  }
}"#;
    assert_snapshot!(told(json(text)), @r##"
    .mcp.json:3:22: mcpServers.old.type: the HTTP+SSE transport of 2024-11-05 cannot be proxied; name the server's Streamable HTTP endpoint and write "http"
     3 |     "old": { "type": "***", "url": "***********************" },
       |                      ^^^^^
    .mcp.json:4:22: mcpServers.odd.type: unknown type; it is one of "stdio", "http" and "streamable-http"
     4 |     "odd": { "type": "*********", "url": "*****************" },
       |                      ^^^^^^^^^^^
    .mcp.json:5:39: mcpServers.env.args[0]: the environment variable UNSET is not set; set it, or write `${UNSET:-default}`
     5 | ": { "command": "*", "args": ["********", "*************", 1, null], "env": { "A": "******" } },
       |                               ^^^^^^^^^^
    .mcp.json:5:51: mcpServers.env.args[1]: the environment variable ALSO_UNSET is not set; set it, or write `${ALSO_UNSET:-default}`
     5 | d": "*", "args": ["********", "*************", 1, null], "env": { "A": "******" } },
       |                               ^^^^^^^^^^^^^^^
    .mcp.json:5:71: mcpServers.env.args[3]: expected a string, found null
     5 | *******", "*************", 1, null], "env": { "A": "******" } },
       |                               ^^^^
    .mcp.json:5:92: mcpServers.env.env.A: `${` without `}`; write `${NAME}`
     5 | ***", 1, null], "env": { "A": "******" } },
       |                               ^^^^^^^^
    .mcp.json:6:5: mcpServers.both: both `command` and `url`; remove one, or say which with `type`
     6 |     "both": { "command": "*", "url": "*********************" },
       |     ^^^^^^
    .mcp.json:7:5: mcpServers.none: nothing to start; expected `command` or `url`
     7 |     "none": {},
       |     ^^^^^^
    .mcp.json:8:13: mcpServers.text: expected an object, found a string
     8 |     "text": "**********",
       |             ^^^^^^^^^^^^
    .mcp.json:9:32: mcpServers.twice.command: the key is there twice; remove one
     9 |     "twice": { "command": "*", "command": "b" },
       |                                ^^^^^^^^^
    .mcp.json:10:59: mcpServers.hop.headers.Mcp-Session-Id: a header that Sessile sets itself on each request; remove it
     10 | **************", "headers": { "Mcp-Session-Id": "*", "a b": "*", "X": "************" } }
        |                               ^^^^^^^^^^^^^^^^
    .mcp.json:10:82: mcpServers.hop.headers."a b": not the name of an HTTP header
     10 | rs": { "Mcp-Session-Id": "*", "a b": "*", "X": "************" } }
        |                               ^^^^^
    .mcp.json:10:99: mcpServers.hop.headers.X: `${…}` holds no name of an environment variable; write `${NAME}`
     10 | on-Id": "*", "a b": "*", "X": "************" } }
        |                               ^^^^^^^^^^^^^^
    "##);
}

#[test]
fn text_that_is_not_json_or_holds_no_servers() {
    assert_snapshot!(told(json("")), @r##".mcp.json:1:1: not JSON: the file is empty"##);
    assert_snapshot!(told(json("{\n  \"mcpServers\": {\n    \"a\": { \"command\" \"b\" }\n  }\n}")), @r##"
    .mcp.json:3:22: not JSON: expected colon after the string or word in object property
     3 |     "a": { "*******" "*" }
       |                      ^^^
    "##);
    assert_snapshot!(told(json("{\"mcp\": {}}")), @r##"
    .mcp.json:1:1: no servers; expected an object `mcpServers` with one member per server
     1 | {"mcp": {}}
       | ^^^^^^^^^^^
    "##);
    assert_snapshot!(told(json("{\"mcpServers\": []}")), @r##"
    .mcp.json:1:16: mcpServers: expected an object with one member per server, found an array
     1 | {"mcpServers": []}
       |                ^^
    "##);
    assert_snapshot!(told(json("{\"mcpServers\": {\"a\": {\"command\": \"a\", \"disabled\": true}}}")), @r##"
    .mcp.json:1:2: mcpServers: no server is left to host; add or enable one
     1 | {"mcpServers": {"a": {"command": "*", "disabled": true}}}
       |  ^^^^^^^^^^^^
    "##);
    assert_snapshot!(told(json("[]")), @r##"
    .mcp.json:1:1: no servers; expected an object `mcpServers` with one member per server
     1 | []
       | ^^
    "##);
}

#[test]
fn a_default_stands_in_for_what_is_unset_or_empty() {
    let read = |value: &str| {
        let text = format!("{{\"mcpServers\": {{\"a\": {{\"command\": \"a\", \"env\": {{\"V\": {value:?}}}}}}}}}");
        let manifest = json(&text).expect("right");
        let Kind::Command(command) = &manifest.servers[0].kind else { panic!("a command") };
        command.env.get("V").expect("V").to_owned()
    };
    assert_eq!(read("${TOKEN:-other}"), "s3cret-value");
    assert_eq!(read("${UNSET:-other}"), "other");
    assert_eq!(read("${EMPTY:-other}"), "other");
    assert_eq!(read("${EMPTY}"), "");
    assert_eq!(read("${UNSET:-}"), "");
    assert_eq!(read("<${env:HOME}${TOKEN}>"), "</home/adas3cret-value>");
    assert_eq!(read("$HOME $ {HOME} $$"), "$HOME $ {HOME} $$");
}
