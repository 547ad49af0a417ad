use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::thread;

use insta::assert_snapshot;

use super::*;
use crate::tasks::TaskCounts;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn refusal(directory: &Path) -> String {
    let error = Ledger::open(directory).expect_err("refused");
    error.to_string().replace(directory.to_str().unwrap(), "DIR")
}

#[test]
fn nobody_else_may_read_the_ledger_or_its_companions() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("var/state");
    let ledger = Ledger::open(&directory).unwrap();
    ledger.forget_expired(0).unwrap();
    assert_eq!(mode(&directory), 0o700);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
    }
    drop(ledger);
    fs::set_permissions(directory.join(NAME), fs::Permissions::from_mode(0o644)).unwrap();
    assert_snapshot!(refusal(&directory), @"DIR/ledger.db is open to other users of this machine (mode 0644); delete it, or run `chmod 600 DIR/ledger.db` if you know that nobody read it");
}

#[test]
fn it_is_set_up_as_promised() {
    let home = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(home.path()).unwrap();
    let pragma = |name: &str| {
        let connection = ledger.connection();
        connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("synchronous"), 1.into());
    assert_eq!(pragma("busy_timeout"), 5000.into());
    assert_eq!(pragma("trusted_schema"), 0.into());
    assert_eq!(pragma("user_version"), 3.into());
}

#[test]
fn an_empty_database_becomes_a_ledger() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(NAME);
    let plain = Connection::open(&path).unwrap();
    plain.execute_batch("CREATE TABLE other (x); DROP TABLE other;").unwrap();
    drop(plain);
    assert!(fs::metadata(&path).unwrap().len() > 0);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(Ledger::open(home.path()).unwrap().count_tasks().unwrap(), TaskCounts::default());
}

#[test]
fn many_may_open_a_new_ledger_at_once() {
    for _ in 0..10 {
        let home = tempfile::tempdir().unwrap();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            let open = || {
                start.wait();
                Ledger::open(home.path()).unwrap().count_tasks().unwrap()
            };
            let opened: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            assert!(opened.into_iter().all(|opened| opened.join().unwrap() == TaskCounts::default()));
        });
    }
}

#[test]
fn a_ledger_of_a_later_version_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    Ledger::open(home.path()).unwrap().connection().pragma_update(None, "user_version", 7).unwrap();
    assert_snapshot!(refusal(home.path()), @"the ledger DIR/ledger.db has form 7, and this version knows forms up to 3; run the version that wrote it, or move the file away");
}

#[test]
fn a_file_that_is_no_database_is_told_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(NAME);
    let text = "shopping list\n".repeat(1000);
    private::create(&path).unwrap();
    fs::write(&path, &text).unwrap();
    assert_snapshot!(refusal(home.path()), @"the ledger DIR/ledger.db is damaged (file is not a database); move it and the files DIR/ledger.db-wal and DIR/ledger.db-shm away, and a new one is made: the tasks in it are lost");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn damage_behind_the_header_is_told_when_it_is_met() {
    let home = tempfile::tempdir().unwrap();
    drop(Ledger::open(home.path()).unwrap());
    let path = home.path().join(NAME);
    let mut bytes = fs::read(&path).unwrap();
    // The first page is the schema; the others hold the table and its indices.
    bytes[4096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let error = Ledger::open(home.path()).unwrap().task("t").expect_err("damaged");
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
}

#[test]
fn a_directory_that_cannot_be_used_is_told() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    assert!(matches!(Ledger::open(&home.path().join("file/state")), Err(LedgerError::StateDir(_))));
    fs::create_dir(home.path().join(NAME)).unwrap();
    assert_snapshot!(refusal(home.path()), @"DIR/ledger.db is not a regular file; move it away");
}

#[test]
fn a_writer_that_stays_too_long_is_told() {
    let home = tempfile::tempdir().unwrap();
    let (one, other) = (Ledger::open(home.path()).unwrap(), Ledger::open(home.path()).unwrap());
    other.connection().busy_timeout(Duration::from_millis(1)).unwrap();
    one.connection().execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = other.forget_expired(0).expect_err("busy");
    assert_snapshot!(error.to_string().replace(home.path().to_str().unwrap(), "DIR"), @"the ledger DIR/ledger.db is in use by another process; end it, or give each node a state directory of its own");
    // Reading goes on.
    assert_eq!(other.count_tasks().unwrap(), TaskCounts::default());
}
