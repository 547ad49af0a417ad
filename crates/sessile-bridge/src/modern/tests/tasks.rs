//! Calls that take long become tasks.

use super::*;
use crate::Outcome;

const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    Config { promote_after: Some(20 * SECOND), ..Config::default() }
}

fn with_token(id: i64) -> Value {
    request(id, "tools/call", json!({"name": "x", "_meta": {"progressToken": 1}}))
}

/// A call that has become a task, and the number the server knows it by.
fn promoted(session: &mut Session) -> Value {
    let id = session.call(1, &with_token(1))["id"].clone();
    assert_eq!(session.modern.deadline(), Some(session.now + 20 * SECOND));
    session.wait(20 * SECOND);
    assert_eq!(session.states(), [TaskState::Created]);
    assert_eq!(session.json(1)["result"]["resultType"], "task");
    session.look();
    id
}

fn progress(token: &Value, text: &str) -> Value {
    notification("notifications/progress", json!({"progressToken": token, "progress": 1, "message": text}))
}

fn input(session: &mut Session, responses: Value) -> Result<(), Refusal> {
    session.on(Event::TaskInput { task: "task-1".to_owned(), responses: responses.to_string() })
}

#[test]
fn a_long_call_is_answered_with_a_task_and_its_result_later() {
    let mut session = Session::legacy(config());
    let id = session.call(1, &call(1))["id"].clone();
    session.wait(20 * SECOND);
    assert_eq!(session.tasks, [TaskChange { task: "task-1".to_owned(), state: TaskState::Created }]);
    session.tasks.clear();
    let now = "2026-07-28T00:00:00Z";
    let result = json!({
        "resultType": "task", "taskId": "task-1", "status": "working", "createdAt": now, "lastUpdatedAt": now,
        "ttlMs": 3_600_000, "pollIntervalMs": 1000, "_meta": {"io.modelcontextprotocol/serverInfo": info()}
    });
    assert_eq!(session.json(1), response(1, result));
    assert!(session.modern.has_task("task-1") && !session.modern.has_task("task-2"));
    assert_eq!(session.modern.in_flight(), 1);
    let records = session.recorded();
    assert!(matches!(records[..], [Record::CallEnded { outcome: Outcome::Task, .. }]), "{records:?}");
    session.wait(60 * MINUTE);
    assert_eq!(session.heard(), nothing(), "a task has more time than a request");
    session.server(&response(id, json!({"content": [1.0]})));
    let [TaskState::Completed(result)] = &session.states()[..] else { panic!() };
    let meta = json!({"io.modelcontextprotocol/serverInfo": info()});
    let expected = json!({"content": [1.0], "resultType": "complete", "_meta": meta});
    assert_eq!(serde_json::from_str::<Value>(result).unwrap(), expected);
    assert_eq!((session.modern.in_flight(), session.modern.has_task("task-1")), (0, false));
}

#[test]
fn only_calls_of_clients_that_know_tasks_become_tasks() {
    let mut session = Session::legacy(config());
    session.call(1, &call_with(1, json!({"elicitation": {}})));
    session.call(2, &request(2, "prompts/get", json!({})));
    session.wait(20 * SECOND);
    assert_eq!((session.pull(1), session.pull(2), session.states()), (Pull::Pending, Pull::Pending, vec![]));
    let mut session = Session::legacy(Config::default());
    session.call(1, &call(1));
    session.wait(20 * SECOND);
    assert_eq!(session.pull(1), Pull::Pending);
}

#[test]
fn discover_says_that_there_are_tasks() {
    let mut session = Session::legacy(config());
    session.post(1, &request(1, "server/discover", json!({}))).unwrap();
    let extensions = &session.json(1)["result"]["capabilities"]["extensions"];
    assert_eq!(extensions, &json!({"io.modelcontextprotocol/tasks": {}}));
}

#[test]
fn a_failed_call_is_a_failed_task() {
    let mut session = Session::legacy(config());
    let id = promoted(&mut session);
    session.server(&failure(id, -32002, json!(1)));
    let [TaskState::Failed(error)] = &session.states()[..] else { panic!() };
    assert_eq!(serde_json::from_str::<Value>(error).unwrap(), json!({"code": -32602, "message": "no", "data": 1}));
}

