use std::collections::HashSet;
use std::sync::Barrier;
use std::thread;

use super::*;

mod crash;

const NOW: u64 = 1_800_000_000_000;
const HOUR: u64 = 3_600_000;
const FINAL: [TaskStatus; 3] = [TaskStatus::Completed, TaskStatus::Failed, TaskStatus::Cancelled];

fn working(id: &str) -> TaskRow {
    TaskRow {
        id: id.into(),
        server: "everything".into(),
        principal: "key:ada".into(),
        session: "b0b5".into(),
        status: TaskStatus::Working,
        message: Some("begun".into()),
        payload: None,
        created_ms: NOW,
        updated_ms: NOW,
        ttl_ms: HOUR,
    }
}

fn ledger_with(ids: &[&str]) -> Ledger {
    let ledger = Ledger::in_memory().unwrap();
    for id in ids {
        ledger.create_task(&working(id)).unwrap();
    }
    ledger
}

#[test]
fn a_task_is_found_as_it_was_written() {
    let ledger = Ledger::in_memory().unwrap();
    for (index, status) in [TaskStatus::Working, TaskStatus::InputRequired].into_iter().chain(FINAL).enumerate() {
        let full = TaskRow { status, payload: Some(r#"{"é":"\u0000"}"#.into()), ..working(&format!("t{index}")) };
        let bare = TaskRow { status, message: None, ..working(&format!("b{index}")) };
        for task in [full, bare] {
            ledger.create_task(&task).unwrap();
            assert_eq!(ledger.task(&task.id).unwrap(), Some(task));
        }
    }
    assert_eq!(ledger.task("t9").unwrap(), None);
    assert_eq!(ledger.task("' OR 1=1 --").unwrap(), None);
}

#[test]
fn an_id_is_given_once() {
    let ledger = ledger_with(&["t"]);
    let other = TaskRow { principal: "key:eve".into(), ..working("t") };
    ledger.create_task(&other).expect_err("taken");
    assert_eq!(ledger.task("t").unwrap(), Some(working("t")));
}

#[test]
fn a_task_goes_on_until_it_is_over() {
    let ledger = ledger_with(&["t", "u"]);
    let questions = Some(r#"{"q1":{"method":"elicitation/create"}}"#);
    assert!(ledger.update_task("t", TaskStatus::InputRequired, None, questions, NOW + 1).unwrap());
    let asked = ledger.task("t").unwrap().unwrap();
    assert_eq!((asked.status, asked.message, asked.payload.as_deref()), (TaskStatus::InputRequired, None, questions));
    assert_eq!((asked.created_ms, asked.updated_ms), (NOW, NOW + 1));
    assert!(ledger.update_task("t", TaskStatus::Working, Some("on"), None, NOW + 2).unwrap());
    assert!(ledger.update_task("t", TaskStatus::Completed, None, Some("{}"), NOW + 3).unwrap());
    assert_eq!(ledger.task("t").unwrap().unwrap().status, TaskStatus::Completed);
    assert_eq!(ledger.task("u").unwrap(), Some(working("u")), "nobody else's task is touched");
}

#[test]
fn the_end_of_a_task_is_final() {
    for end in FINAL {
        let ledger = ledger_with(&["t"]);
        assert!(ledger.update_task("t", end, Some("over"), Some("1"), NOW + 1).unwrap());
        let over = ledger.task("t").unwrap();
        for status in [TaskStatus::Working, TaskStatus::InputRequired].into_iter().chain(FINAL) {
            assert!(!ledger.update_task("t", status, None, Some("2"), NOW + 2).unwrap(), "{end} to {status}");
        }
        assert_eq!(ledger.lose_running(NOW + 3, "{}", &[]).unwrap(), 0);
        assert_eq!(ledger.task("t").unwrap(), over);
    }
    assert!(!ledger_with(&[]).update_task("t", TaskStatus::Working, None, None, NOW).unwrap(), "no such task");
}

#[test]
fn of_many_ends_at_once_one_is_written() {
    let home = tempfile::tempdir().unwrap();
    // Two connections, as two processes have them, and several threads on each.
    let ledgers = [Ledger::open(home.path()).unwrap(), Ledger::open(home.path()).unwrap()];
    for round in 0..20 {
        let id = format!("t{round}");
        ledgers[0].create_task(&working(&id)).unwrap();
        let start = Barrier::new(6);
        let written: Vec<String> = thread::scope(|scope| {
            let ends: Vec<_> = (0..6)
                .map(|index| {
                    let (ledger, start, id) = (&ledgers[index % 2], &start, &id);
                    scope.spawn(move || {
                        let payload = index.to_string();
                        start.wait();
                        let done = ledger.update_task(id, FINAL[index / 2], None, Some(&payload), NOW).unwrap();
                        done.then_some(payload)
                    })
                })
                .collect();
            ends.into_iter().filter_map(|end| end.join().unwrap()).collect()
        });
        assert_eq!(written.len(), 1, "round {round}");
        for ledger in &ledgers {
            assert_eq!(ledger.task(&id).unwrap().unwrap().payload.as_ref(), written.first());
        }
    }
}

#[test]
fn a_session_has_its_own_tasks_oldest_first() {
    let ledger = ledger_with(&["b"]);
    ledger.create_task(&TaskRow { created_ms: NOW - 1, ..working("c") }).unwrap();
    ledger.create_task(&TaskRow { session: "d00d".into(), ..working("a") }).unwrap();
    let ids = |session, limit| -> Vec<String> {
        ledger.tasks_of_session(session, limit).unwrap().into_iter().map(|task| task.id).collect()
    };
    assert_eq!(ids("b0b5", 10), ["c", "b"]);
    assert_eq!(ids("b0b5", 1), ["c"]);
    assert_eq!(ids("none", 10), [""; 0]);
}

#[test]
fn what_ran_is_lost_with_its_node() {
    let ledger = ledger_with(&["asked", "working", "done"]);
    ledger.update_task("asked", TaskStatus::InputRequired, None, Some("{}"), NOW).unwrap();
    ledger.update_task("done", TaskStatus::Completed, None, Some("1"), NOW).unwrap();
    let error = r#"{"code":-32000,"message":"the node was restarted"}"#;
    assert_eq!(ledger.lose_running(NOW + 5 * HOUR, error, &[]).unwrap(), 2);
    for id in ["asked", "working"] {
        let lost = ledger.task(id).unwrap().unwrap();
        assert_eq!((lost.status, lost.message, lost.payload.as_deref()), (TaskStatus::Failed, None, Some(error)));
        assert_eq!(lost.updated_ms, NOW + 5 * HOUR);
    }
    assert_eq!(ledger.task("done").unwrap().unwrap().payload.as_deref(), Some("1"));
    // Its client has its time to find that out.
    assert_eq!(ledger.forget_expired(NOW + 6 * HOUR - 1).unwrap(), 1);
    assert!(ledger.task("asked").unwrap().is_some());
}

#[test]
fn an_end_is_kept_for_its_time_and_a_task_that_runs_for_ever() {
    let ledger = ledger_with(&["running", "late"]);
    let born_over = TaskRow { status: TaskStatus::Failed, updated_ms: NOW + 1, ..working("born over") };
    ledger.create_task(&born_over).unwrap();
    assert!(ledger.update_task("late", TaskStatus::Completed, None, Some("{}"), NOW + 10 * HOUR).unwrap());
    assert_eq!(ledger.forget_expired(NOW + HOUR).unwrap(), 0);
    assert_eq!(ledger.forget_expired(NOW + HOUR + 1).unwrap(), 1);
    assert_eq!(ledger.forget_expired(NOW + 11 * HOUR - 1).unwrap(), 0);
    assert_eq!(ledger.forget_expired(NOW + 11 * HOUR).unwrap(), 1);
    assert_eq!(ledger.forget_expired(u64::MAX).unwrap(), 0);
    assert_eq!(ledger.task("running").unwrap(), Some(working("running")));
}

#[test]
fn endless_times_do_not_overflow() {
    let ledger = Ledger::in_memory().unwrap();
    let endless = TaskRow { created_ms: u64::MAX, updated_ms: u64::MAX, ttl_ms: u64::MAX, ..working("t") };
    ledger.create_task(&endless).unwrap();
    assert!(ledger.update_task("t", TaskStatus::Completed, None, None, u64::MAX).unwrap());
    assert_eq!(ledger.forget_expired(u64::MAX).unwrap(), 0);
    assert_eq!(ledger.task("t").unwrap().unwrap().ttl_ms, i64::MAX as u64 / 2);
}

#[test]
fn tasks_are_counted_by_principal() {
    let ledger = ledger_with(&["a", "b", "c"]);
    ledger.create_task(&TaskRow { principal: "key:eve".into(), ..working("d") }).unwrap();
    ledger.update_task("a", TaskStatus::InputRequired, None, None, NOW).unwrap();
    ledger.update_task("b", TaskStatus::Cancelled, None, None, NOW).unwrap();
    assert_eq!(ledger.count_tasks().unwrap(), TaskCounts { running: 3, over: 1 });
    assert_eq!(ledger.count_tasks_of("key:ada").unwrap(), TaskCounts { running: 2, over: 1 });
    assert_eq!(ledger.count_tasks_of("nobody").unwrap(), TaskCounts::default());
}

#[test]
fn ids_are_long_and_never_the_same() {
    let ids: HashSet<String> = (0..1000).map(|_| new_task_id().unwrap()).collect();
    assert_eq!(ids.len(), 1000);
    for id in ids {
        assert!(id.len() == 28 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{id}");
    }
}

#[test]
fn what_opens_a_task_is_not_shown() {
    let task = TaskRow { payload: Some("result".into()), ..working("the-id") };
    let shown = format!("{task:?}");
    for hidden in ["the-id", "b0b5", "result", "begun"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[test]
fn a_ledger_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Ledger>();
    shared::<crate::Sealer>();
}
