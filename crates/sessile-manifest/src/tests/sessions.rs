//! The keys that say how a server meets clients of the other era.

use insta::assert_snapshot;

use super::*;

#[test]
fn every_scope_and_every_era_is_read() {
    let server =
        |text: &str| toml(&format!("[servers.a]\ncommand = [\"a\"]\n{text}\n")).expect("right").servers.remove(0);
    for (text, scope) in [
        ("auto", Scope::Auto),
        ("principal", Scope::Principal),
        ("explicit", Scope::Explicit),
        ("request", Scope::Request),
        ("shared", Scope::Shared),
    ] {
        assert_eq!(server(&format!("scope = \"{text}\"")).scope, scope);
    }
    for (text, era) in [("auto", ServerEra::Auto), ("legacy", ServerEra::Legacy), ("modern", ServerEra::Modern)] {
        assert_eq!(server(&format!("era = \"{text}\"")).era, era);
    }
}

#[test]
fn a_server_inherits_what_it_does_not_say() {
    let manifest = toml(
        r#"
        [defaults]
        scope = "explicit"
        handles = true
        era = "modern"
        serialize = true
        tasks = { promote_after = "20s", keep = "2h" }
        [servers.a]
        command = ["a"]
        [servers.b]
        command = ["b"]
        scope = "request"
        handles = false
        era = "legacy"
        serialize = false
        tasks = { keep = "1day" }
        "#,
    )
    .expect("right");
    let a = manifest.server("a").expect("a");
    assert_eq!((a.scope, a.era), (Scope::Explicit, ServerEra::Modern));
    assert!(a.handles && a.serialize);
    let promote_after = Some(Duration::from_secs(20));
    assert_eq!(a.tasks, Tasks { promote_after, keep: Duration::from_secs(2 * 60 * 60) });
    let b = manifest.server("b").expect("b");
    assert_eq!((b.scope, b.era), (Scope::Request, ServerEra::Legacy));
    assert!(!b.handles && !b.serialize);
    assert_eq!(b.tasks, Tasks { promote_after, keep: Duration::from_secs(24 * 60 * 60) });
}

#[test]
fn a_sandbox_for_everybody_is_a_warning() {
    let warnings = |text: &str| {
        let manifest = toml(text).unwrap_or_else(|errors| panic!("{errors}"));
        let warnings: Vec<String> = manifest.warnings.iter().map(ToString::to_string).collect();
        warnings.join("\n")
    };
    assert_snapshot!(warnings("[servers.a]\ncommand = [\"a\"]\nscope = \"shared\"\n"), @r##"
    sessile.toml:3:9: servers.a.scope: all callers share one sandbox, and see what others leave in it; where the server has state, write "principal" or "request"
     3 | scope = "shared"
       |         ^^^^^^^^
    "##);
    // Told once of the defaults, and not of servers that it does not concern.
    let inherited = "[servers.a]\ncommand = [\"a\"]\n[servers.b]\ncommand = [\"b\"]\n[defaults]\nscope = \"shared\"\n";
    assert_snapshot!(warnings(inherited), @r##"
    sessile.toml:6:9: servers.a.scope: all callers share one sandbox, and see what others leave in it; where the server has state, write "principal" or "request"
     6 | scope = "shared"
       |         ^^^^^^^^
    "##);
    let elsewhere = "[defaults]\nscope = \"shared\"\n[servers.a]\nurl = \"https://a.example/mcp\"\n\
        [servers.b]\ncommand = [\"b\"]\nscope = \"principal\"\n";
    assert_eq!(warnings(elsewhere), "");
}

#[test]
fn servers_of_other_tools_have_the_defaults() {
    let theirs = json("{\"mcpServers\": {\"a\": {\"command\": \"a\"}}}").expect("right");
    let ours = toml("[servers.a]\ncommand = [\"a\"]\n").expect("right");
    assert_eq!(theirs.servers, ours.servers);
}
