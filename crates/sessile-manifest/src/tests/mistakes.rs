//! What the author of a wrong `sessile.toml` is told.

use insta::assert_snapshot;

use super::*;

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let text = r#"[node]
listen = "localhost:9000"
adress = "127.0.0.1:1"

[servers.files]
command = ["npx", "-y", "server"]
isolation = "microvm"
scope = "auto"

[servers.files.limits]
memroy = "1GiB"
cpu = 0
pids = "many"
idle_timeout = 15
message = "1TiB"

[servers.files.pool]
warm = 2

[servers.Other]
url = "ftp://example.com"
memory = "1GiB"
"#;
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:2:10: node.listen: not an address; write an IP address and a port, such as "127.0.0.1:9000"
     2 | listen = "localhost:9000"
       |          ^^^^^^^^^^^^^^^^
    sessile.toml:3:1: node.adress: unknown key; the keys here are `listen`, `admin`, `state_dir`, `allow_anonymous`, `api_keys`, `allowed_hosts`, `allowed_origins`, `sse_2024`, `default_server`, `drain`, `sessions`, `ended_sessions_kept`
     3 | adress = "***********"
       | ^^^^^^
    sessile.toml:7:13: servers.files.isolation: `microvm` is not available in this version; use "process"
     7 | isolation = "microvm"
       |             ^^^^^^^^^
    sessile.toml:8:1: servers.files.scope: not available in this version (sessions for clients without `initialize`); remove it
     8 | scope = "****"
       | ^^^^^
    sessile.toml:11:1: servers.files.limits.memroy: unknown key; did you mean `memory`?
     11 | memroy = "****"
        | ^^^^^^
    sessile.toml:12:7: servers.files.limits.cpu: out of range; the range is 0.01 to 1024
     12 | cpu = 0
        |       ^
    sessile.toml:13:8: servers.files.limits.pids: expected an integer, found a string
     13 | pids = "many"
        |        ^^^^^^
    sessile.toml:14:16: servers.files.limits.idle_timeout: not a span of time; write a number and a unit of ms, s, m, h or days, such as "30s"
     14 | idle_timeout = 15
        |                ^^
    sessile.toml:15:11: servers.files.limits.message: out of range; the range is 1KiB to 1GiB
     15 | message = "1TiB"
        |           ^^^^^^
    sessile.toml:17:16: servers.files.pool: not available in this version (sandboxes started ahead of need); remove it
     17 | [servers.files.pool]
        |                ^^^^
    sessile.toml:20:10: servers.Other: not a server name; use 1 to 63 characters of a-z 0-9 _ -, the first a letter or digit
     20 | [servers.Other]
        |          ^^^^^
    sessile.toml:21:7: servers.Other.url: a server is reached over http or https; write "https://HOST/mcp"
     21 | url = "*****************"
        |       ^^^^^^^^^^^^^^^^^^^
    sessile.toml:22:1: servers.Other.memory: unknown key; did you mean `limits.memory`?
     22 | memory = "****"
        | ^^^^^^
    "##);
}

