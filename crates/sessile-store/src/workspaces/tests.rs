use super::*;
use rustix::fs::{FileType, OFlags, mknodat, openat, symlinkat};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const EVERYTHING: Usage = Usage { bytes: u64::MAX, files: u64::MAX };

fn workspaces(home: &tempfile::TempDir) -> Workspaces {
    Workspaces::of_server(&home.path().join("state"), "it", None)
}

fn taken(workspace: &Workspace, session: &str) -> Lease {
    match workspace.try_lease(session).unwrap() {
        Attempt::Taken(lease) => lease,
        Attempt::HeldBy(holder) => panic!("held by {holder:?}"),
    }
}

fn holder(workspace: &Workspace) -> Option<String> {
    match workspace.try_lease("s-late").unwrap() {
        Attempt::HeldBy(holder) => holder,
        Attempt::Taken(_) => panic!("nobody holds it"),
    }
}

#[test]
fn a_workspace_is_this_users_alone_and_stays() {
    let home = tempfile::tempdir().unwrap();
    let workspace = workspaces(&home).open("alice-1").unwrap();
    for path in [workspace.files(), workspace.place.clone(), workspaces(&home).directory()] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700, "{}", path.display());
    }
    fs::write(workspace.files().join("note"), "kept").unwrap();
    let again = workspaces(&home).open("alice-1").unwrap();
    assert_eq!(fs::read_to_string(again.files().join("note")).unwrap(), "kept");
    let other = workspaces(&home).open("bob-1").unwrap();
    assert_eq!(fs::read_dir(other.files()).unwrap().count(), 0);
}

#[test]
fn a_place_that_others_could_exchange_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let all = workspaces(&home);
    all.open("alice-1").unwrap();
    fs::set_permissions(all.directory(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = all.open("alice-1").unwrap_err();
    assert!(matches!(&error, WorkspaceError::OpenToOthers { mode: 0o777, .. }), "{error}");
    assert!(error.to_string().contains("chmod go-w"), "{error}");
    fs::set_permissions(all.directory(), fs::Permissions::from_mode(0o700)).unwrap();

    let elsewhere = home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlinkat(&elsewhere, CWD, all.directory().join("bob-1")).unwrap();
    let error = all.open("bob-1").unwrap_err();
    assert!(matches!(error, WorkspaceError::NotADirectory { .. }), "{error}");
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0, "nothing was made behind the link");
}

#[test]
fn one_at_a_time_has_it_and_the_others_learn_who() {
    let home = tempfile::tempdir().unwrap();
    let workspace = workspaces(&home).open("alice-1").unwrap();
    let lease = taken(&workspace, "s-first");
    assert_eq!(holder(&workspace).as_deref(), Some("s-first"));
    // Whoever has the descriptor has the lock.
    let descriptor = rustix::io::dup(&*lease.descriptor()).unwrap();
    drop(lease);
    assert_eq!(holder(&workspace).as_deref(), Some("s-first"));
    drop(descriptor);
    taken(&workspace, "s-second");
}

#[test]
fn the_lock_is_not_enough_while_the_sandboxs_init_lives() {
    let home = tempfile::tempdir().unwrap();
    let workspace = workspaces(&home).open("alice-1").unwrap();
    let mut init = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let lease = taken(&workspace, "s-first");
    lease.record(i32::try_from(init.id()).unwrap()).unwrap();
    drop(lease);
    assert_eq!(holder(&workspace).as_deref(), Some("s-first"), "nobody has the lock, and init is there");
    init.kill().unwrap();
    init.wait().unwrap();
    taken(&workspace, "s-second");
    // The number of a process means nothing without the time of its start.
    let text = format!("s-first {} 1 some-boot\n", std::process::id());
    fs::write(workspace.place.join("lease"), text).unwrap();
    taken(&workspace, "s-third");
}

#[test]
fn whatever_lies_in_it_is_counted_and_nothing_is_followed() {
    let home = tempfile::tempdir().unwrap();
    let workspace = workspaces(&home).open("alice-1").unwrap();
    let files = workspace.files();
    assert_eq!(workspace.usage(EVERYTHING).unwrap(), Usage::default());

    fs::create_dir(files.join("a\nb")).unwrap();
    fs::write(files.join("a\nb/big"), vec![1; 1 << 20]).unwrap();
    fs::hard_link(files.join("a\nb/big"), files.join("again")).unwrap();
    let outside = home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("huge"), vec![1; 4 << 20]).unwrap();
    symlinkat(&outside, CWD, files.join("way out")).unwrap();
    symlinkat("/", CWD, files.join("root")).unwrap();
    mknodat(CWD, files.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap(); // opening it would wait for ever
    let usage = workspace.usage(EVERYTHING).unwrap();
    assert_eq!(usage.files, 6);
    assert!((1 << 20..2 << 20).contains(&usage.bytes), "{usage:?}");

    let early = workspace.usage(Usage { bytes: 1 << 10, files: 100 }).unwrap();
    assert!(early.exceeds(Usage { bytes: 1 << 10, files: 100 }));
    assert!(!usage.exceeds(usage) && usage.exceeds(Usage { files: 5, ..usage }));
}

#[test]
fn no_depth_takes_all_descriptors() {
    let home = tempfile::tempdir().unwrap();
    let workspace = workspaces(&home).open("alice-1").unwrap();
    let mut place = rustix::fs::open(workspace.files(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..1000 {
        mkdirat(&place, "d", Mode::RWXU).unwrap();
        place = openat(&place, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let limit = Usage { bytes: u64::MAX, files: 10_000 };
    assert!(workspace.usage(limit).unwrap().exceeds(limit));
}
