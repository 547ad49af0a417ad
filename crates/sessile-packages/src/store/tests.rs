use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use sessile_sandbox::view::HostEnv;

use super::{Store, keep_version};
use crate::lock::{Lock, LockedPackage, Outcome};
use crate::{InstallError, PackageRequest, Program, Registry};

struct Fixture {
    state: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let store = Store::new(state.path(), HostEnv::default());
        Self { state, store }
    }

    /// Puts an installation there, as an earlier process would have left it.
    fn install(&self, request: &PackageRequest, interpreter: &str) -> PathBuf {
        let directory = self.store.prepare().unwrap().join(request.key());
        fs::create_dir_all(&directory).unwrap();
        let program = directory.join("cli.js");
        fs::write(&program, "").unwrap();
        let command = vec![interpreter.to_owned(), program.display().to_string()];
        let outcome = Outcome {
            name: "@s/tool".into(),
            version: "1.2.3".into(),
            interpreter: interpreter.into(),
            programs: BTreeMap::from([("tool-cli".to_owned(), command.clone()), ("my_helper".to_owned(), command)]),
            default: Some("tool-cli".into()),
            packages: vec![LockedPackage { name: "@s/tool".into(), version: "1.2.3".into(), hash: "x".into() }],
        };
        Lock::new(request.label(), request.registry, outcome).write(&directory).unwrap();
        directory
    }
}

fn request() -> PackageRequest {
    PackageRequest { args: vec!["--flag".into()], ..PackageRequest::new(Registry::Npm, "@s/tool") }
}

#[test]
fn what_is_installed_is_given_with_its_arguments() {
    let fixture = Fixture::new();
    assert!(fixture.store.installed(&request()).unwrap().is_none());
    let directory = fixture.install(&request(), "/bin/sh");
    let installed = fixture.store.installed(&request()).unwrap().unwrap();
    assert_eq!(installed.command, ["/bin/sh", directory.join("cli.js").to_str().unwrap(), "--flag"]);
    assert_eq!((installed.version.as_str(), installed.name.as_str()), ("1.2.3", "@s/tool"));
    assert_eq!(fixture.store.list().len(), 1);
}

#[test]
fn a_program_that_is_not_there_is_an_error_that_lists_those_that_are() {
    let fixture = Fixture::new();
    fixture.install(&request(), "/bin/sh");
    let named =
        |name: &str| fixture.store.installed(&PackageRequest { program: Program::Named(name.into()), ..request() });
    assert!(named("my_helper").unwrap().is_some());
    assert!(named("@s/tool").unwrap().is_some(), "the package's own name means its program");
    let error = named("my-helper").unwrap_err().to_string();
    assert_eq!(error, "npm:@s/tool has no program my-helper; it has my_helper, tool-cli");
}

#[test]
fn an_installation_without_its_interpreter_or_program_is_none_and_keeps_its_version() {
    let fixture = Fixture::new();
    let directory = fixture.install(&request(), "/no/such/node");
    assert!(fixture.store.installed(&request()).unwrap().is_none());
    let directory_again = fixture.install(&request(), "/bin/sh");
    fs::remove_file(directory_again.join("cli.js")).unwrap();
    assert!(fixture.store.installed(&request()).unwrap().is_none());
    let again = keep_version(&request(), Lock::read(&directory));
    assert_eq!(again.packages, ["@s/tool@1.2.3"]);
    let pinned = PackageRequest::new(Registry::Npm, "@s/tool@^1");
    assert_eq!(keep_version(&pinned, Lock::read(&directory)).packages, ["@s/tool@^1"], "what was asked for stands");
}

#[test]
fn what_is_in_use_cannot_be_removed() {
    let fixture = Fixture::new();
    let directory = fixture.install(&request(), "/bin/sh");
    let installed = fixture.store.installed(&request()).unwrap().unwrap();
    let another_process = Store::new(fixture.state.path(), HostEnv::default());
    assert!(matches!(another_process.remove(&installed.key), Err(InstallError::InUse { .. })));
    let key = installed.key.clone();
    drop(installed);
    assert!(another_process.remove(&key).unwrap());
    assert!(!directory.exists());
    assert!(!another_process.remove(&key).unwrap(), "there is none any more");
    for odd in ["", "..", ".staging", "a/../b"] {
        assert!(!another_process.remove(odd).unwrap(), "{odd}");
    }
}

#[test]
fn sweeping_removes_what_nobody_is_making() {
    let fixture = Fixture::new();
    let root = fixture.store.prepare().unwrap();
    for name in ["dead", "alive", "gone.old"] {
        fs::create_dir_all(root.join(".staging").join(name).join("node_modules")).unwrap();
    }
    let lock = fs::File::create(root.join(".locks/alive")).unwrap();
    fs::File::create(root.join(".locks/dead")).unwrap();
    lock.lock().unwrap();
    assert_eq!(fixture.store.sweep(), 2);
    assert!(root.join(".staging/alive").exists() && !root.join(".staging/dead").exists());
    drop(lock);
    assert_eq!(fixture.store.sweep(), 1);
    assert_eq!(Store::new("/no/such/place", HostEnv::default()).sweep(), 0);
}
