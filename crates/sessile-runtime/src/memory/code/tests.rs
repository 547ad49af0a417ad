use super::*;
use sessile_sandbox::FileView;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

struct Host {
    directory: TempDir,
    root: PathBuf,
}

impl Host {
    fn with(files: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let host = Self { directory, root };
        files.iter().for_each(|file| host.write(file, "1"));
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A new file each time, so that a clock too coarse for the test does not matter.
        let _ = fs::remove_file(&path);
        fs::write(path, text).unwrap();
    }

    fn shown(&self, name: &str) -> FileView {
        FileView::ReadOnly { source: self.path(name), target: self.path(name) }
    }

    fn view(&self, command: &[&str], files: Vec<FileView>) -> View {
        View {
            command: command.iter().map(|word| word.replace("ROOT", self.root.to_str().unwrap())).collect(),
            cwd: "/workspace".into(),
            files,
            env: Vec::new(),
            explanation: Vec::new(),
            started_in: Some(self.root.clone()),
        }
    }

    /// Which of `names` the fingerprint changes with, when they are written.
    fn noticed<'n>(&self, view: &View, names: &[&'n str]) -> Vec<&'n str> {
        let code = Code::of(view, None);
        let is_noticed = |name: &&&str| {
            let before = code.fingerprint();
            assert_eq!(before, code.fingerprint(), "nothing has changed");
            self.write(name, "other");
            before != code.fingerprint()
        };
        names.iter().filter(is_noticed).copied().collect()
    }
}

#[test]
fn files_of_the_project_are_noticed_and_what_tools_keep_beside_them_is_not() {
    let code = ["a.py", "sub/deep/b.py", "sub/new.py", "settings.json"];
    let beside = [".git/index", "__pycache__/a.pyc", "sub/a.pyc", "server.log", "sub/.pytest_cache/x", "a.py~"];
    let host = Host::with(&["a.py", "sub/deep/b.py", "settings.json", ".git/HEAD", "__pycache__/x", "server.log"]);
    let view = host.view(&["/usr/bin/env"], vec![host.shown("")]);
    assert_eq!(host.noticed(&view, &code), code);
    assert_eq!(host.noticed(&view, &beside), Vec::<&str>::new());
}

#[test]
fn a_file_that_goes_away_or_becomes_executable_is_noticed() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::with(&["a.py", "sub/b.py"]);
    let code = Code::of(&host.view(&["/usr/bin/env"], vec![host.shown("")]), None);
    let first = code.fingerprint();
    fs::set_permissions(host.path("a.py"), fs::Permissions::from_mode(0o755)).unwrap();
    let second = code.fingerprint();
    assert_ne!(first, second);
    fs::remove_file(host.path("sub/b.py")).unwrap();
    assert_ne!(second, code.fingerprint());
}

#[test]
fn a_link_that_leads_elsewhere_is_noticed() {
    let host = Host::with(&["one/a", "two/a", "code/x"]);
    std::os::unix::fs::symlink(host.path("one/a"), host.path("code/link")).unwrap();
    let view = host.view(&["/usr/bin/env"], vec![host.shown("code")]);
    assert_eq!(host.noticed(&view, &["one/a", "two/a"]), ["one/a"], "through the link");
    let code = Code::of(&view, None);
    let before = code.fingerprint();
    fs::remove_file(host.path("code/link")).unwrap();
    std::os::unix::fs::symlink(host.path("two/a"), host.path("code/link")).unwrap();
    assert_ne!(before, code.fingerprint());
}

#[test]
fn the_program_and_files_among_the_arguments_are_noticed_at_a_glance() {
    let host = Host::with(&["bin/server", "main.py", "config.toml", "other"]);
    let view = host.view(&["ROOT/bin/server", "main.py", "--config=ROOT/config.toml", "run"], Vec::new());
    let code = Code::of(&view, None);
    for name in ["bin/server", "main.py", "config.toml"] {
        let before = code.glance();
        host.write(name, "other");
        assert_ne!(before, code.glance(), "{name}");
    }
    let before = code.glance();
    host.write("other", "other");
    assert_eq!(before, code.glance());
}

