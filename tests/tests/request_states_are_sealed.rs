//! A request state leads back to its call, and to nothing else: whoever forges, bends, swaps or replays one is told the same,
//! in the same time, and the call is as it was.

use serde_json::{Value, json};
use sessile_tests::http::Connection;
use sessile_tests::modern::{accept, form};
use sessile_tests::node::{Start, table, words};
use sessile_tests::{Ask, Home, Modern, Node, Parked};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many states are tried.
const TRIES: usize = 10_000;
/// How often each kind is timed.
const SAMPLES: usize = 400;

fn question() -> Value {
    json!({ "label": "x", "rounds": [[form("Who?", "name", "string")]] })
}

fn retry(client: &Modern, parked: &Parked, state: &str) -> Ask {
    let parked = Parked { state: state.to_owned(), ..parked.clone() };
    client.request(&parked.method, parked.retried(&parked.all(&accept(json!({ "name": "Eve" })))))
}

/// Small and repeatable: what is tried must not depend on luck.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// States that are not `state`: it was bent in some way.
fn bent(state: &str, count: usize) -> Vec<String> {
    let mut dice = Dice(7);
    let mut states = vec![
        String::new(),
        "=".into(),
        "not a state".into(),
        "\u{0}".into(),
        "x".repeat(100_000),
        format!("{state}="),
        format!("{state}A"),
        format!(" {state}"),
        format!("{state}\n"),
        format!("{state}{state}"),
        state.chars().rev().collect(),
        state.to_lowercase(),
    ];
    while states.len() < count {
        let mut bytes = state.as_bytes().to_vec();
        match dice.roll(4) {
            // Every length shorter than it is.
            0 => bytes.truncate(dice.roll(bytes.len())),
            // One character is another: one to six bits.
            1 => {
                let place = dice.roll(bytes.len());
                bytes[place] = ALPHABET[dice.roll(ALPHABET.len())];
            }
            // Two parts change places.
            2 => {
                let places = (dice.roll(bytes.len()), dice.roll(bytes.len()));
                bytes.swap(places.0, places.1);
            }
            // All of it is made up.
            _ => bytes.iter_mut().for_each(|byte| *byte = ALPHABET[dice.roll(ALPHABET.len())]),
        }
        states.push(String::from_utf8(bytes).unwrap());
    }
    states.retain(|bent| bent != state);
    states
}

async fn seen(client: &Modern) -> Vec<Value> {
    serde_json::from_str(&client.call("seen", json!({})).await).unwrap()
}

/// What a refusal says, without the id.
async fn refusal(connection: &mut Connection, ask: Ask, path: &str) -> (u16, Value) {
    let reply = connection.send(ask, path).await.expect("the connection stays usable");
    let status = reply.status.as_u16();
    (status, reply.json().await["error"].clone())
}