#[test]
fn questions_wait_for_the_tasks_client() {
    let mut session = Session::legacy(config());
    let id = promoted(&mut session);
    session.server(&ask("e1"));
    session.server(&ask("e2"));
    let states = session.states();
    let [TaskState::InputRequired(_), TaskState::InputRequired(both)] = &states[..] else { panic!("{states:?}") };
    let both: Value = serde_json::from_str(both).unwrap();
    assert_eq!((&both["q1"]["params"], &both["q2"]["method"]), (&ask("e1")["params"], &json!("elicitation/create")));
    session.server(&progress(&id, "busy"));
    input(&mut session, json!({"q1": accept("Ada"), "q2": {"action": "dance"}, "q9": {}})).unwrap();
    assert_eq!(session.heard(), [response("e1", accept("Ada"))]);
    let states = session.states();
    let [TaskState::InputRequired(rest)] = &states[..] else { panic!("{states:?}") };
    assert!(!rest.contains("q1") && rest.contains("q2"));
    input(&mut session, json!({"q1": accept("Eve")})).unwrap();
    assert_eq!((session.heard(), session.states()), (vec![], vec![]));
    input(&mut session, json!({"q2": accept("Bea")})).unwrap();
    assert_eq!(
        (session.heard(), session.states()),
        (vec![response("e2", accept("Bea"))], vec![TaskState::Working(None)])
    );
    session.server(&ask("e3"));
    session.server(&cancelled("e3"));
    let states = session.states();
    assert!(matches!(&states[..], [TaskState::InputRequired(_), TaskState::Working(None)]), "{states:?}");
    assert_eq!(
        session.on(Event::TaskInput { task: "t".to_owned(), responses: "{}".to_owned() }),
        Err(Refusal::UnknownTask)
    );
}

#[test]
fn a_tasks_questions_do_not_wait_for_ever() {
    let mut session = Session::legacy(Config { park_timeout: MINUTE, ..config() });
    let id = promoted(&mut session);
    session.server(&ask("e1"));
    session.states();
    session.wait(MINUTE);
    let heard = session.heard();
    assert_eq!((&heard[0]["params"]["requestId"], code(&heard[1])), (&id, -32007));
    assert!(matches!(&session.states()[..], [TaskState::Failed(error)] if error.contains("-32007")));
    assert_eq!((session.modern.in_flight(), session.modern.deadline()), (0, None));
}

#[test]
fn a_task_whose_questions_were_answered_has_time_again() {
    let mut session = Session::legacy(Config { park_timeout: MINUTE, ..config() });
    promoted(&mut session);
    session.server(&ask("e1"));
    input(&mut session, json!({"q1": accept("Ada")})).unwrap();
    assert_eq!(session.modern.deadline(), None);
    session.wait(MINUTE);
    assert!(session.modern.has_task("task-1"));
}

#[test]
fn a_task_can_be_cancelled() {
    let mut session = Session::legacy(config());
    let id = promoted(&mut session);
    session.server(&ask("e1"));
    session.states();
    session.on(Event::TaskCancel { task: "task-1".to_owned() }).unwrap();
    let heard = session.heard();
    assert_eq!((&heard[0]["params"]["requestId"], code(&heard[1])), (&id, -32008));
    assert_eq!(session.states(), [TaskState::Cancelled]);
    assert_eq!(session.on(Event::TaskCancel { task: "task-1".to_owned() }), Err(Refusal::UnknownTask));
}

#[test]
fn a_task_outlives_the_request_that_made_it() {
    let mut session = Session::legacy(config());
    promoted(&mut session);
    session.tell(&cancelled(1));
    session.close(1);
    assert_eq!((session.heard(), session.states()), (vec![], vec![]));
    assert!(session.modern.has_task("task-1"));
}

