use std::path::Path;

use super::*;

fn surroundings() -> Surroundings {
    Surroundings::new("/work", |name| (name == "HOME").then(|| "/home/ada".to_owned()))
}

fn name() -> ServerName {
    "demo".parse().expect("a name")
}

#[test]
fn a_command_alone_has_every_default() {
    let command = vec!["server".to_owned(), "--stdio".to_owned()];
    let manifest = Manifest::single(name(), command, Single::default(), &surroundings()).expect("right");
    let text = "[servers.demo]\ncommand = [\"server\", \"--stdio\"]";
    let written = crate::parse(text, "", crate::Format::Toml, &surroundings()).expect("right");
    assert_eq!(manifest, written);
}

#[test]
fn options_are_taken_and_paths_made_whole() {
    let options = Single {
        listen: Some(([0, 0, 0, 0], 0).into()),
        isolation: Isolation::None,
        read_only: vec!["data".into()],
        read_write: vec!["~/out".into()],
        cwd: Some(".".into()),
        state_dir: Some("state".into()),
        scope: Some(Scope::Explicit),
        handles: true,
        era: ServerEra::Legacy,
        ..Single::default()
    };
    let manifest = Manifest::single(name(), vec!["a".to_owned()], options, &surroundings()).expect("right");
    assert_eq!(manifest.node.listen.to_string(), "0.0.0.0:0");
    assert_eq!(manifest.node.state_dir, Path::new("/work/state"));
    let server = manifest.default_server().expect("the only one");
    assert_eq!(server.isolation, Isolation::None);
    assert_eq!((server.scope, server.handles, server.era), (Scope::Explicit, true, ServerEra::Legacy));
    assert_eq!(manifest.warnings, []);
    assert_eq!(server.files.read_only, [Path::new("/work/data")]);
    assert_eq!(server.files.read_write, [Path::new("/home/ada/out")]);
    let Kind::Command(command) = &server.kind else { panic!("a command") };
    assert_eq!(command.cwd.as_deref(), Some(Path::new("/work")));
}

#[test]
fn a_sandbox_for_everybody_is_a_warning() {
    let options = Single { scope: Some(Scope::Shared), ..Single::default() };
    let manifest = Manifest::single(name(), vec!["a".to_owned()], options, &surroundings()).expect("right");
    let [warning] = manifest.warnings.as_slice() else { panic!("one warning: {:?}", manifest.warnings) };
    assert!(warning.to_string().starts_with("sessile run: scope: all callers share one sandbox"), "{warning}");
}

#[test]
fn no_command_is_an_error() {
    for command in [vec![], vec![String::new()]] {
        let error = Manifest::single(name(), command, Single::default(), &surroundings());
        let error = error.expect_err("nothing to run").to_string();
        assert_eq!(error, "sessile run: no command; write it behind `--`");
    }
}

#[test]
fn a_microvm_writes_nothing_of_the_host() {
    let options = Single { isolation: Isolation::Microvm, read_write: vec!["out".into()], ..Single::default() };
    let error = Manifest::single(name(), vec!["a".to_owned()], options, &surroundings()).expect_err("wrong");
    assert!(error.to_string().contains("--write out: no directory of the host can be written"), "{error}");
}
