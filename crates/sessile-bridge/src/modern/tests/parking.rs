//! A server asks, the call is parked, the client comes back.

use super::*;
use crate::Outcome;

fn open_question(id: &str, params: Value) -> Value {
    bare(id, "elicitation/create", params)
}

#[test]
fn a_question_parks_its_call_until_the_client_comes_back() {
    let mut session = Session::legacy(Config::default());
    let id = session.call(1, &call("a"))["id"].clone();
    session.server(&ask("e1"));
    assert_eq!((session.pull(1), session.modern.parked()), (Pull::Pending, 0), "more may come");
    let parked = session.input_required(1);
    assert_eq!(parked["id"], "a");
    let question = &parked["result"]["inputRequests"]["q1"];
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"], ask("e1")["params"]);
    assert_eq!(parked["result"]["_meta"]["io.modelcontextprotocol/serverInfo"], info());
    assert_eq!((session.modern.parked(), session.modern.in_flight()), (1, 1));
    assert_eq!(session.modern.deadline(), Some(session.now + Config::default().park_timeout));
    session.wait(9 * MINUTE);
    session.look();

    session.retry(2, &call("b"), &parked, json!({"q1": accept("Ada")})).unwrap();
    assert_eq!(session.heard(), [response("e1", accept("Ada"))]);
    assert_eq!((session.pull(2), session.modern.parked()), (Pull::Pending, 0));
    session.server(&response(id, json!({"content": []})));
    let answer = session.json(2);
    assert_eq!((&answer["id"], &answer["result"]["resultType"]), (&json!("b"), &json!("complete")));
    assert_eq!(session.modern.in_flight(), 0);
    let ended = session.recorded().into_iter().map(|record| match record {
        Record::CallEnded { id, outcome, .. } | Record::ServerRequestEnded { id, outcome, .. } => {
            (id.to_string(), outcome)
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(ended.collect::<Vec<_>>(), [(r#""e1""#.to_owned(), Outcome::Ok), (r#""b""#.to_owned(), Outcome::Ok)]);
}

#[test]
fn what_was_streamed_makes_the_questions_an_event() {
    let mut session = Session::legacy(Config::default());
    let meta = json!({"progressToken": "p"});
    let id = session.call(1, &request(1, "tools/call", json!({"name": "ask", "_meta": meta})))["id"].clone();
    session.server(&notification("notifications/progress", json!({"progressToken": id, "progress": 1})));
    session.server(&ask("e1"));
    session.wait(GATHER);
    assert_eq!(session.event(1)["params"]["progressToken"], "p");
    assert_eq!(session.event(1)["result"]["resultType"], "input_required");
    assert_eq!(session.pull(1), Pull::End);
}

#[test]
fn questions_that_come_together_are_asked_together() {
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    session.server(&ask("e1"));
    session.wait(GATHER / 2);
    session.server(&bare("r", "roots/list", json!(null)));
    session.server(&bare("s", "sampling/createMessage", json!({"messages": [], "maxTokens": 1})));
    session.wait(GATHER / 2);
    assert_eq!(session.pull(1), Pull::Pending, "each question is waited for anew");
    let parked = session.input_required(1);
    let requests = parked["result"]["inputRequests"].as_object().unwrap();
    assert_eq!(requests.keys().collect::<Vec<_>>(), ["q1", "q2", "q3"]);
    let sample = json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "hi"}});
    let answers = json!({"q1": {"action": "cancel"}, "q2": {"roots": []}, "q3": sample});
    session.look();
    session.retry(2, &call(2), &parked, answers).unwrap();
    let expected =
        [response("e1", json!({"action": "cancel"})), response("r", json!({"roots": []})), response("s", sample)];
    assert_eq!(session.heard(), expected);
}

#[test]
fn what_is_missing_or_does_not_fit_is_asked_again() {
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    for id in ["e1", "e2", "e3"] {
        session.server(&ask(id));
    }
    let parked = session.input_required(1);
    session.look();
    let answers = json!({"q1": accept("Ada"), "q2": {"action": "accept", "content": {"name": 1}}, "q9": accept("x")});
    session.retry(2, &call(2), &parked, answers).unwrap();
    assert_eq!(session.heard(), [response("e1", accept("Ada"))]);
    let again = session.json(2);
    assert_eq!(again["result"]["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["q2", "q3"]);
    assert_eq!(session.retry(3, &call(3), &parked, json!({"q2": accept("Bea")})), Err(Refusal::StateInvalid));
    assert_eq!((session.heard(), session.modern.parked()), (vec![], 1), "a state is good once");
    session.retry(3, &call(3), &again, json!({"q2": accept("Bea"), "q3": {"action": "decline"}})).unwrap();
    assert_eq!(session.heard(), [response("e2", accept("Bea")), response("e3", json!({"action": "decline"}))]);
}

#[test]
fn a_retry_that_brings_nonsense_is_asked_again() {
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    session.server(&ask("e1"));
    let mut parked = session.input_required(1);
    session.look();
    for (connection, nonsense) in (2..).zip([json!([]), json!(null), json!("q1"), json!({"q1": null}), json!({"": 1})])
    {
        session.retry(connection, &call(connection), &parked, nonsense).unwrap();
        parked = session.json(connection);
        assert_eq!(parked["result"]["inputRequests"]["q1"]["method"], "elicitation/create");
    }
    assert_eq!(session.heard(), nothing());
}

#[test]
fn the_next_question_has_a_key_of_its_own() {
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    session.server(&ask("e1"));
    let parked = session.input_required(1);
    session.retry(2, &call(2), &parked, json!({"q1": accept("Ada")})).unwrap();
    session.server(&ask("e2"));
    let parked = session.input_required(2);
    assert_eq!(parked["result"]["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["q2"]);
    session.look();
    session.retry(3, &call(3), &parked, json!({"q1": accept("Eve"), "q2": accept("Bea")})).unwrap();
    assert_eq!(session.heard(), [response("e2", accept("Bea"))]);
}

#[test]
fn the_answer_may_come_while_the_client_is_away() {
    let mut session = Session::legacy(Config::default());
    let id = session.call(1, &call(1))["id"].clone();
    session.server(&ask("e1"));
    session.server(&ask("e2"));
    let parked = session.input_required(1);
    session.server(&cancelled("e1"));
    session.server(&response(id, json!({"n": 1})));
    session.look();
    session.retry(2, &call(2), &parked, json!({})).unwrap();
    assert_eq!(session.json(2)["result"]["n"], 1);
    let heard = session.heard();
    assert_eq!((heard.len(), &heard[0]["id"], code(&heard[0])), (1, &json!("e2"), -32008), "nobody asks any more");
}

#[test]
fn progress_waits_for_the_client_too() {
    let mut session = Session::legacy(Config::default());
    let with =
        |id: i64, token: &str| request(id, "tools/call", json!({"name": "ask", "_meta": {"progressToken": token}}));
    let id = session.call(1, &with(1, "old"))["id"].clone();
    session.server(&ask("e1"));
    let parked = session.input_required(1);
    for progress in 1..4 {
        session.server(&notification("notifications/progress", json!({"progressToken": id, "progress": progress})));
    }
    session.retry(2, &with(2, "new"), &parked, json!({"q1": accept("Ada")})).unwrap();
    session.server(&response(id, json!({})));
    let expected = notification("notifications/progress", json!({"progressToken": "new", "progress": 3}));
    assert_eq!(session.event(2), expected);
    assert_eq!(session.event(2)["id"], 2);
    let superseded = |record: &&Record| matches!(record, Record::Undeliverable { why: crate::Why::Superseded, .. });
    assert_eq!(session.recorded().iter().filter(superseded).count(), 2);
}

#[test]
fn a_url_that_was_opened_needs_no_answer() {
    let mut session = Session::legacy(Config::default());
    let url = json!({"mode": "url", "elicitationId": "u1", "url": "https://x.example", "message": "log in"});
    session.call(1, &call(1));
    session.server(&open_question("e1", url.clone()));
    let parked = session.input_required(1);
    assert_eq!(parked["result"]["inputRequests"]["q1"]["params"], url);
    session.server(&notification("notifications/elicitation/complete", json!({"elicitationId": "u1"})));
    session.look();
    session.retry(2, &call(2), &parked, json!({})).unwrap();
    assert_eq!(session.heard(), [response("e1", json!({"action": "accept"}))]);
    session.server(&notification("notifications/elicitation/complete", json!({"elicitationId": "u1"})));
    assert!(matches!(session.recorded()[..], [_, Record::Undeliverable { .. }]));
}

#[test]
fn what_the_client_says_of_a_url_counts_first() {
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    session.server(&open_question("e1", json!({"mode": "url", "elicitationId": "u1", "url": "x:y", "message": "?"})));
    let parked = session.input_required(1);
    session.server(&notification("notifications/elicitation/complete", json!({"elicitationId": "u1"})));
    session.look();
    session.retry(2, &call(2), &parked, json!({"q1": {"action": "dance"}})).unwrap();
    let parked = session.json(2);
    session.retry(3, &call(3), &parked, json!({"q1": {"action": "decline"}})).unwrap();
    assert_eq!(session.heard(), [response("e1", json!({"action": "decline"}))]);
}

#[test]
fn an_error_that_wants_urls_opened_becomes_questions() {
    let mut session = Session::legacy(Config::default());
    let url = json!({"mode": "url", "elicitationId": "u1", "url": "https://x.example", "message": "log in"});
    let id = session.call(1, &call(1))["id"].clone();
    session.server(&failure(id.clone(), -32042, json!({"elicitations": [url]})));
    let parked = session.json(1);
    assert_eq!(parked["result"]["inputRequests"], json!({"q1": {"method": "elicitation/create", "params": url}}));
    assert_eq!((session.modern.parked(), session.heard()), (1, vec![]));
    session.retry(2, &call(2), &parked, json!({"q1": {"action": "accept"}})).unwrap();
    let heard = session.heard();
    assert_eq!((heard.len(), &heard[0]["params"]), (1, &json!({"name": "ask"})), "the call is made anew");
    assert_ne!(heard[0]["id"], id);
    session.server(&response(heard[0]["id"].clone(), json!({"n": 1})));
    assert_eq!(session.json(2)["result"]["n"], 1);

    let id = session.call(3, &call_with(3, json!({"elicitation": {}})))["id"].clone();
    session.server(&failure(id, -32042, json!({"elicitations": [url]})));
    let answer = session.json(3);
    assert_eq!(code(&answer), -32021);
    assert_eq!(answer["error"]["data"], json!({"requiredCapabilities": {"elicitation": {"url": {}}}}));
}