#[test]
fn a_task_is_stored_before_its_client_is_woken() {
    let mut session = Session::legacy(config());
    session.call(1, &call(1));
    session.modern.on(session.now + 20 * SECOND, Event::Tick).unwrap();
    let actions: Vec<_> = std::iter::from_fn(|| session.modern.poll()).collect();
    let place = |is_it: fn(&Action) -> bool| actions.iter().position(is_it).unwrap();
    assert!(place(|action| matches!(action, Action::Task(_))) < place(|action| matches!(action, Action::Wake(_))));
}

#[test]
fn progress_with_words_is_told_once_a_second() {
    let mut session = Session::legacy(config());
    let id = promoted(&mut session);
    for text in ["a", "b", "c"] {
        session.server(&progress(&id, text));
    }
    session.server(&notification("notifications/progress", json!({"progressToken": id, "progress": 2})));
    let working = |text: &str| TaskState::Working(Some(text.to_owned()));
    assert_eq!(session.states(), [working("a")]);
    assert_eq!(session.modern.deadline(), Some(session.now + SECOND));
    session.wait(SECOND);
    assert_eq!(session.states(), [working("c")]);
    assert_eq!(session.modern.deadline(), None);
    assert_eq!(session.recorded().len(), 2, "one superseded, one without words");
}

#[test]
fn a_call_that_asks_first_is_parked_first() {
    let mut session = Session::legacy(config());
    session.call(1, &call(1));
    session.wait(19 * SECOND);
    session.server(&ask("e1"));
    let parked = session.input_required(1);
    session.wait(5 * SECOND);
    assert_eq!(session.states(), []);
    session.retry(2, &call(2), &parked, json!({"q1": accept("Ada")})).unwrap();
    session.wait(20 * SECOND);
    assert_eq!(
        (session.states(), session.json(2)["result"]["resultType"].clone()),
        (vec![TaskState::Created], json!("task"))
    );
}

#[test]
fn the_request_that_waits_must_know_tasks() {
    let mut session = Session::legacy(config());
    session.call(1, &call(1));
    session.server(&ask("e1"));
    let parked = session.input_required(1);
    session.retry(2, &call_with(2, json!({"elicitation": {}})), &parked, json!({"q1": accept("Ada")})).unwrap();
    session.wait(20 * SECOND);
    assert_eq!((session.pull(2), session.states()), (Pull::Pending, vec![]));
}

#[test]
fn those_who_listen_to_a_task_hear_all_of_it() {
    let mut session = Session::legacy(config());
    let id = promoted(&mut session);
    session
        .post(2, &request("L", "subscriptions/listen", json!({"notifications": {"taskIds": ["task-1", "x"]}})))
        .unwrap();
    assert_eq!(session.event(2)["params"]["notifications"], json!({"taskIds": ["task-1"]}));
    session.server(&progress(&id, "busy"));
    let told = session.event(2);
    let now = "2026-07-28T00:00:00Z";
    let expected = json!({
        "taskId": "task-1", "status": "working", "createdAt": now, "lastUpdatedAt": now, "ttlMs": 3_600_000,
        "pollIntervalMs": 1000, "statusMessage": "busy", "_meta": {"io.modelcontextprotocol/subscriptionId": "L"}
    });
    assert_eq!(told, notification("notifications/tasks", expected));
    session.server(&ask("e1"));
    assert_eq!(session.event(2)["params"]["inputRequests"]["q1"]["method"], "elicitation/create");
    input(&mut session, json!({"q1": accept("Ada")})).unwrap();
    assert_eq!(session.event(2)["params"]["status"], "working");
    session.server(&response(id, json!({"n": 1})));
    assert_eq!(session.event(2)["params"]["result"]["n"], 1);
}

#[test]
fn the_end_of_the_server_fails_its_tasks() {
    let mut session = Session::legacy(config());
    promoted(&mut session);
    session.server_gone();
    assert!(matches!(&session.states()[..], [TaskState::Failed(error)] if error.contains("-32000")));
    assert!(matches!(input(&mut session, json!({})), Err(Refusal::ServerGone(_))));
}

