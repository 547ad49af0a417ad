use super::*;
use serde_json::json;

fn live() -> Session {
    Session::read(json!({
        "name": "calm-fox", "server": "files", "principal": "anonymous", "state": "idle", "age_ms": 61_000,
        "in_flight": 0, "calls": 3, "protocol": "2025-11-25", "memory": 12_582_912, "cpu_ms": null, "end": null,
    }))
    .unwrap()
}

fn ended() -> Session {
    Session::read(json!({
        "name": "odd-owl", "server": "files", "principal": "key:ci", "state": "stopped", "age_ms": 900, "in_flight": 0,
        "calls": 1, "protocol": null, "memory": null, "cpu_ms": 40, "new_member": {},
        "end": { "reason": "server_exited", "exit": "exit code 3", "stderr_tail": "line\n\x1b[31mboom\n",
                 "hint": null, "cpu_ms": 40, "memory_peak": 2048, "lived_ms": 900, "ended_at": 1_700_000_000 },
    }))
    .unwrap()
}

#[test]
fn a_list_of_live_sessions_has_no_column_for_ends() {
    assert_eq!(
        list(&[live()], None),
        "NAME      SERVER  PRINCIPAL  STATE  AGE    IN FLIGHT  CALLS  PROTOCOL    MEMORY    CPU\n\
         calm-fox  files   anonymous  idle   1m 1s  0          3      2025-11-25  12.0 MiB  -"
    );
}

#[test]
fn a_bridged_session_says_what_is_spoken_on_both_sides() {
    let mut bridged = live();
    bridged.view.protocol = Some("2026-07-28".to_owned());
    bridged.view.server_protocol = Some("2025-11-25".to_owned());
    (bridged.view.in_flight, bridged.view.parked) = (2, 1);
    let text = whole(&bridged);
    assert!(text.contains("2026-07-28 over 2025-11-25") && text.contains("2 (1 parked)"), "{text}");
}

#[test]
fn a_session_with_a_way_out_says_what_went_through_it() {
    let mut reaching = live();
    assert!(!whole(&reaching).contains("egress"), "{}", whole(&reaching));
    reaching.view.egress = Some(Egress { sent: 2048, received: 12_582_912, refused: 3 });
    let text = whole(&reaching);
    assert!(text.ends_with("egress       2.0 KiB sent, 12.0 MiB received, 3 refused"), "{text}");
}

#[test]
fn ended_sessions_say_why() {
    let text = list(&[live(), ended()], None);
    assert!(text.lines().nth(2).unwrap().ends_with("2.0 KiB   40ms  server_exited (exit code 3)"), "{text}");
}

#[test]
fn the_whole_of_an_ended_session_has_its_stderr_without_its_escapes() {
    assert_eq!(
        whole(&ended()),
        "name         odd-owl\n\
         server       files\n\
         principal    key:ci\n\
         state        stopped\n\
         calls        1\n\
         protocol     -\n\
         reason       server_exited\n\
         exit         exit code 3\n\
         lived        900ms\n\
         cpu          40ms\n\
         memory peak  2.0 KiB\n\
         ended at     2023-11-14T22:13:20Z\n\
         stderr (last lines)\n  \
           line\n  \
           \\x1b[31mboom"
    );
}
