//! However a session ends, and however its node ends, nothing of it is left: no process, cgroup, mount, network
//! namespace, socket or file (invariant 3). `SESSILE_CHURN` is how many sessions are tried.

use futures_util::stream::{self, StreamExt};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sessile_tests::leaks::cgroups_with;
use sessile_tests::node::{GONE_WITHIN, Start, is_kept, manifest, words};
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Ask, Client, Endpoint, Home, Node, Script, procfs};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How many sessions are opened and ended.
const CHURN: usize = 1000;
/// How many at a time.
const AT_A_TIME: usize = 16;
/// How long sandboxes outlive a node that was killed.
const GRACE: Duration = Duration::from_secs(1);
/// How many come to their end before what the node holds is measured again.
const BATCH: usize = 125;
/// How many measurements are not compared: the node has not kept as many ended sessions as it keeps yet.
const WARM_UP: usize = 2;
/// How much memory the node may keep of a session that is over and forgotten, in bytes; and by how much more two measurements may
/// differ, whatever happened between them.
const KEPT: f64 = 256.0;
const NOISE: f64 = 3e6;

/// The ways to end a session, with the reason that each must give.
const WAYS: [(Way, &str); 8] = [
    (Way::Delete, "client_delete"),
    (Way::Idle, "idle_timeout"),
    (Way::Crash, "server_exit"),
    (Way::Kill, "server_exit"),
    (Way::LeaveWhileOpening, "client_gone"),
    (Way::Leave, "idle_timeout"),
    (Way::AdminStop, "admin_stop"),
    (Way::DeleteDuringCall, "client_delete"),
];

#[derive(Clone, Copy, Debug)]
enum Way {
    Delete,
    Idle,
    Crash,
    Kill,
    LeaveWhileOpening,
    Leave,
    AdminStop,
    DeleteDuringCall,
}

fn start(node_keys: &str) -> Node {
    let home = Home::new();
    let (counter, crash) = (words(&home.fixture("counter"), &[]), words(&home.fixture("crash"), &[]));
    let killed = Script::new().command(&home, "killed");
    let slow = Script::new().first("sleep 0.3").command(&home, "slow");
    let limits = |more: &str| {
        format!("sessions = 500\nsessions_per_principal = 500\nadopt_grace = \"{}ms\"\n{more}", GRACE.as_millis())
    };
    let servers = [
        ("counter", &counter[..], limits("")),
        ("idle", &counter[..], limits("idle_timeout = \"3s\"")),
        ("crash", &crash[..], limits("")),
        ("killed", &killed[..], limits("")),
        ("slow", &slow[..], limits("")),
        ("stopped", &killed[..], limits("")),
    ];
    let servers: Vec<_> = servers.iter().map(|(name, command, limits)| (*name, *command, limits.as_str())).collect();
    // Each end is worth a line of the log only to whoever looks for one.
    let text = manifest(node_keys, &servers);
    Start::serve(home, "sessile.toml", &text).option(&["--log", "warn,sessile=warn"]).start()
}

/// Processes whose command line holds `text`, below the node.
fn below(node: &Node, text: &str) -> Vec<u32> {
    let below = procfs::descendants(node.pid()).into_iter().map(|process| process.pid);
    below.filter(|pid| procfs::command_line(*pid).contains(text)).collect()
}

