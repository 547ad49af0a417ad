//! A machine is played here: its monitor is a program that sleeps until its standard input ends, its porter and its control socket are this
//! test.

use super::super::parts::Build;
use super::super::wire::Wire;
use super::*;
use crate::{Driver, SandboxSpec};
use rustix::fs::{OFlags, fcntl_setfl};
use sessile_link::frame::{self, FrameDecoder};
use sessile_link::porter::PORTER;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// A machine in which a server runs, what its porter says, and what QEMU says.
struct Played {
    sandbox: Sandbox,
    porter: TcpStream,
    qemu: UnixStream,
}

const GREETING: &str =
    r#"{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}"#;

async fn played(console: &'static str) -> Played {
    let id = SandboxId::new("played").unwrap();
    let monitor = SandboxSpec {
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        hostname: "vmm".into(),
        start_timeout: Duration::from_secs(10),
        ..SandboxSpec::new(id.clone(), vec!["sh".into(), "-c".into(), "read line; echo \"$line\" >&2".into()])
    };
    let monitor = crate::unsandboxed_driver().start(monitor).await.unwrap();
    let (control, qemu) = UnixStream::pair().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (porter, _) = listener.accept().unwrap();
    let machine = Machine::adopted(monitor, control.into(), Wire::over(ours)).unwrap();
    let mut answers = qemu.try_clone().unwrap();
    std::thread::spawn(move || {
        writeln!(answers, "{GREETING}").unwrap();
        for line in BufReader::new(answers.try_clone().unwrap()).lines().map_while(Result::ok) {
            let answer =
                if line.contains("ringbuf-read") { serde_json::to_string(console).unwrap() } else { "{}".into() };
            let id = serde_json::from_str::<serde_json::Value>(&line).unwrap()["id"].clone();
            let _ = writeln!(answers, "{{\"return\": {answer}, \"id\": {id}}}");
        }
    });
    let build = Build { qemu: String::new(), kernel: String::new(), initramfs: String::new() };
    let made = Made { key: String::new(), memory: 64 << 20, processors: 1, disk: "/".into(), build };
    let stock = Path::new("/").into();
    let sandbox = watch_over(machine, id, About { made, stock, notes: Vec::new(), proofs: Arc::default(), owed: 0 });
    Played { sandbox, porter, qemu }
}

/// How it ended, and what the porter was to say last on standard error. When it has been told, or would end by itself, the monitor ends.
async fn end_of(played: Played, ends_by_itself: bool) -> (Exit, String) {
    let Played { mut sandbox, mut porter, qemu } = played;
    let pipes = sandbox.take_pipes().unwrap();
    let ended = sandbox.ended();
    let hearing = tokio::task::spawn_blocking(move || {
        let (mut frames, mut piece) = (FrameDecoder::new(), [0; 4096]);
        let mut words = String::new();
        while !ends_by_itself && words.is_empty() {
            match porter.read(&mut piece).unwrap_or(0) {
                0 => break,
                count => frames.push(&piece[..count]),
            }
            while let Some(heard) = frames.next().unwrap() {
                assert_eq!(heard.channel, PORTER);
                let Ok(Errand::End(said)) = serde_json::from_slice(&heard.payload) else { panic!("{heard:?}") };
                words = said;
            }
        }
        // Its standard input is what the monitor waits for.
        fcntl_setfl(&pipes.stdin, OFlags::empty()).unwrap();
        let _ = File::from(pipes.stdin).write_all(b"end\n");
        words
    });
    let ended = timeout(Duration::from_secs(10), ended).await.expect("an end");
    drop(qemu);
    (ended.exit, hearing.await.unwrap())
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::encode(channel, payload, &mut bytes).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_panics_is_a_crash_that_is_quoted() {
    let mut played = played("[ 1.0] quiet\r\n[ 2.0] Kernel panic - not syncing: \u{1b}[31mFatal exception\r\n").await;
    // Before it was listened to, the event would be lost; then the state tells.
    tokio::time::sleep(Duration::from_millis(200)).await;
    writeln!(played.qemu, r#"{{"event": "SHUTDOWN", "data": {{"guest": true, "reason": "guest-reset"}}}}"#).unwrap();
    let (exit, words) = end_of(played, false).await;
    assert_eq!(exit, Exit::Crashed);
    assert_eq!(words, "sessile: the guest's kernel ended: [ 2.0] Kernel panic - not syncing: [31mFatal exception\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_breaks_the_rules_is_a_crash() {
    let mut played = played("").await;
    played.porter.write_all(&frame(PORTER, br#"{"Broken":"it did"}"#)).unwrap();
    assert_eq!(end_of(played, true).await, (Exit::Crashed, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_else_comes_from_inside_ends_the_machine() {
    for (bytes, expected) in [
        (frame(0, b"\xff{"), "expected value"),
        (frame(0, br#"{"Started":{"pid":1,"landlock":0,"notes":[]}}"#), "after the start"),
        (frame(5, br#"{"Up":{"link":2}}"#), "after the start"),
        (frame(8, b"[]"), "expected"),
        (frame(77, b"x"), "on channel 77"),
        (vec![0, 0xff, 0xff, 0xff, 0xff], "over the limit"),
    ] {
        let mut played = played("").await;
        played.porter.write_all(&bytes).unwrap();
        let (exit, words) = end_of(played, false).await;
        assert_eq!(exit, Exit::Crashed);
        assert!(words.starts_with("sessile: the guest broke the rules of its link: "), "{words}");
        assert!(words.contains(expected), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_end_is_what_its_init_says() {
    let exited = |end: &str| format!(r#"{{"Exited":{{"end":{end},"cpu_us":1,"peak_rss":1}}}}"#);
    let starved = Exit::OutOfMemory { limit: Some(64 << 20), peak: None };
    for (kills, end, expected) in [
        (0, r#"{"Code":3}"#, Exit::Code(3)),
        (0, r#"{"Signal":9}"#, Exit::Signal(9)),
        (1, r#"{"Signal":9}"#, starved),
        (1, r#"{"Code":137}"#, starved),
        (1, r#"{"Code":0}"#, Exit::Code(0)),
    ] {
        let mut played = played("").await;
        played.porter.write_all(&frame(5, format!(r#"{{"OutOfMemory":{{"kills":{kills}}}}}"#).as_bytes())).unwrap();
        played.porter.write_all(&frame(0, exited(end).as_bytes())).unwrap();
        assert_eq!(end_of(played, true).await, (expected, String::new()));
    }
}

/// Its porter says how the server ended and goes, and the monitor with it: either may be noticed first.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_a_machine_was_gone_is_heard() {
    let mut played = played("").await;
    let pipes = played.sandbox.take_pipes().unwrap();
    let ended = played.sandbox.ended();
    rustix::io::write(&pipes.stdin, b"end\n").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    played.porter.write_all(&frame(0, br#"{"Exited":{"end":{"Code":3},"cpu_us":1,"peak_rss":1}}"#)).unwrap();
    drop(played.porter);
    assert_eq!(timeout(Duration::from_secs(10), ended).await.expect("an end").exit, Exit::Code(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_killed_has_not_crashed() {
    let played = played("").await;
    played.sandbox.kill();
    let ended = timeout(Duration::from_secs(10), played.sandbox.ended()).await.expect("an end");
    assert_eq!(ended.exit, Exit::Killed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_ends_without_a_word_is_a_crash() {
    let played = played("").await;
    assert_eq!(end_of(played, true).await, (Exit::Crashed, String::new()));
}
