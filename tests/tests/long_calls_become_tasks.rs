//! A call that takes long becomes a task for clients that know tasks (SEP-2663): its result waits to be fetched, also when
//! client and node were away.

use rustix::process::Signal;
use serde_json::{Value, json};
use sessile_tests::client::text_of;
use sessile_tests::modern::{META_SUBSCRIPTION, TASKS, accept, form};
use sessile_tests::node::{Start, table, words};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, Modern, Node, Script};

const KEYS: &str = "tasks.promote_after = \"200ms\"";
/// A script's list of tools, which is asked for before the first call.
const TOOLS: &str = r#"{"jsonrpc":"2.0","id":ID,"result":{"tools":[{"name":"any","inputSchema":{"type":"object"}}]}}"#;

fn node() -> Node {
    Node::configured("asker", &["--era", "legacy"], KEYS)
}

/// One whose sandboxes do not outlive it.
fn mortal_node() -> Node {
    Node::configured("asker", &["--era", "legacy"], &format!("{KEYS}\nlimits.adopt_grace = \"0s\""))
}

/// A client that knows tasks, and can be asked.
fn client(node: &Node) -> Modern {
    let capabilities = json!({ "elicitation": { "form": {} }, "extensions": { TASKS: {} } });
    Modern::at(node.endpoint()).capabilities(capabilities)
}

fn lingering(milliseconds: u64) -> Value {
    json!({ "label": "slow", "linger_ms": milliseconds })
}

/// Begins a call that becomes a task, and returns its id.
async fn begin(client: &Modern, arguments: Value) -> String {
    let result = client.result_of("tools/call", json!({ "name": "ask", "arguments": arguments })).await;
    assert_eq!((&result["resultType"], &result["status"]), (&json!("task"), &json!("working")), "{result}");
    for member in ["taskId", "createdAt", "lastUpdatedAt"] {
        assert!(result[member].is_string(), "{member}: {result}");
    }
    assert!(result["ttlMs"].is_u64() && result["pollIntervalMs"].is_u64(), "{result}");
    result["taskId"].as_str().unwrap().to_owned()
}

async fn get(client: &Modern, task: &str) -> Value {
    let result = client.result_of("tasks/get", json!({ "taskId": task })).await;
    assert_eq!((&result["resultType"], &result["taskId"]), (&json!("complete"), &json!(task)), "{result}");
    result
}

/// Waits until a task is in another state than `working`.
async fn settled(client: &Modern, task: &str) -> Value {
    until("the task goes on", PATIENCE, async || {
        let state = get(client, task).await;
        (state["status"] != "working").then_some(state)
    })
    .await
}

fn answers_in(result: &Value) -> Value {
    let outcome: Value = serde_json::from_str(&text_of(result)).unwrap();
    outcome["answers"].clone()
}

#[tokio::test]
async fn a_slow_call_is_fetched_later() {
    let node = node();
    let client = client(&node);
    let quick = client.call("ask", json!({ "label": "quick" })).await;
    assert!(quick.contains("quick"), "what is quick is answered at once: {quick}");
    let task = begin(&client, lingering(800)).await;
    assert_eq!(get(&client, &task).await["status"], "working");
    assert_eq!(node.admin().only_session().await["in_flight"], 1);
    let done = settled(&client, &task).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert!(text_of(&done["result"]).contains("slow"), "{done}");
    assert_eq!(get(&client, &task).await["result"], done["result"], "as often as it is asked for");
    // The client may be another process by then, and its session gone.
    node.admin().stop(node.admin().only_session().await["name"].as_str().unwrap()).await;
    node.admin().all_ended().await;
    let started = node.admin().sessions().await.len();
    assert_eq!(get(&self::client(&node), &task).await["result"], done["result"]);
    assert_eq!(node.admin().sessions().await.len(), started, "nothing is started for it");
}

