//! A machine is played here: its monitor is a program that sleeps, its guest and its control socket are this test.

use super::super::qmp::Qmp;
use super::super::wire::Wire;
use super::*;
use crate::{Driver, Limits, Network, SandboxSpec};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

/// A machine in which a server runs, what the guest says, and what QEMU says.
struct Played {
    sandbox: Sandbox,
    guest: File,
    _from_host: std::os::fd::OwnedFd,
    qemu: UnixStream,
}

const GREETING: &str =
    r#"{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}"#;

async fn played(console: &'static str) -> Played {
    let id = SandboxId::new("played").unwrap();
    let monitor = SandboxSpec {
        id: id.clone(),
        command: vec!["sleep".into(), "1000".into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        cwd: "/".into(),
        files: Vec::new(),
        limits: Limits::default(),
        network: Network::Loopback,
        hostname: "vmm".into(),
        orphan_grace: Duration::ZERO,
        estate: None,
        held: None,
        given: Vec::new(),
        note: None,
        start_timeout: Duration::from_secs(10),
    };
    let monitor = crate::unsandboxed_driver().start(monitor).await.unwrap();
    let (ours, qemu) = UnixStream::pair().unwrap();
    let mut answers = qemu.try_clone().unwrap();
    std::thread::spawn(move || {
        writeln!(answers, "{GREETING}").unwrap();
        for line in BufReader::new(answers.try_clone().unwrap()).lines().map_while(Result::ok) {
            let answer =
                if line.contains("ringbuf-read") { serde_json::to_string(console).unwrap() } else { "{}".into() };
            let _ = writeln!(answers, "{{\"return\": {answer}}}");
        }
    });
    let control = Qmp::begin(ours).await.unwrap();
    let pipe = || pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
    let ((from, guest), (_from_host, to)) = (pipe(), pipe());
    fcntl_setfl(&guest, OFlags::empty()).unwrap();
    let machine = Machine::played(monitor, control, Wire::new(to, from).unwrap());
    let sandbox = watch_over(machine, id, 64 << 20, Vec::new()).unwrap();
    Played { sandbox, guest: guest.into(), _from_host, qemu }
}

/// How it ended, and what its standard error says.
async fn end_of(mut played: Played) -> (Exit, String) {
    let pipes = played.sandbox.take_pipes().unwrap();
    let ended = timeout(Duration::from_secs(10), played.sandbox.ended()).await.expect("an end");
    let reading = tokio::task::spawn_blocking(move || {
        fcntl_setfl(&pipes.stderr, OFlags::empty()).unwrap();
        let mut text = String::new();
        File::from(pipes.stderr).read_to_string(&mut text).unwrap();
        text
    });
    (ended.exit, reading.await.unwrap())
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    sessile_link::frame::encode(channel, payload, &mut bytes).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_panics_is_a_crash_that_is_quoted() {
    let mut played = played("[ 1.0] quiet\r\n[ 2.0] Kernel panic - not syncing: \u{1b}[31mFatal exception\r\n").await;
    played.guest.write_all(&frame(3, b"the server's own\n")).unwrap();
    writeln!(played.qemu, r#"{{"event": "SHUTDOWN", "data": {{"guest": true, "reason": "guest-reset"}}}}"#).unwrap();
    let (exit, stderr) = end_of(played).await;
    assert_eq!(exit, Exit::Crashed);
    assert!(
        stderr.ends_with("sessile: the guest's kernel ended: [ 2.0] Kernel panic - not syncing: [31mFatal exception\n"),
        "{stderr:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_breaks_the_rules_is_killed_and_named() {
    let mut played = played("").await;
    played.guest.write_all(&[2, 0xff, 0xff, 0xff, 0xff]).unwrap();
    let (exit, stderr) = end_of(played).await;
    assert_eq!(exit, Exit::Crashed);
    assert!(stderr.starts_with("sessile: the guest broke the rules of its link: "), "{stderr}");
    assert!(stderr.contains("4294967295"), "{stderr}");
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
        played.guest.write_all(&frame(5, format!(r#"{{"OutOfMemory":{{"kills":{kills}}}}}"#).as_bytes())).unwrap();
        played.guest.write_all(&frame(0, exited(end).as_bytes())).unwrap();
        assert_eq!(end_of(played).await, (expected, String::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_killed_has_not_crashed() {
    let played = played("").await;
    played.sandbox.kill();
    assert_eq!(end_of(played).await, (Exit::Killed, String::new()));
}
