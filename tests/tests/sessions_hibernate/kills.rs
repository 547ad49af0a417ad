//! SIGKILL of the node at several steps of writing a session to the disk, and of waking it.

use super::{Counted, bedroom, files, node};
use http::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sessile_tests::Node;
use sessile_tests::machines::monitors_of;
use sessile_tests::wait::{PATIENCE, until};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is seen of a session on the disk.
#[derive(Clone, Debug)]
struct Seen {
    /// The end of its file's name, and how long it is.
    file: Option<(String, u64)>,
    machines: usize,
}

fn look(bedroom: &Path, name: &str) -> Seen {
    let entries = std::fs::read_dir(bedroom).into_iter().flatten().flatten();
    let mut own = entries.filter_map(|entry| {
        let file = entry.file_name().into_string().ok()?;
        let stage = file.strip_prefix(name)?.rsplit_once('.')?.1.to_owned();
        (stage != "beside").then_some((stage, entry.metadata().ok()?.len()))
    });
    Seen { file: own.next(), machines: monitors_of(name) }
}

fn stage(seen: &Seen, stage: &str, least: u64) -> bool {
    seen.file.as_ref().is_some_and(|(found, length)| found == stage && *length >= least)
}

type Moment = fn(&Seen) -> bool;

/// Kills the node in the moment that `moment` describes, and starts it again.
async fn killed_when(node: Node, name: &str, moment: Moment) -> Node {
    let (bedroom, name, pid): (PathBuf, _, _) = (bedroom(&node), name.to_owned(), node.pid().cast_signed());
    let watching = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        while !moment(&look(&bedroom, &name)) {
            assert!(began.elapsed() < PATIENCE, "the moment never came: {:?}", look(&bedroom, &name));
        }
        kill_process(Pid::from_raw(pid).expect("a process"), Signal::KILL).expect("it runs");
    });
    watching.await.expect("the moment comes");
    node.restart(Signal::KILL)
}

/// Whether it goes on, as one session, and from where it was; else it is over, and that is known.
async fn goes_on(node: &Node, counted: &mut Counted, count: u32) -> bool {
    let value = json!({ "name": "value", "arguments": {} });
    let reply = counted.client.ask("tools/call", value).await;
    if reply.status == StatusCode::OK {
        let answer = sessile_tests::client::last_message(reply).await;
        assert_eq!(sessile_tests::client::text_of(&answer["result"]), count.to_string());
        assert_eq!(monitors_of(&counted.name), 1);
        let session = node.admin().session(&counted.name).await;
        assert!(session["end"].is_null(), "{session}");
        return true;
    }
    let end = counted.is_over(node, "hibernation_lost").await;
    let said = end["exit"].as_str().unwrap_or_default();
    assert!(said.contains("its node was killed while it was "), "{said}");
    false
}

/// Commands `act` and kills the node meanwhile; whether the session goes on under the next one.
async fn killed_while(
    node: Node,
    counted: &mut Counted,
    count: u32,
    act: &str,
    moment: &str,
    when: Moment,
) -> (Node, bool) {
    let admin = node.admin().clone();
    let path = format!("/admin/v1/sessions/{}/{act}", counted.name);
    let acting = tokio::spawn(async move {
        // Nobody may be there to answer it.
        let _ = admin.endpoint().at(&path).try_send(sessile_tests::Ask::new(http::Method::POST)).await;
    });
    let node = killed_when(node, &counted.name, when).await;
    acting.await.expect("no panic");
    *counted = counted.clone().at(&node);
    let goes_on = goes_on(&node, counted, count).await;
    println!("killed {moment}: {}", if goes_on { "it goes on" } else { "it is lost" });
    (node, goes_on)
}

const WRITING: [(&str, bool, Moment); 5] = [
    ("before a byte is written", true, |seen| stage(seen, "new", 0)),
    ("after the first part", true, |seen| stage(seen, "new", 1 << 20)),
    ("in the middle", true, |seen| stage(seen, "new", 6 << 20)),
    // All is written, and the machine is being ended: there is a moment in which nothing is whole.
    ("with the machine", false, |seen| stage(seen, "new", 1) && seen.machines == 0),
    ("when it is whole", true, |seen| stage(seen, "asleep", 0)),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_it_is_written_loses_nothing_that_runs_and_nothing_that_is_whole() {
    let mut node = node("adopt_grace = \"60s\"");
    let mut counted = Counted::open(&node).await;
    let mut count = 1;
    for (moment, goes_on_for_certain, when) in WRITING {
        let goes_on;
        (node, goes_on) = killed_while(node, &mut counted, count, "hibernate", moment, when).await;
        if goes_on {
            count += 1;
            assert_eq!(counted.count().await, count.to_string(), "{moment}");
        } else {
            assert!(!goes_on_for_certain, "{moment}: it is lost");
            (counted, count) = (Counted::open(&node).await, 1);
        }
        assert_eq!(node.admin().live().await.len(), 1, "{moment}");
        assert_eq!(files(&node), [""; 0], "{moment}");
        // It can be written down as any other.
        counted.sleep(&node).await;
        count += 1;
        assert_eq!(counted.count().await, count.to_string(), "{moment}");
    }
    node.stop();
}

const WAKING: [(&str, Moment); 4] = [
    ("as soon as it is taken", |seen| stage(seen, "waking", 0)),
    ("when its machine is started", |seen| stage(seen, "waking", 0) && seen.machines > 0),
    ("when nothing is left on the disk", |seen| seen.file.is_none() && seen.machines > 0),
    ("at first sight of its machine", |seen| seen.machines > 0),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_it_is_woken_never_makes_two_of_it() {
    let mut node = node("");
    let mut counted = Counted::open(&node).await;
    let mut count = 1;
    for (moment, when) in WAKING {
        counted.sleep(&node).await;
        let goes_on;
        (node, goes_on) = killed_while(node, &mut counted, count, "resume", moment, when).await;
        if goes_on {
            count += 1;
            assert_eq!(counted.count().await, count.to_string(), "{moment}");
        } else {
            until("its machine is gone", PATIENCE, async || (monitors_of(&counted.name) == 0).then_some(())).await;
            (counted, count) = (Counted::open(&node).await, 1);
        }
        assert_eq!(node.admin().live().await.len(), 1, "{moment}");
        assert_eq!(files(&node), [""; 0], "{moment}");
    }
    node.stop();
}