#[tokio::test]
async fn ten_thousand_forgeries_change_nothing() {
    let node = Node::configured("asker", &["--era", "legacy"], "");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", question()).await;
    let before = seen(&client).await.len();
    let mut connection = Connection::open(node.endpoint().address).await.unwrap();
    let mut told = BTreeMap::<String, usize>::new();
    let tried = bent(&parked.state, TRIES);
    for state in &tried {
        let (status, error) = refusal(&mut connection, retry(&client, &parked, state), &node.endpoint().path).await;
        *told.entry(format!("{status} {error}")).or_default() += 1;
    }
    assert_eq!(told.len(), 1, "one answer to all of them: {told:?}");
    let (said, _) = told.pop_first().unwrap();
    assert!(said.starts_with("400 ") && said.contains("-32602") && said.contains("request_state_invalid"), "{said}");
    // States that are no text at all are told the same.
    for state in [json!(7), json!(null), json!([parked.state]), json!({}), json!(true)] {
        let mut params = parked.retried(&json!({}));
        params["requestState"] = state.clone();
        let (status, error) =
            refusal(&mut connection, client.request("tools/call", params), &node.endpoint().path).await;
        assert_eq!((status, &error["code"]), (400, &json!(-32602)), "{state}");
    }
    assert_eq!(seen(&client).await.len(), before + 1, "nothing of it reached the server but this look at its record");
    let text = client.finish(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await;
    assert!(text.contains("Ada") && !text.contains("Eve"), "{text}");
}

/// Two servers of one program, and two principals, so that states can be swapped between them.
struct Exchange {
    node: Node,
    ada: Modern,
    bob: Modern,
}

impl Exchange {
    fn start(keys: &str) -> Self {
        let home = Home::new();
        let (ada, bob, file) = (home.key("ada"), home.key("bob"), home.key_file());
        let command = words(&home.fixture("asker"), &["--era", "legacy"]);
        let everything = words(&home.fixture("everything"), &["--era", "legacy"]);
        let manifest =
            [table("one", &command, keys), table("two", &command, keys), table("three", &everything, keys)].concat();
        let node = Start::serve(home, "sessile.toml", &manifest).option(&["--api-keys", &file]).start();
        let one = node.server("one");
        Self { ada: Modern::able(&one).key(&ada), bob: Modern::able(&one).key(&bob), node }
    }

    fn at(&self, client: &Modern, server: &str) -> Modern {
        client.to(&self.node.server(server))
    }
}

#[tokio::test]
async fn a_state_is_good_for_its_own_call_only() {
    let exchange = Exchange::start("");
    let (ada, bob) = (&exchange.ada, &exchange.bob);
    let parked = ada.park("ask", question()).await;
    bob.park("ask", question()).await;
    exchange.at(ada, "two").park("ask", question()).await;
    let reader = exchange.at(ada, "three");
    let reading = reader.park_request("resources/read", json!({ "uri": "test://asking" })).await;

    let other = |params: Value| Parked { params, ..parked.clone() };
    let mut another_question = question();
    another_question["label"] = json!("y");
    let another_tool = json!({ "name": "seen", "arguments": question() });
    let swaps = [
        ("another principal", bob.clone(), parked.clone()),
        ("another server", exchange.at(ada, "two"), parked.clone()),
        ("other arguments", ada.clone(), other(json!({ "name": "ask", "arguments": another_question }))),
        ("no arguments", ada.clone(), other(json!({ "name": "ask" }))),
        ("another tool", ada.clone(), other(another_tool)),
        ("another method", ada.clone(), Parked { method: "prompts/get".into(), ..parked.clone() }),
        (
            "another method",
            ada.clone(),
            Parked { method: "resources/read".into(), ..other(json!({ "uri": "test://asking" })) },
        ),
        (
            "the state of another method",
            reader.clone(),
            Parked { method: "tools/call".into(), ..Parked { params: parked.params.clone(), ..reading.clone() } },
        ),
        ("the state of another server", ada.clone(), Parked { state: reading.state.clone(), ..parked.clone() }),
    ];
    let mut told = Vec::new();
    for (what, client, swapped) in swaps {
        let reply = client.endpoint.send(retry(&client, &swapped, &swapped.state)).await;
        let error = reply.expect_error(400, -32602).await["error"].clone();
        assert_eq!(error["data"]["reason"], "request_state_invalid", "{what}: {error}");
        told.push(error);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "whatever is wrong, the same is said: {told:?}");

    // A session of its own name changes nothing: the state leads to its session.
    let text = ada.clone().session("elsewhere").finish(&parked, &parked.all(&accept(json!({ "name": "Ada" })))).await;
    assert!(text.contains("Ada") && !text.contains("Eve"), "{text}");
    let letter = reader.retry(&reading, &reading.all(&accept(json!({ "name": "Ada" })))).await;
    assert_eq!(letter["result"]["contents"][0]["text"], "a letter to Ada");

    // Used up: once more is once too often.
    let ask = retry(ada, &parked, &parked.state);
    let error = ada.endpoint.send(ask).await.expect_error(400, -32602).await["error"].clone();
    assert_eq!(error, told[0]);
    let calls: Vec<Value> = serde_json::from_str(&ada.call("seen", json!({ "method": "tools/call" })).await).unwrap();
    assert_eq!(calls.len(), 2, "the call, and this look at the record");
}

/// The order of members and the spelling of numbers are not what a call is about.
#[tokio::test]
async fn what_is_the_same_call_may_be_spelt_in_another_way() {
    let node = Node::configured("asker", &["--era", "legacy"], "");
    let client = Modern::able(node.endpoint());
    let parked = client.park("ask", question()).await;
    let answers = parked.all(&accept(json!({ "name": "Ada" })));
    let rounds = &parked.params["arguments"]["rounds"];
    let meta = client.params(json!({}))["_meta"].clone();
    let body = format!(
        r#"{{"params":{{"requestState":{},"inputResponses":{answers},"_meta":{meta},
            "arguments":{{"rounds": {rounds}, "label":"\u0078"}},"name":"ask"}},"method":"tools/call","id":"r","jsonrpc":"2.0"}}"#,
        json!(parked.state)
    );
    let ask = client.post(&client.message(&json!("r"), "tools/call", parked.params.clone())).body(body);
    let answer = node.endpoint().send(ask).await.json().await;
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
}

