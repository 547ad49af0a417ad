use super::*;
use std::io::{BufRead, BufReader as BlockingReader, Write};

const GREETING: &[u8] =
    br#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian 1:7.2"}, "capabilities": ["oob"]}}"#;

#[test]
fn lines_are_told_apart() {
    assert_eq!(parse(GREETING).unwrap(), Line::Greeting("7.2.22 Debian 1:7.2".into()));
    assert_eq!(parse(br#"{"return": {}}"#).unwrap(), Line::Return(json!({})));
    assert_eq!(parse(br#"{"error": {"class": "X", "desc": "no"}}"#).unwrap(), Line::Error("no".into()));
    let event = br#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true}}"#;
    assert_eq!(parse(event).unwrap(), Line::Event("SHUTDOWN".into()));
}

#[test]
fn nonsense_is_an_error() {
    for line in [&b"{}"[..], b"[]", b"\xff", b"", br#"{"event": 3}"#, br#"{"QMP": {}}"#] {
        assert!(parse(line).is_err(), "{:?}", String::from_utf8_lossy(line));
    }
}

/// A QEMU that answers each command with the next of `answers`, and then goes.
fn qemu(answers: &[&str]) -> BlockingStream {
    let (ours, theirs) = BlockingStream::pair().unwrap();
    let answers: Vec<String> = answers.iter().map(|text| (*text).to_owned()).collect();
    std::thread::spawn(move || {
        let mut out = theirs.try_clone().unwrap();
        out.write_all(GREETING).unwrap();
        out.write_all(b"\n").unwrap();
        let commands = BlockingReader::new(theirs).lines();
        for (_, answer) in commands.zip(std::iter::once(r#"{"return": {}}"#.to_owned()).chain(answers)) {
            let _ = writeln!(out, "{answer}");
        }
    });
    ours
}

#[tokio::test]
async fn answers_are_found_between_events() {
    let console = "{\"event\": \"RESUME\"}\n{\"return\": \"Kernel panic\"}";
    let mut qmp = Qmp::begin(qemu(&[console, r#"{"error": {"desc": "not now"}}"#])).await.unwrap();
    assert_eq!(qmp.console().await.unwrap(), "Kernel panic");
    let refused = qmp.command("stop", Value::Null).await.unwrap_err();
    assert_eq!(refused.to_string(), "QEMU refused `stop`: not now");
}

#[tokio::test]
async fn a_line_without_end_is_given_up() {
    let endless = "x".repeat(2 * MAX_LINE);
    let mut qmp = Qmp::begin(qemu(&[&endless])).await.unwrap();
    assert!(qmp.command("stop", Value::Null).await.is_err());
}

#[tokio::test]
async fn a_machine_that_stops_is_noticed() {
    let mut qmp =
        Qmp::begin(qemu(&["{\"return\": {}}\n{\"event\": \"STOP\"}\n{\"event\": \"SHUTDOWN\"}"])).await.unwrap();
    qmp.command("cont", Value::Null).await.unwrap();
    qmp.stopped().await.unwrap();
}
