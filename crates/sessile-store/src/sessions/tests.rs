use super::*;

fn started(name: &str, runtime: &str) -> SessionRow {
    SessionRow {
        name: name.to_owned(),
        id_digest: format!("digest of {name}"),
        server: "counter".to_owned(),
        principal: "ada-0123".to_owned(),
        runtime: runtime.to_owned(),
        started_ms: 1_000,
        end: None,
    }
}

fn end(ended_ms: u64) -> SessionEnd {
    SessionEnd { ended_ms, reason: "idle_timeout".to_owned(), calls: 3, post_mortem: r#"{"cpu_ms":1}"#.to_owned() }
}

#[test]
fn a_session_is_there_from_its_start_and_after_its_end() {
    let ledger = Ledger::in_memory().unwrap();
    let row = started("s-1", "one");
    ledger.session_started(&row).unwrap();
    assert_eq!(ledger.open_sessions().unwrap(), [row.clone()]);
    ledger.session_ended("s-1", &end(2_000)).unwrap();
    ledger.session_ended("s-1", &SessionEnd { reason: "node_lost".to_owned(), ..end(3_000) }).unwrap();
    let over = SessionRow { end: Some(end(2_000)), ..row };
    assert_eq!(ledger.session("s-1").unwrap(), Some(over.clone()), "the first end stays");
    assert_eq!(ledger.session_by_id("digest of s-1").unwrap(), Some(over));
    assert!(ledger.open_sessions().unwrap().is_empty());
    assert_eq!(ledger.session("s-2").unwrap(), None);
}

#[test]
fn another_process_can_go_on_with_it() {
    let ledger = Ledger::in_memory().unwrap();
    ledger.session_started(&started("s-1", "one")).unwrap();
    ledger.session_started(&started("s-1", "two")).unwrap();
    assert_eq!(ledger.open_sessions().unwrap(), [started("s-1", "two")]);
}

#[test]
fn the_newest_ends_are_kept() {
    let ledger = Ledger::in_memory().unwrap();
    for number in 0..10 {
        let name = format!("s-{number}");
        ledger.session_started(&started(&name, "one")).unwrap();
        if number > 0 {
            ledger.session_ended(&name, &end(1_000 * number)).unwrap();
        }
    }
    assert_eq!(ledger.forget_sessions(3_000, 4).unwrap(), 5);
    let names: Vec<_> = ledger.ended_sessions(3).unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["s-9", "s-8", "s-7"]);
    assert_eq!(ledger.open_sessions().unwrap().len(), 1, "what lives is never forgotten");
}