#[test]
fn text_that_is_not_toml() {
    assert_snapshot!(told(toml("[servers.a]\ncommand = [\"a\"\nurl = \"b\n")), @r##"
    sessile.toml:3:1: not TOML: missing comma between array elements, expected `,`
     3 | url = "*
       | ^
    "##);
    assert_snapshot!(told(toml("a = 1\na = 2\n")), @r##"
    sessile.toml:2:1: not TOML: duplicate key
     2 | a = 2
       | ^
    "##);
}

#[test]
fn a_server_has_exactly_one_kind() {
    assert_snapshot!(told(toml("[servers.a]\n[servers.b]\ncommand = [\"b\"]\nurl = \"https://b/mcp\"\n")), @r##"
    sessile.toml:1:10: servers.a: nothing to start; write `command`, `package` or `url`
     1 | [servers.a]
       |          ^
    sessile.toml:4:1: servers.b.url: `command` is there too; a server has only one of them
     4 | url = "*************"
       | ^^^
    "##);
}

#[test]
fn a_misspelt_kind_is_told_once() {
    assert_snapshot!(told(toml("[servers.a]\ncomand = [\"a\"]\n")), @r##"
    sessile.toml:2:1: servers.a.comand: unknown key; did you mean `command`?
     2 | comand = ["*"]
       | ^^^^^^
    "##);
}

#[test]
fn keys_that_mean_nothing_with_a_kind() {
    let text = r#"[servers.a]
command = ["a"]
args = ["b"]
headers = {}
[servers.b]
url = "https://b.example/mcp"
env = { A = "1" }
limits = { memory = "1GiB", sessions = 5 }
[servers.c]
package = "pypi:c"
cwd = "/"
"#;
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:3:1: servers.a.args: goes with `package`; add the arguments to the array of `command`
     3 | args = ["*"]
       | ^^^^
    sessile.toml:4:1: servers.a.headers: goes with `url`; remove it
     4 | headers = {}
       | ^^^^^^^
    sessile.toml:7:1: servers.b.env: has no effect on a server with `url`, which runs elsewhere; remove it
     7 | env = { A = "*" }
       | ^^^
    sessile.toml:8:12: servers.b.limits.memory: has no effect on a server with `url`, which runs elsewhere; remove it
     8 | limits = { memory = "1GiB", sessions = 5 }
       |            ^^^^^^
    sessile.toml:11:1: servers.c.cwd: goes with `command`; a package starts in the session's workspace
     11 | cwd = "/"
        | ^^^
    "##);
}

#[test]
fn nothing_to_host() {
    assert_snapshot!(told(toml("")), @r##"sessile.toml:1:1: servers: no server; add a table [servers.NAME] with `command`, `package` or `url`"##);
    assert_snapshot!(told(toml("[node]\ndefault_server = \"b\"\n[servers.a]\ncommand = [\"a\"]\n")), @r##"
    sessile.toml:2:18: node.default_server: names no server of this file; add it, or name one that is there
     2 | default_server = "b"
       |                  ^^^
    "##);
}

#[test]
fn a_command_written_as_a_shell_line() {
    assert_snapshot!(told(toml("[servers.a]\ncommand = \"npx server\"\n[servers.b]\ncommand = []\n[servers.c]\ncommand = [\"\"]\n")), @r##"
    sessile.toml:2:11: servers.a.command: expected an array of strings, such as ["one", "two"], found a string
     2 | command = "**********"
       |           ^^^^^^^^^^^^
    sessile.toml:4:11: servers.b.command: empty; write at least one element
     4 | command = []
       |           ^^
    sessile.toml:6:11: servers.c.command: the program's name is empty
     6 | command = [""]
       |           ^^^^
    "##);
}

#[test]
fn paths_that_cannot_be_made_whole() {
    let homeless = Surroundings::new("/srv", |_| None);
    let text = "[servers.a]\ncommand = [\"a\"]\nfiles.read_only = [\"~bob/x\", \"~/y\"]\n";
    assert_snapshot!(told(parse(text, "sessile.toml", Format::Toml, &homeless)), @r##"
    sessile.toml:1:1: node.state_dir: the home directory is not known, as HOME is not set; write the whole path
    sessile.toml:3:20: servers.a.files.read_only[0]: homes of other users are not looked up; write the whole path
     3 | files.read_only = ["~bob/x", "~/y"]
       |                    ^^^^^^^^
    sessile.toml:3:30: servers.a.files.read_only[1]: the home directory is not known, as HOME is not set; write the whole path
     3 | files.read_only = ["~bob/x", "~/y"]
       |                              ^^^^^
    "##);
}

#[test]
fn more_for_one_principal_than_for_all() {
    let text = "[servers.a]\ncommand = [\"a\"]\nlimits = { sessions = 3, sessions_per_principal = 4 }\n";
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:3:51: servers.a.limits.sessions_per_principal: more than `sessions`, which is 3
     3 | limits = { sessions = 3, sessions_per_principal = 4 }
       |                                                   ^
    "##);
}

#[test]
fn a_mistake_in_the_defaults_is_told_once() {
    let text =
        "[defaults]\nfiles.read_only = [\"~bob/x\"]\n[servers.a]\ncommand = [\"a\"]\n[servers.b]\ncommand = [\"b\"]\n";
    let errors = toml(text).expect_err("wrong");
    assert_eq!(errors.problems().len(), 1, "{errors}");
}

#[test]
fn every_key_of_the_design_that_is_not_there_yet_says_so() {
    for key in ["credentials", "egress", "handles", "image", "path", "pin", "pool", "port", "scope", "strict"] {
        for table in ["defaults", "servers.a"] {
            let other = if table == "defaults" { "[servers.a]\ncommand = [\"a\"]\n" } else { "" };
            let text = format!("{other}[{table}]\ncommand = [\"a\"]\n{key} = 1\n");
            let error = told(toml(&text));
            assert!(error.contains("not available in this version"), "{error}");
            assert!(error.contains(&format!("{table}.{key}")), "{error}");
        }
    }
    let text = "credentials.gh.env = \"X\"\n[servers.a]\ncommand = [\"a\"]\nlimits.hibernate_after = \"1h\"\n";
    assert_eq!(told(toml(text)).matches("not available in this version").count(), 2);
}

#[test]
fn the_number_of_mistakes_told_is_bounded() {
    let text: String = (0..200).map(|n| format!("key{n} = 1\n")).collect();
    let errors = toml(&text).expect_err("wrong");
    assert_eq!(errors.problems().len(), 51);
    assert!(errors.to_string().ends_with("150 more like these; mend the first ones and read it again"));
}