#[test]
fn urls_that_must_be_opened_are_a_tasks_questions() {
    let mut session = Session::legacy(config());
    let id = promoted(&mut session);
    let url = json!({"elicitationId": "u1", "url": "https://x.example", "message": "log in"});
    session.server(&failure(id, -32042, json!({"elicitations": [url]})));
    assert!(matches!(&session.states()[..], [TaskState::InputRequired(_)]));
    session.server(&notification("notifications/elicitation/complete", json!({"elicitationId": "u1"})));
    assert_eq!(session.states(), [TaskState::Working(None)]);
    let again = session.heard();
    assert_eq!(again[0]["method"], "tools/call");
    session.server(&response(again[0]["id"].clone(), json!({})));
    assert!(matches!(&session.states()[..], [TaskState::Completed(_)]));
}

#[test]
fn a_modern_servers_rounds_are_a_tasks_questions() {
    let mut session = Session::modern(config());
    let id = promoted(&mut session);
    let requests = json!({"k": ask("")["params"].as_object().map(|params| json!({"method": "elicitation/create", "params": params})), "r": {"method": "roots/list"}});
    session
        .server(&response(id, json!({"resultType": "input_required", "inputRequests": requests, "requestState": "s"})));
    let states = session.states();
    let [TaskState::InputRequired(asked)] = &states[..] else { panic!("{states:?}") };
    assert!(asked.contains("q1") && asked.contains("q2"));
    input(&mut session, json!({"q1": accept("Ada")})).unwrap();
    assert_eq!(session.heard(), nothing(), "the server wants all at once");
    input(&mut session, json!({"q2": {"roots": []}})).unwrap();
    let again = session.heard();
    assert_eq!(again[0]["params"]["requestState"], "s");
    assert_eq!(again[0]["params"]["inputResponses"], json!({"k": accept("Ada"), "r": {"roots": []}}));
    session.states();
    let done = json!({"resultType": "complete", "content": []});
    session.server(&response(again[0]["id"].clone(), done.clone()));
    assert_eq!(session.states(), [TaskState::Completed(done.to_string())]);
}

#[test]
fn a_modern_server_may_not_ask_for_ever() {
    let mut session = Session::modern(config());
    let mut id = promoted(&mut session);
    for _ in 0..16 {
        session.server(&response(id, json!({"resultType": "input_required", "requestState": "s"})));
        id = session.heard()[0]["id"].clone();
    }
    session.states();
    session.server(&response(id, json!({"resultType": "input_required", "requestState": "s"})));
    assert!(matches!(&session.states()[..], [TaskState::Failed(_)]));
}

#[test]
fn a_modern_server_that_makes_tasks_is_left_to_it() {
    let mut session = Session::new(Opening::Modern, config());
    let id = session.heard()[0]["id"].clone();
    let mut able = discovered();
    able["capabilities"]["extensions"] = json!({"io.modelcontextprotocol/tasks": {}});
    session.server(&response(id, able));
    session.look();
    session.call(1, &call(1));
    session.wait(20 * SECOND);
    assert_eq!((session.pull(1), session.states()), (Pull::Pending, vec![]));
}

#[test]
fn listeners_at_a_modern_server_hear_of_the_bridges_tasks_too() {
    let mut session = Session::modern(config());
    let id = promoted(&mut session);
    let filter = json!({"notifications": {"taskIds": ["task-1", "theirs"], "toolsListChanged": true}});
    let heard = session.call(2, &request("L", "subscriptions/listen", filter));
    assert_eq!(heard["params"]["notifications"], json!({"taskIds": ["theirs"], "toolsListChanged": true}));
    session.server(&progress(&id, "early"));
    let meta = json!({"io.modelcontextprotocol/subscriptionId": heard["id"]});
    let agreed = json!({"notifications": {"toolsListChanged": true}, "_meta": meta});
    session.server(&notification("notifications/subscriptions/acknowledged", agreed));
    let expected = json!({"toolsListChanged": true, "taskIds": ["task-1"]});
    assert_eq!(session.event(2)["params"]["notifications"], expected);
    assert_eq!(session.event(2)["params"]["statusMessage"], "early");
    session.wait(SECOND);
    session.server(&progress(&id, "late"));
    assert_eq!(session.event(2)["params"]["statusMessage"], "late");
}
