//! Another process goes on with the session, by its record: the one before was killed.

use super::*;
use crate::Bridge;

/// Hands over to a process that finds every connection gone.
fn bereave(session: &mut Session) {
    session.hand_over();
    for connection in session.modern.connections() {
        session.on(Event::ConnectionClosed { connection }).unwrap();
    }
}

#[test]
fn a_parked_call_goes_on() {
    let mut session = Session::legacy(Config::default());
    let id = session.call(1, &call("a"))["id"].clone();
    session.server(&ask("e1"));
    let parked = session.input_required(1);
    bereave(&mut session);
    session.look();
    session.retry(2, &call("b"), &parked, json!({"q1": accept("Ada")})).unwrap();
    assert_eq!(session.heard(), [response("e1", accept("Ada"))]);
    session.server(&response(id, json!({"content": []})));
    assert_eq!(session.json(2)["result"]["resultType"], "complete");
}

#[test]
fn a_call_whose_client_was_connected_ends_as_if_it_had_left() {
    let mut session = Session::legacy(Config::default());
    let id = session.call(1, &call("a"))["id"].clone();
    bereave(&mut session);
    let heard = session.heard();
    assert_eq!((&heard[0]["method"], &heard[0]["params"]["requestId"]), (&json!("notifications/cancelled"), &id));
    assert_eq!(session.modern.in_flight(), 0);
}

#[test]
fn what_is_no_record_is_named() {
    for text in ["", "{}", r#"{"modern":{}}"#, r#"{"sideways":{}}"#] {
        assert!(Bridge::restore(text, Config::default(), Box::<OpenMint>::default()).is_err(), "{text}");
    }
}
