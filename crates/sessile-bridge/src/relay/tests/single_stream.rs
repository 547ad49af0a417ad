//! HTTP+SSE of 2024-11-05: one stream for everything.

use super::*;
use crate::{Cut, Transport};

fn session() -> Session {
    Session::with(Config { transport: Transport::SingleStream, ..Config::default() })
}

fn ask(session: &mut Session, body: &Value) {
    session.on(Event::ClientMessages { connection: None, messages: vec![message(body)] }).unwrap();
}

#[test]
fn everything_goes_out_on_the_one_stream_without_ids() {
    let mut session = session();
    session.listen(1);
    ask(&mut session, &request(1, "initialize", json!({"protocolVersion": "2024-11-05"})));
    session.server(&json!({"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-11-25"}}));
    ask(&mut session, &call(2));
    session.server(&log("x"));
    session.server(&request("s", "ping", json!({})));
    session.server(&result(2));
    let events: Vec<_> = (0..4).map(|_| session.event(1)).collect();
    assert!(events.iter().all(|(id, _)| id.is_empty()));
    assert_eq!(events[0].1["id"], 1);
    assert_eq!((&events[1].1, &events[2].1["id"], &events[3].1), (&log("x"), &json!("s"), &result(2)));
    assert_eq!(session.pull(1), Pull::Pending);
    session.server_gone();
    assert_eq!(session.pull(1), Pull::End);
}

#[test]
fn what_nobody_took_waits_for_the_next_stream() {
    let mut session = session();
    session.listen(1);
    ask(&mut session, &call(1));
    session.server(&log("x"));
    session.server(&result(1));
    assert_eq!(session.event(1).1, log("x"));
    session.close(1);
    session.listen(2);
    assert_eq!(session.event(2).1, result(1));
    assert_eq!(session.pull(2), Pull::Pending);
}

#[test]
fn a_new_stream_takes_the_place_of_the_old_one() {
    let mut session = session();
    session.listen(1);
    session.server(&log("x"));
    session.listen(2);
    assert_eq!(session.pull(1), Pull::Cut(Cut::Displaced));
    assert_eq!(session.event(2).1, log("x"));
}