#[tokio::test]
async fn a_result_outlives_the_node() {
    let node = mortal_node();
    let task = begin(&client(&node), lingering(300)).await;
    let done = settled(&client(&node), &task).await;
    let node = node.restart(Signal::KILL);
    let after = get(&client(&node), &task).await;
    assert_eq!((&after["status"], &after["result"]), (&json!("completed"), &done["result"]));
    assert!(node.admin().live().await.is_empty());
}

#[tokio::test]
async fn a_task_that_dies_with_its_node_has_failed() {
    let node = mortal_node();
    let task = begin(&client(&node), lingering(600_000)).await;
    let node = node.restart(Signal::KILL);
    let after = get(&client(&node), &task).await;
    assert_eq!(after["status"], "failed", "{after}");
    assert_eq!(after["error"]["data"]["reason"], "node_lost", "{after}");
    assert_eq!(after["error"]["code"], -32000, "{after}");
}

#[tokio::test]
async fn a_task_whose_server_dies_has_failed() {
    let node = node();
    let client = client(&node);
    let task = begin(&client, lingering(600_000)).await;
    client.answer_to("tools/call", json!({ "name": "die", "arguments": {} })).await;
    let after = settled(&client, &task).await;
    assert_eq!(
        (&after["status"], &after["error"]["data"]["reason"]),
        (&json!("failed"), &json!("server_exit")),
        "{after}"
    );
}

#[tokio::test]
async fn what_the_server_calls_an_error_is_one() {
    let script = Script::new().answer(r#""method":"tools/list""#, TOOLS).on(
        r#""method":"tools/call""#,
        r#"sleep 0.6; say '{"jsonrpc":"2.0","id":'"$id"',"error":{"code":17,"message":"no"}}'"#,
    );
    let home = Home::new();
    let command = script.command(&home, "it");
    let node = Start::serve(home, "sessile.toml", &table("it", &command, KEYS)).start();
    let client = client(&node);
    let result = client.result_of("tools/call", json!({ "name": "any", "arguments": {} })).await;
    assert_eq!(result["resultType"], "task", "{result}");
    let after = settled(&client, result["taskId"].as_str().unwrap()).await;
    assert_eq!((&after["status"], &after["error"]["code"]), (&json!("failed"), &json!(17)), "{after}");
}