/// Opens a session and ends it.
///
/// What can only be found among all sessions of a server is done to one at a time.
async fn live_and_die(node: &Node, way: Way, one_at_a_time: &Mutex<()>) {
    let server = |name: &str| -> Endpoint { node.server(name) };
    match way {
        Way::Delete => {
            let mut client = Client::open(&server("counter")).await;
            assert_eq!(client.call("increment", json!({})).await, "1", "a session of its own");
            client.close().await;
        }
        Way::Idle => drop(Client::open(&server("idle")).await),
        Way::Crash => {
            let mut client = Client::open(&server("crash")).await;
            let answer = client.answer_to("tools/call", json!({ "name": "abort" })).await;
            assert_eq!(answer["error"]["data"]["reason"], "server_exit", "{answer}");
        }
        Way::Kill => {
            let _only_one = one_at_a_time.lock().await;
            let mut client = Client::open(&server("killed")).await;
            for pid in below(node, "/killed.sh") {
                let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
                kill_process(pid, Signal::KILL).expect("the server runs");
            }
            until("the session has noticed", PATIENCE, async || {
                let reply = client.ask("tools/list", json!({})).await;
                (reply.status == 404 || reply.is_events() || reply.json().await["error"].is_object()).then_some(())
            })
            .await;
        }
        Way::LeaveWhileOpening => {
            let endpoint = server("slow");
            let opening = Client::at(&endpoint);
            // Dropped before the server can have answered.
            let left = tokio::time::timeout(Duration::from_millis(50), opening.reply()).await;
            assert!(left.is_err(), "the server answered too soon for this test");
        }
        Way::Leave => {
            let client = Client::open(&server("idle")).await;
            let listening = client.listen().await;
            drop((client, listening));
        }
        Way::AdminStop => {
            let _only_one = one_at_a_time.lock().await;
            let mut client = Client::open(&server("stopped")).await;
            let live = node.admin().live().await;
            let mine = live.iter().find(|session| session["server"] == "stopped").expect("it is listed");
            node.admin().stop(mine["name"].as_str().unwrap()).await;
            until("the session has ended", PATIENCE, async || {
                let live = node.admin().live().await;
                live.iter().all(|session| session["server"] != "stopped").then_some(())
            })
            .await;
            client.ask("tools/list", json!({})).await.expect_error(404, -32001).await;
        }
        Way::DeleteDuringCall => {
            let mut client = Client::open(&server("crash")).await;
            let hanging = tokio::spawn({
                let mut client = client.clone();
                async move { client.answer_to("tools/call", json!({ "name": "hang" })).await }
            });
            assert_eq!(client.call("ping", json!({})).await, "pong");
            client.close().await;
            let answer = hanging.await.unwrap();
            assert!(answer["error"]["code"].is_i64(), "{answer}");
        }
    }
}

/// What a node holds for its sessions, outside of its own memory.
#[derive(Debug, PartialEq, Eq)]
struct Holdings {
    processes: usize,
    open_files: usize,
    mounts: String,
    files: Vec<String>,
}

impl Holdings {
    fn of(node: &Node) -> Self {
        Self {
            processes: procfs::descendants(node.pid()).len(),
            open_files: procfs::open_files(node.pid()),
            mounts: fs::read_to_string(format!("/proc/{}/mountinfo", node.pid())).unwrap_or_default(),
            files: node.home().listing().into_iter().filter(|file| !is_kept(file)).collect(),
        }
    }
}

/// Network namespaces of processes that belong to the node.
fn network_namespaces(node: &Node) -> HashSet<u64> {
    let below = procfs::descendants(node.pid()).into_iter();
    below.filter_map(|process| procfs::namespace(process.pid, "net")).collect()
}

