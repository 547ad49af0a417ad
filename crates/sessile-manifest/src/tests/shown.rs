//! What servers see of the host, which directory their sessions work in, and the proxy that they reach the network through.

use insta::assert_snapshot;

use super::*;

/// Read on this host, in a directory that holds a file `file` and a directory `work`.
fn here(text: &str) -> Result<Manifest, ManifestErrors> {
    let directory = tempfile::tempdir().expect("a directory can be made");
    std::fs::create_dir(directory.path().join("work")).expect("a directory can be made");
    std::fs::write(directory.path().join("file"), "").expect("a file can be made");
    parse(text, "sessile.toml", Format::Toml, &Surroundings::of_process(directory.path()))
}

#[test]
fn what_is_not_there_is_told_with_its_place() {
    let text = r#"[servers.a]
command = ["a"]
[servers.a.files]
read_only = ["work", "file", "missing"]
read_write = ["/proc/self", "/", "work"]
workspace = "file"
"#;
    assert_snapshot!(told(here(text)), @r##"
    sessile.toml:4:30: servers.a.files.read_only[2]: not on this host, or not for this user to see; make it, or remove it here
     4 | read_only = ["work", "file", "missing"]
       |                              ^^^^^^^^^
    sessile.toml:5:15: servers.a.files.read_write[0]: cannot be shown: the sandbox has its own /proc, /sys and /dev; remove it
     5 | read_write = ["/proc/self", "/", "work"]
       |               ^^^^^^^^^^^^
    sessile.toml:5:29: servers.a.files.read_write[1]: the whole host; name the directories that the server needs
     5 | read_write = ["/proc/self", "/", "work"]
       |                             ^^^
    sessile.toml:6:13: servers.a.files.workspace: not a directory; name one, or write "private"
     6 | workspace = "file"
       |             ^^^^^^
    "##);
    let right =
        text.replace(", \"missing\"", "").replace("\"/proc/self\", \"/\", ", "").replace("= \"file\"", "= \"work\"");
    let manifest = here(&right).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(matches!(&manifest.servers[0].files.workspace, Workspace::Host(path) if path.ends_with("work")));
}

#[test]
fn each_kind_of_workspace_is_read() {
    let workspace = |text: &str| {
        let text = format!("[servers.a]\ncommand = [\"a\"]\nfiles.workspace = \"{text}\"\n");
        toml(&text).expect("right").servers.remove(0).files.workspace
    };
    assert_eq!(workspace("private"), Workspace::Private);
    assert_eq!(workspace("principal"), Workspace::Principal);
    // A directory may have any name, behind `./`.
    assert_eq!(workspace("./principal"), Workspace::Host("/srv/project/principal".into()));
    assert_eq!(workspace("projects"), Workspace::Host("/srv/project/projects".into()));
}

#[test]
fn a_workspace_of_a_principal_needs_sessions_of_principals() {
    let text = r#"[defaults.pool]
warm = 2
[servers.a]
command = ["a"]
isolation = "none"
scope = "shared"
handles = true
files.workspace = "principal"
[servers.b]
command = ["b"]
files.workspace = "principle"
[servers.c]
url = "https://c.example/mcp"
"#;
    assert_snapshot!(told(toml(text)), @r##"
    sessile.toml:2:8: servers.a.pool.warm: a warm sandbox belongs to nobody yet, so that it cannot have a principal's workspace; write 0, or another `files.workspace` than "principal"
     2 | warm = 2
       |        ^
    sessile.toml:5:13: servers.a.isolation: a plain process has no workspace; write "process", or remove `files.workspace`
     5 | isolation = "none"
       |             ^^^^^^
    sessile.toml:6:9: servers.a.scope: everybody shares one session, which is no one principal's; write another scope, or another `files.workspace` than "principal"
     6 | scope = "shared"
       |         ^^^^^^^^
    sessile.toml:7:11: servers.a.handles: a session of a handle and the one of its client's own would wait for each other's workspace; write false, or another `files.workspace` than "principal"
     7 | handles = true
       |           ^^^^
    sessile.toml:11:19: servers.b.files.workspace: did you mean "principal"? For a directory of that name, write `./` before it
     11 | files.workspace = "principle"
        |                   ^^^^^^^^^^^
    "##);
}

#[test]
fn callers_without_credentials_share_a_workspace_and_that_is_said() {
    let text = "[node]\nallow_anonymous = true\n[servers.a]\ncommand = [\"a\"]\nfiles.workspace = \"principal\"\n";
    let warnings: Vec<String> = toml(text).expect("right").warnings.iter().map(ToString::to_string).collect();
    assert_snapshot!(warnings.join("\n"), @r##"
    sessile.toml:2:19: node.allow_anonymous: callers without credentials are one principal: all of them share one workspace of server `a`; give them keys (`node.api_keys`), or write another `files.workspace`
     2 | allow_anonymous = true
       |                   ^^^^
    "##);
    assert!(toml(&text.replace("true", "false")).expect("right").warnings.is_empty());
}

#[test]
fn a_proxy_is_an_address_and_its_secret_is_elsewhere() {
    let node = |text: &str| toml(&format!("[node]\n{text}\n[servers.a]\ncommand = [\"a\"]\n"));
    let right = node("egress_proxy = \"http://proxy.corp.example:3128\"\negress_proxy_credentials = \"~/proxy\"");
    let right = right.expect("right").node;
    assert_eq!(right.egress_proxy.as_deref(), Some("http://proxy.corp.example:3128"));
    assert_eq!(right.egress_proxy_credentials.as_deref(), Some(Path::new("/home/ada/proxy")));
    for wrong in [
        "https://p.example:1",
        "p.example:1",
        "http://p.example",
        "http://p.example:1/x",
        "http://:1",
        "http://a:b@p:1",
    ] {
        let text = told(node(&format!("egress_proxy = \"{wrong}\"")));
        assert!(
            text.contains("sessile.toml:2:16: node.egress_proxy: not a proxy") && !text.contains(wrong),
            "{wrong}: {text}"
        );
    }
    assert_snapshot!(told(node("egress_proxy_credentials = \"x\"")), @r##"
    sessile.toml:2:1: node.egress_proxy_credentials: goes with `egress_proxy`; write that, or remove this
     2 | egress_proxy_credentials = "x"
       | ^^^^^^^^^^^^^^^^^^^^^^^^
    "##);
}
