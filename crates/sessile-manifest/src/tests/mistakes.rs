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
isolation = "container"
scope = "user"
handles = "yes"

[servers.files.limits]
memroy = "1GiB"
cpu = 0
pids = "many"
idle_timeout = 15
message = "1TiB"

[servers.files.credentials]
x = 1

[servers.Other]
url = "ftp://example.com"
memory = "1GiB"
"#;
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:2:10: node.listen: not an address; write an IP address and a port, such as "127.0.0.1:9000"
     2 | listen = "localhost:9000"
       |          ^^^^^^^^^^^^^^^^
    sessile.toml:3:1: node.adress: unknown key; the keys here are `listen`, `admin`, `state_dir`, `allow_anonymous`, `api_keys`, `allowed_hosts`, `allowed_origins`, `sse_2024`, `default_server`, `drain`, `sessions`, `memory`, `cpu`, `queue`, `queue_timeout`, `hibernation_disk`, `template_memory`, `egress_proxy`, `egress_proxy_credentials`, `ended_sessions_kept`
     3 | adress = "***********"
       | ^^^^^^
    sessile.toml:7:13: servers.files.isolation: unknown value container; it is one of `process`, `microvm`, `none`
     7 | isolation = "container"
       |             ^^^^^^^^^^^
    sessile.toml:8:9: servers.files.scope: unknown value user; it is one of `auto`, `principal`, `explicit`, `request`, `shared`
     8 | scope = "user"
       |         ^^^^^^
    sessile.toml:9:11: servers.files.handles: expected true or false, found a string
     9 | handles = "yes"
       |           ^^^^^
    sessile.toml:12:1: servers.files.limits.memroy: unknown key; did you mean `memory`?
     12 | memroy = "****"
        | ^^^^^^
    sessile.toml:13:7: servers.files.limits.cpu: out of range; the range is 0.01 to 1024
     13 | cpu = 0
        |       ^
    sessile.toml:14:8: servers.files.limits.pids: expected an integer, found a string
     14 | pids = "many"
        |        ^^^^^^
    sessile.toml:15:16: servers.files.limits.idle_timeout: not a span of time; write a number and a unit of ms, s, m, h or days, such as "30s"
     15 | idle_timeout = 15
        |                ^^
    sessile.toml:16:11: servers.files.limits.message: out of range; the range is 1KiB to 1GiB
     16 | message = "1TiB"
        |           ^^^^^^
    sessile.toml:18:16: servers.files.credentials: not available in this version (credentials for servers); remove it
     18 | [servers.files.credentials]
        |                ^^^^^^^^^^^
    sessile.toml:21:10: servers.Other: not a server name; use 1 to 63 characters of a-z 0-9 _ -, the first a letter or digit
     21 | [servers.Other]
        |          ^^^^^
    sessile.toml:22:7: servers.Other.url: a server is reached over http or https; write "https://HOST/mcp"
     22 | url = "*****************"
        |       ^^^^^^^^^^^^^^^^^^^
    sessile.toml:23:1: servers.Other.memory: unknown key; did you mean `limits.memory`?
     23 | memory = "****"
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
fn an_image_is_for_a_microvm_and_names_where_it_comes_from() {
    let text = r#"[servers.a]
command = ["a"]
image = "dir:rootfs"
[servers.b]
command = ["b"]
isolation = "process"
image = "registry.example/b:v1"
[servers.c]
command = ["c"]
isolation = "microvm"
image = "python:3.12"
[servers.d]
url = "https://d.example/mcp"
image = "dir:rootfs"
[servers.e]
command = ["e"]
isolation = "microvm"
imgae = "dir:rootfs"
"#;
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:3:1: servers.a.image: only microVMs are started from an image; add `isolation = "microvm"`, or remove it
     3 | image = "dir:rootfs"
       | ^^^^^
    sessile.toml:7:1: servers.b.image: only microVMs are started from an image; add `isolation = "microvm"`, or remove it
     7 | image = "registry.example/b:v1"
       | ^^^^^
    sessile.toml:11:9: servers.c.image: names no registry; write its host in front, as in "registry.example/name@sha256:…"
     11 | image = "python:3.12"
        |         ^^^^^^^^^^^^^
    sessile.toml:14:1: servers.d.image: has no effect on a server with `url`, which runs elsewhere; remove it
     14 | image = "dir:rootfs"
        | ^^^^^
    sessile.toml:18:1: servers.e.imgae: unknown key; did you mean `image`?
     18 | imgae = "**********"
        | ^^^^^
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
limits = { memory = "1GiB", sessions = 5, park_timeout = "1h" }
scope = "auto"
handles = false
era = "legacy"
serialize = true
tasks.keep = "1h"
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
     8 | limits = { memory = "1GiB", sessions = 5, park_timeout = "1h" }
       |            ^^^^^^
    sessile.toml:8:43: servers.b.limits.park_timeout: has no effect on a server with `url`, which runs elsewhere; remove it
     8 | limits = { memory = "1GiB", sessions = 5, park_timeout = "1h" }
       |                                           ^^^^^^^^^^^^
    sessile.toml:9:1: servers.b.scope: has no effect on a server with `url`, which runs elsewhere; remove it
     9 | scope = "auto"
       | ^^^^^
    sessile.toml:10:1: servers.b.handles: has no effect on a server with `url`, which runs elsewhere; remove it
     10 | handles = false
        | ^^^^^^^
    sessile.toml:11:1: servers.b.era: has no effect on a server with `url`, which runs elsewhere; remove it
     11 | era = "legacy"
        | ^^^
    sessile.toml:12:1: servers.b.serialize: has no effect on a server with `url`, which runs elsewhere; remove it
     12 | serialize = true
        | ^^^^^^^^^
    sessile.toml:13:1: servers.b.tasks: has no effect on a server with `url`, which runs elsewhere; remove it
     13 | tasks.keep = "1h"
        | ^^^^^
    sessile.toml:16:1: servers.c.cwd: goes with `command`; a package starts in the session's workspace
     16 | cwd = "/"
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
fn a_longer_wait_than_the_session_lives() {
    let text = "[servers.a]\ncommand = [\"a\"]\nlimits = { max_lifetime = \"1h\", park_timeout = \"90m\" }\n";
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:3:48: servers.a.limits.park_timeout: more than `max_lifetime`, which is 1h
     3 | limits = { max_lifetime = "1h", park_timeout = "90m" }
       |                                                ^^^^^
    "##);
}

#[test]
fn tasks_out_of_range() {
    let text = r#"[servers.a]
command = ["a"]
promote_after = "1s"
[servers.a.tasks]
promote_after = "1ms"
keep = "31days"
keeps = "1h"
[servers.b]
command = ["b"]
tasks = { promote_after = "25h", keep = "0s" }
[servers.c]
command = ["c"]
tasks = { promote_after = 20 }
"#;
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:3:1: servers.a.promote_after: unknown key; did you mean `tasks.promote_after`?
     3 | promote_after = "**"
       | ^^^^^^^^^^^^^
    sessile.toml:5:17: servers.a.tasks.promote_after: out of range; the range is 10ms to 1day
     5 | promote_after = "1ms"
       |                 ^^^^^
    sessile.toml:6:8: servers.a.tasks.keep: out of range; the range is 1s to 30days
     6 | keep = "31days"
       |        ^^^^^^^^
    sessile.toml:7:1: servers.a.tasks.keeps: unknown key; did you mean `keep`?
     7 | keeps = "**"
       | ^^^^^
    sessile.toml:10:27: servers.b.tasks.promote_after: out of range; the range is 10ms to 1day
     10 | tasks = { promote_after = "25h", keep = "0s" }
        |                           ^^^^^
    sessile.toml:10:41: servers.b.tasks.keep: out of range; the range is 1s to 30days
     10 | tasks = { promote_after = "25h", keep = "0s" }
        |                                         ^^^^
    sessile.toml:13:27: servers.c.tasks.promote_after: not a span of time; write a number and a unit of ms, s, m, h or days, such as "30s"
     13 | tasks = { promote_after = 20 }
        |                           ^^
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
    for key in ["credentials", "pin"] {
        for table in ["defaults", "servers.a"] {
            let other = if table == "defaults" { "[servers.a]\ncommand = [\"a\"]\n" } else { "" };
            let text = format!("{other}[{table}]\ncommand = [\"a\"]\n{key} = 1\n");
            let error = told(toml(&text));
            assert!(error.contains("not available in this version"), "{error}");
            assert!(error.contains(&format!("{table}.{key}")), "{error}");
        }
    }
    let text = "credentials.gh.env = \"X\"\n[servers.a]\ncommand = [\"a\"]\npin = true\n";
    assert_eq!(told(toml(text)).matches("not available in this version").count(), 2);
}

#[test]
fn the_number_of_mistakes_told_is_bounded() {
    let text: String = (0..200).map(|n| format!("key{n} = 1\n")).collect();
    let errors = toml(&text).expect_err("wrong");
    assert_eq!(errors.problems().len(), 51);
    assert!(errors.to_string().ends_with("150 more like these; mend the first ones and read it again"));
}

#[test]
fn a_microvm_writes_no_directory_of_the_host() {
    let text = r#"[defaults]
isolation = "microvm"
[servers.a]
command = ["a"]
files = { read_only = ["/srv/data"], read_write = ["/srv/out", "/srv/more"] }
[servers.b]
command = ["b"]
files.workspace = "/srv/work"
[servers.c]
command = ["c"]
files.workspace = "private"
[servers.d]
command = ["d"]
isolation = "process"
files.workspace = "/srv/work"
[servers.e]
command = ["e"]
image = "dir:rootfs"
files.read_only = ["/srv/data"]
"#;
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:5:52: servers.a.files.read_write[0]: no directory of the host can be written from a microVM; remove it, or write `isolation = "process"`
     5 | files = { read_only = ["/srv/data"], read_write = ["/srv/out", "/srv/more"] }
       |                                                    ^^^^^^^^^^
    sessile.toml:5:64: servers.a.files.read_write[1]: no directory of the host can be written from a microVM; remove it, or write `isolation = "process"`
     5 | files = { read_only = ["/srv/data"], read_write = ["/srv/out", "/srv/more"] }
       |                                                                ^^^^^^^^^^^
    sessile.toml:8:19: servers.b.files.workspace: no directory of the host can be written from a microVM; remove it, or write `isolation = "process"`
     8 | files.workspace = "/srv/work"
       |                   ^^^^^^^^^^^
    sessile.toml:19:20: servers.e.files.read_only[0]: a server with an image sees the image alone; put it in the image, or remove it
     19 | files.read_only = ["/srv/data"]
        |                    ^^^^^^^^^^^
    "##);
}