#[test]
fn command_and_environment_are_part_of_it() {
    let host = Host::with(&[]);
    let of = |view: &View| Code::of(view, None).fingerprint();
    let plain = host.view(&["/usr/bin/env", "a", "b"], Vec::new());
    assert_eq!(of(&plain), of(&plain.clone()));
    assert_ne!(of(&plain), of(&host.view(&["/usr/bin/env", "ab"], Vec::new())));
    let mut other = plain.clone();
    other.env.push(("KEY".into(), "value".into()));
    assert_ne!(of(&plain), of(&other));
    // What the system shows was decided from the host's state of the day.
    let mut resolver = plain.clone();
    resolver.files.push(FileView::Text { target: "/etc/resolv.conf".into(), content: "nameserver ::1".into() });
    assert_eq!(of(&plain), of(&resolver));
}

#[test]
fn installed_packages_are_known_by_their_directories() {
    let host = Host::with(&[
        "node_modules/plain/deep/a.js",
        "node_modules/@scope/name/deep/a.js",
        "venv/lib/python3.11/site-packages/x/deep/a.py",
        "venv/lib/python3.11/os.py",
        "venv/bin/python3",
        "venv/include/x.h",
    ]);
    let view = host.view(&["/usr/bin/env"], vec![host.shown("node_modules"), host.shown("venv")]);
    let installed = [
        "node_modules/new/package.json",
        "node_modules/.package-lock.json",
        "node_modules/@scope/name/package.json",
        "venv/lib/python3.11/site-packages/new-1.dist-info/RECORD",
        "venv/bin/new",
    ];
    assert_eq!(host.noticed(&view, &installed), installed);
    let inside = [
        "node_modules/plain/deep/a.js",
        "node_modules/.cache/x",
        "venv/lib/python3.11/site-packages/x/deep/a.py",
        "venv/lib/python3.11/os.py",
        "venv/include/x.h",
    ];
    assert_eq!(host.noticed(&view, &inside), Vec::<&str>::new());
}

#[test]
fn an_installed_package_that_is_the_server_itself_is_looked_at_whole() {
    let host =
        Host::with(&["node_modules/it/package.json", "node_modules/it/dist/main.js", "node_modules/it/lib/a.js"]);
    let command = ["/usr/bin/env", "ROOT/node_modules/it/dist/main.js"];
    let view = host.view(&command, vec![host.shown("node_modules")]);
    assert_eq!(host.noticed(&view, &["node_modules/it/lib/a.js"]), ["node_modules/it/lib/a.js"]);
}

#[test]
fn what_the_server_writes_and_what_we_write_is_not_code() {
    let host = Host::with(&["a.py", "data/rows", "state/servers/x.json", "shared/notes"]);
    let files = vec![
        host.shown(""),
        FileView::Writable { source: host.path("data"), target: host.path("data") },
        FileView::Private { target: host.path("state") },
        FileView::Writable { source: host.path("shared"), target: "/workspace".into() },
    ];
    let view = host.view(&["/usr/bin/env"], files);
    assert_eq!(host.noticed(&view, &["data/rows", "state/servers/x.json", "shared/notes"]), Vec::<&str>::new());
    assert_eq!(host.noticed(&view, &["a.py"]), ["a.py"]);

    let open = host.view(&["/usr/bin/env"], vec![host.shown("")]);
    let code = Code::of(&open, Some(&host.path("state/servers")));
    let before = code.fingerprint();
    host.write("state/servers/x.json", "other");
    assert_eq!(before, code.fingerprint());
}

#[test]
fn a_build_directory_is_known_by_what_was_built() {
    let host = Host::with(&["debug/server", "debug/.fingerprint/x", "debug/deps/a.o", "debug/incremental/b"]);
    let view = host.view(&["ROOT/debug/server"], vec![host.shown("debug")]);
    assert_eq!(host.noticed(&view, &["debug/server", "debug/deps/a.o", "debug/incremental/b"]), ["debug/server"]);
}

#[test]
fn a_look_is_bounded_and_near_files_come_first() {
    let host = Host::with(&["near.py", "also/near.py"]);
    for directory in 0..5 {
        for file in 0..1000 {
            host.write(&format!("data/{directory}/{file}"), "");
        }
    }
    let view = host.view(&["/usr/bin/env"], vec![host.shown("")]);
    assert_eq!(host.noticed(&view, &["near.py", "also/near.py"]), ["near.py", "also/near.py"]);
    assert_eq!(host.noticed(&view, &["data/4/999"]), Vec::<&str>::new());
    drop(host.directory);
}