#[tokio::test]
async fn an_expired_state_says_so_to_its_owner_only() {
    let exchange = Exchange::start("limits.park_timeout = \"150ms\"");
    let parked = exchange.ada.park("ask", question()).await;
    sessile_tests::wait::until("the call has ended", Duration::from_secs(30), async || {
        let calls: Vec<Value> =
            serde_json::from_str(&exchange.ada.call("seen", json!({ "method": "notifications/cancelled" })).await)
                .unwrap();
        (!calls.is_empty()).then_some(())
    })
    .await;
    let reason = async |client: &Modern| {
        let reply = client.endpoint.send(retry(client, &parked, &parked.state)).await;
        reply.expect_error(400, -32602).await["error"]["data"]["reason"].clone()
    };
    assert_eq!(reason(&exchange.ada).await, "input_expired");
    assert_eq!(reason(&exchange.bob).await, "request_state_invalid");
}

/// The seal outlives the node: who comes back is known, and told what became of the call.
#[tokio::test]
async fn states_are_known_after_a_restart() {
    let node = Node::configured("asker", &["--era", "legacy"], "limits.drain = \"0s\"");
    let parked = Modern::able(node.endpoint()).park("ask", question()).await;
    let node = node.restart(rustix::process::Signal::TERM);
    let client = Modern::able(node.endpoint());
    let reply = node.endpoint().send(retry(&client, &parked, &parked.state)).await;
    let error: Value = serde_json::from_str(&reply.text().await).unwrap();
    assert!(error["error"]["data"]["reason"].is_string(), "{error}");
    let key_file = node.home().listing().into_iter().find(|file| file.starts_with("state/") && file.contains("key"));
    let path = node.home().path().join(key_file.expect("the keys of request states are kept"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "nobody else may read them");
}

/// Who could tell by the time what is wrong with a state could find one that is right bit by bit.
#[tokio::test]
async fn refusals_take_the_same_time() {
    let exchange = Exchange::start("");
    let parked = exchange.ada.park("ask", question()).await;
    let used = exchange.ada.park("ask", question()).await;
    exchange.ada.finish(&used, &used.all(&accept(json!({ "name": "Ada" })))).await;
    let flipped = |place: usize| {
        let mut bytes = parked.state.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let last = parked.state.len() - 2;
    let kinds: [(&str, &Modern, String); 6] = [
        ("the first bit", &exchange.ada, flipped(0)),
        ("a bit in the middle", &exchange.ada, flipped(last / 2)),
        ("the last bits", &exchange.ada, flipped(last)),
        ("made up", &exchange.ada, "A".repeat(parked.state.len())),
        ("of another principal", &exchange.bob, parked.state.clone()),
        ("used before", &exchange.ada, used.state.clone()),
    ];
    let mut connection = Connection::open(exchange.node.endpoint().address).await.unwrap();
    let mut times = vec![Vec::new(); kinds.len()];
    // In turns, so that what else the machine does befalls all kinds alike.
    for _ in 0..SAMPLES {
        for ((what, client, state), times) in kinds.iter().zip(&mut times) {
            let ask = retry(client, &parked, state);
            let began = Instant::now();
            let (status, error) = refusal(&mut connection, ask, &client.endpoint.path).await;
            times.push(began.elapsed());
            assert_eq!((status, &error["data"]["reason"]), (400, &json!("request_state_invalid")), "{what}: {error}");
        }
    }
    let medians: Vec<_> = times
        .iter_mut()
        .map(|times| {
            times.sort_unstable();
            times[SAMPLES / 2]
        })
        .collect();
    let (fastest, slowest) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*slowest <= *fastest * 3, "{:?}", kinds.iter().map(|kind| kind.0).zip(&medians).collect::<Vec<_>>());
}