/// What the node keeps of a session that is over, in bytes: the median slope between two of the measurements, each a number of sessions and the
/// resident bytes then (Theil and Sen). One that happens to be high or low does not change it.
fn kept_of_each(resident: &[(usize, u64)]) -> f64 {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap() as f64;
    let pairs =
        resident.iter().enumerate().flat_map(|(number, from)| resident[..number].iter().map(move |to| (from, to)));
    let mut slopes: Vec<f64> = pairs.map(|(b, a)| (signed(b.1) - signed(a.1)) / (b.0 - a.0) as f64).collect();
    slopes.sort_by(f64::total_cmp);
    slopes[slopes.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn however_sessions_end() {
    let churn = std::env::var("SESSILE_CHURN").map_or(CHURN, |text| text.parse().expect("SESSILE_CHURN is a number"));
    let node = start(&format!("ended_sessions_kept = {}", BATCH + 1));
    // The first session of a server may load what later ones find there.
    Client::open(&node.server("counter")).await.close().await;
    node.admin().all_ended().await;
    let settled = until("the first session is gone", PATIENCE, async || {
        let before = Holdings::of(&node);
        tokio::time::sleep(Duration::from_millis(200)).await;
        (Holdings::of(&node) == before).then_some(before)
    });
    let (before, namespaces) = (settled.await, network_namespaces(&node));

    let began = Instant::now();
    let one_at_a_time = Mutex::new(());
    let (mut reasons, mut resident) = (BTreeMap::<String, usize>::new(), Vec::new());
    let mut seen: HashSet<String> = names(&node.admin().sessions().await);
    for first in (0..churn).step_by(BATCH) {
        let batch = first..churn.min(first + BATCH);
        let lives = batch.clone().map(|number| live_and_die(&node, WAYS[number % WAYS.len()].0, &one_at_a_time));
        stream::iter(lives).buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
        node.admin().all_ended().await;
        resident.push((batch.end, procfs::resident_bytes(node.pid())));

        let sessions = node.admin().sessions().await;
        for session in sessions.iter().filter(|session| !seen.contains(session["name"].as_str().unwrap())) {
            *reasons.entry(session["end"]["reason"].as_str().unwrap().to_owned()).or_default() += 1;
            let left = cgroups_with(session["name"].as_str().unwrap());
            assert!(left.is_empty(), "{left:?} is left of {session}");
        }
        seen = names(&sessions);
    }
    println!("{churn} sessions in {:?}", began.elapsed());

    // The admin API lists a session as ended when everything of it is gone: nothing is left to wait for but the
    // connections of this test.
    let after = until("only what was there before is left", GONE_WITHIN, async || {
        let now = Holdings::of(&node);
        (now.processes == before.processes && now.open_files <= before.open_files + 2).then_some(now)
    })
    .await;
    assert_eq!((&after.mounts, &after.files), (&before.mounts, &before.files));
    assert_eq!(network_namespaces(&node), namespaces);

    // Until the node has kept as many as it keeps, and has had as much going on as it ever has, it grows.
    let kept = kept_of_each(&resident[WARM_UP..]);
    println!("resident bytes: {resident:?}: {kept:.0} more with each session");
    assert!(kept < KEPT + NOISE / churn as f64, "{kept:.0} bytes of each session stay with the node: {resident:?}");

    // Each end was told as what it was.
    let mut expected = BTreeMap::new();
    for number in 0..churn {
        *expected.entry(WAYS[number % WAYS.len()].1.to_owned()).or_default() += 1;
    }
    // Who leaves while the sandbox is being made leaves no session to remember.
    let left_while_opening = (reasons.remove("client_gone"), expected.remove("client_gone"));
    assert!(left_while_opening.0 > Some(0) && left_while_opening.0 <= left_while_opening.1, "{left_while_opening:?}");
    assert_eq!(reasons, expected);
    node.stop();
}

/// The names of `sessions`.
fn names(sessions: &[Value]) -> HashSet<String> {
    sessions.iter().map(|session| session["name"].as_str().unwrap().to_owned()).collect()
}

/// Some sessions of each kind, one with a call in flight.
async fn populate(node: &Node) -> Vec<Client> {
    let mut clients = Vec::new();
    for server in ["counter", "crash", "killed", "counter"] {
        clients.push(Client::open(&node.server(server)).await);
    }
    let hanging = clients[1].clone();
    // Its answer is for nobody.
    tokio::spawn(async move { hanging.endpoint.try_send(hanging.sign(hang())).await.map(drop) });
    node.admin().in_flight(1).await;
    clients
}

fn hang() -> Ask {
    let call = json!({ "jsonrpc": "2.0", "id": "h", "method": "tools/call", "params": { "name": "hang" } });
    Ask::post(call.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_node_is_told_to_stop() {
    let mut node = start("drain = \"500ms\"");
    let _clients = populate(&node).await;
    let footprint = node.footprint();
    assert!(footprint.remains().len() >= 8, "this test must know what to look for: {:?}", footprint.remains());
    node.signal(Signal::TERM);
    assert!(node.wait(PATIENCE).success());
    footprint.is_gone(GONE_WITHIN).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_node_is_killed() {
    let mut node = start("");
    let _clients = populate(&node).await;
    let footprint = node.footprint();
    node.signal(Signal::KILL);
    node.wait(PATIENCE);
    let alive = footprint.remains();
    // An init and a server for each.
    assert!(alive.len() >= 8, "sessions outlive their node for a while: {alive:?}");
    footprint.is_gone(GRACE + GONE_WITHIN).unwrap();
}

/// Sessions in the middle of starting, stopping and being called, wherever the moment finds them.
#[tokio::test(flavor = "multi_thread")]
async fn when_the_node_is_killed_at_any_moment() {
    let rounds = [15_u64, 40, 90, 180, 350].map(|pause| {
        tokio::spawn(async move {
            let mut node = start("");
            let mut footprint = node.footprint();
            let opening: Vec<_> = (0..6)
                .map(|number| {
                    let endpoint = node.server(["counter", "slow"][number % 2]);
                    tokio::spawn(async move {
                        let opening = Client::at(&endpoint).initialize();
                        // The node is killed under it.
                        endpoint.try_send(opening).await.map(drop)
                    })
                })
                .collect();
            // The moment is what is tried here, so it has to pass.
            tokio::time::sleep(Duration::from_millis(pause)).await;
            footprint.look(node.pid());
            node.signal(Signal::KILL);
            node.wait(PATIENCE);
            for task in opening {
                let _killed_under_it = task.await;
            }
            footprint.is_gone(GRACE + GONE_WITHIN).unwrap_or_else(|left| panic!("killed after {pause} ms: {left}"));
        })
    });
    for round in rounds {
        round.await.unwrap();
    }
}