#[tokio::test]
async fn a_task_asks_and_is_told() {
    // A question that comes late: the call is a task already.
    let slow = Script::new()
        .answer(r#""method":"tools/list""#, TOOLS)
        .on(r#""method":"tools/call""#, &format!("call=$id; sleep 0.6; say '{}'", late_question()))
        .on(
            r#""id":"late""#,
            r#"say '{"jsonrpc":"2.0","id":'"$call"',"result":{"content":[{"type":"text","text":"told"}]}}'"#,
        );
    let home = Home::new();
    let command = slow.command(&home, "it");
    let node = Start::serve(home, "sessile.toml", &table("it", &command, KEYS)).start();
    let client = client(&node);
    let result = client.result_of("tools/call", json!({ "name": "any", "arguments": {} })).await;
    assert_eq!(result["resultType"], "task", "{result}");
    let task = result["taskId"].as_str().unwrap();
    let asking = settled(&client, task).await;
    assert_eq!(asking["status"], "input_required", "{asking}");
    let requests = asking["inputRequests"].as_object().unwrap();
    assert_eq!(requests.len(), 1, "{asking}");
    let (key, request) = requests.iter().next().unwrap();
    assert_eq!(request["params"]["message"], "Late?");

    // Answers to nothing, and none that fits, leave it as it is.
    let update = async |responses: Value| {
        let params = json!({ "taskId": task, "inputResponses": responses });
        let result = client.result_of("tasks/update", params).await;
        assert_eq!(result["resultType"], "complete", "{result}");
    };
    update(json!({ "nobody-asked": accept(json!({ "name": "Eve" })) })).await;
    update(json!({ (key): 7 })).await;
    assert_eq!(get(&client, task).await["inputRequests"], asking["inputRequests"]);
    update(json!({ (key): accept(json!({ "name": "Ada" })) })).await;
    let done = settled(&client, task).await;
    assert_eq!((&done["status"], text_of(&done["result"]).as_str()), (&json!("completed"), "told"), "{done}");
    // Once more changes nothing.
    update(json!({ (key): accept(json!({ "name": "Eve" })) })).await;
    assert_eq!(get(&client, task).await, done);
}

fn late_question() -> String {
    let form = form("Late?", "name", "string");
    json!({ "jsonrpc": "2.0", "id": "late", "method": "elicitation/create", "params": form["params"] }).to_string()
}

/// A call that asks before it is a task asks in the usual way first.
#[tokio::test]
async fn a_quick_question_parks_the_call_as_ever() {
    let node = node();
    let client = client(&node);
    let arguments = json!({ "rounds": [[form("Who?", "name", "string")]], "linger_ms": 600 });
    let parked = client.park("ask", arguments).await;
    let answer = client.retry(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await;
    assert_eq!(answer["result"]["resultType"], "task", "{answer}");
    let done = settled(&client, answer["result"]["taskId"].as_str().unwrap()).await;
    assert_eq!(answers_in(&done["result"]), json!([accept(json!({ "name": "Ada" }))]));
}

#[tokio::test]
async fn a_task_can_be_cancelled() {
    let node = node();
    let client = client(&node);
    let task = begin(&client, lingering(600_000)).await;
    let result = client.result_of("tasks/cancel", json!({ "taskId": task })).await;
    assert_eq!(result["resultType"], "complete", "{result}");
    assert_eq!(settled(&client, &task).await["status"], "cancelled");
    until("the server is told", PATIENCE, async || {
        let told = client.call("seen", json!({ "method": "notifications/cancelled" })).await;
        (told != "[]").then_some(())
    })
    .await;
    node.admin().in_flight(0).await;
    // What is over stays as it is.
    client.result_of("tasks/cancel", json!({ "taskId": task })).await;
    assert_eq!(get(&client, &task).await["status"], "cancelled");
}

/// What a stranger is told of a task, with its id left out.
async fn told(stranger: &Modern, method: &str, task: &str) -> Value {
    let params = json!({ "taskId": task, "inputResponses": {} });
    let reply = stranger.endpoint.send(stranger.request(method, params)).await;
    let status = reply.status.as_u16();
    let answer: Value = serde_json::from_str(&reply.text().await.replace(task, "TASK")).unwrap();
    json!([status, answer["error"]])
}

/// To anyone else it does not exist: they are told the same as of a task that never was.
async fn task_is_unknown_to(stranger: &Modern, task: &str) {
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let of_hers = told(stranger, method, task).await;
        assert_eq!(of_hers[1]["code"], -32602, "{method}: {of_hers}");
        assert_eq!(told(stranger, method, &"0".repeat(task.len())).await, of_hers, "{method}");
    }
}

#[tokio::test]
async fn a_task_belongs_to_its_principal() {
    let home = Home::new();
    let (ada, bob, file) = (home.key("ada"), home.key("bob"), home.key_file());
    let command = words(&home.fixture("asker"), &["--era", "legacy"]);
    let manifest = [table("it", &command, KEYS), table("other", &command, KEYS)].concat();
    let node = Start::serve(home, "sessile.toml", &manifest).option(&["--api-keys", &file]).start();
    let (hers, his) = (client(&node).key(&ada), client(&node).key(&bob));
    let task = begin(&hers, lingering(900)).await;
    task_is_unknown_to(&his, &task).await;
    // Nor is it one of another server's, whether that has run or not.
    task_is_unknown_to(&hers.to(&node.server("other")), &task).await;
    assert_eq!(settled(&hers, &task).await["status"], "completed");
}

#[tokio::test]
async fn who_does_not_know_tasks_waits() {
    let node = node();
    let plain = Modern::at(node.endpoint());
    assert!(plain.call("ask", lingering(600)).await.contains("slow"));
    let task = begin(&client(&node), lingering(600)).await;
    let error = node.endpoint().send(plain.request("tasks/get", json!({ "taskId": task }))).await;
    let error = error.expect_error(400, -32021).await;
    let required = &error["error"]["data"]["requiredCapabilities"]["extensions"];
    assert!(required[TASKS].is_object(), "{error}");
}

/// A legacy client is served by the same endpoint, and waits too.
#[tokio::test]
async fn a_legacy_client_waits() {
    let node = node();
    let mut legacy = Client::open(node.endpoint()).await;
    assert!(legacy.call("ask", lingering(500)).await.contains("slow"));
}

#[tokio::test]
async fn a_listener_is_told_how_a_task_goes() {
    let node = node();
    let client = client(&node);
    let task = begin(&client, lingering(800)).await;
    let (mut events, id, agreed) = client.listen(json!({ "taskIds": [task, "unknown"] })).await;
    assert_eq!(agreed, json!({ "taskIds": [task] }), "only of what there is");
    let told = loop {
        let message = events.message().await;
        assert_eq!(message["method"], "notifications/tasks", "{message}");
        assert_eq!(message["params"]["_meta"][META_SUBSCRIPTION], id, "{message}");
        assert_eq!(message["params"]["taskId"], json!(task), "{message}");
        if message["params"]["status"] != "working" {
            break message["params"].clone();
        }
    };
    assert_eq!(told["status"], "completed", "{told}");
    assert_eq!(told["result"], get(&client, &task).await["result"], "it need not be asked for");
}

#[tokio::test]
async fn tasks_are_offered_where_the_manifest_says_so() {
    let offered = async |node: &Node| {
        let discovered = client(node).result_of("server/discover", json!({})).await;
        discovered["capabilities"]["extensions"][TASKS].is_object()
    };
    assert!(offered(&node()).await);
    let without = Node::of("asker", &["--era", "legacy"]);
    assert!(!offered(&without).await);
    assert!(client(&without).call("ask", lingering(500)).await.contains("slow"));
}

/// A task keeps its session from being idle, and its session's end does not wait for it for ever.
#[tokio::test]
async fn a_task_is_not_idle() {
    let keys = format!("{KEYS}\nlimits.idle_timeout = \"1s\"");
    let node = Node::configured("asker", &["--era", "legacy"], &keys);
    let client = client(&node);
    let task = begin(&client, lingering(3000)).await;
    assert_eq!(settled(&client, &task).await["status"], "completed");
    assert_eq!(node.admin().end_of_only_session().await["reason"], "idle_timeout");
}

/// A server that makes tasks itself is left to it.
#[tokio::test]
async fn a_servers_own_tasks_are_its_own() {
    let node = Node::configured("everything", &["--era", "modern"], KEYS);
    let client = client(&node);
    let result = client
        .result_of("tools/call", json!({ "name": "slow_compute", "arguments": { "seconds": 0.5, "label": "sum" } }))
        .await;
    assert_eq!(result["resultType"], "task", "{result}");
    let task = result["taskId"].as_str().unwrap();
    let done = settled(&client, task).await;
    assert_eq!((&done["status"], text_of(&done["result"]).as_str()), (&json!("completed"), "sum computed"), "{done}");
    let unknown = client.answer_to("tasks/get", json!({ "taskId": "made up" })).await;
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
}

#[tokio::test]
async fn a_task_goes_on_in_the_next_node() {
    let node = node();
    let task = begin(&client(&node), lingering(6_000)).await;
    let node = node.restart(Signal::KILL);
    assert_eq!(get(&client(&node), &task).await["status"], "working");
    let done = settled(&client(&node), &task).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert!(text_of(&done["result"]).contains("slow"), "{done}");
}
