//! A process that ends without a word, played by this test program itself.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, abort};

use super::{NOW, working};
use crate::{Ledger, TaskStatus};

/// Set in the process that is to crash: where its ledger is.
const DIRECTORY: &str = "SESSILE_STORE_TEST_CRASH_IN";
const SIGABRT: i32 = 6;

fn crash(directory: &Path) {
    let ledger = Ledger::open(directory).unwrap();
    ledger.create_task(&working("created")).unwrap();
    ledger.create_task(&working("completed")).unwrap();
    ledger.update_task("completed", TaskStatus::Completed, None, Some("{}"), NOW + 1).unwrap();
    abort();
}

#[test]
fn what_was_written_outlives_a_crash() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        crash(Path::new(&directory));
    }
    let home = tempfile::tempdir().unwrap();
    let name = format!("{}::what_was_written_outlives_a_crash", module_path!().split_once("::").unwrap().1);
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args(["--exact", &name]).env(DIRECTORY, home.path()).output().unwrap();
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}", String::from_utf8_lossy(&output.stderr));

    let ledger = Ledger::open(home.path()).unwrap();
    assert_eq!(ledger.task("created").unwrap(), Some(working("created")));
    let completed = ledger.task("completed").unwrap().unwrap();
    assert_eq!((completed.status, completed.payload.as_deref()), (TaskStatus::Completed, Some("{}")));
    drop(ledger);
    assert_eq!(Ledger::open(home.path()).unwrap().count_tasks().unwrap().running, 1);
}
