use super::*;
use std::io::{BufRead, BufReader as BlockingReader, Write};

const GREETING: &[u8] =
    br#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian 1:7.2"}, "capabilities": ["oob"]}}"#;

#[test]
fn lines_are_told_apart() {
    assert_eq!(parse(GREETING).unwrap(), Line::Greeting);
    assert_eq!(parse(br#"{"return": {}, "id": 7}"#).unwrap(), Line::Return(Some(7), json!({})));
    assert_eq!(parse(br#"{"error": {"class": "X", "desc": "no"}}"#).unwrap(), Line::Error(None, "no".into()));
    let event = br#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true}}"#;
    assert_eq!(parse(event).unwrap(), Line::Event("SHUTDOWN".into()));
}

#[test]
fn nonsense_is_an_error() {
    for line in [&b"{}"[..], b"[]", b"\xff", b"", br#"{"event": 3}"#, br#"{"QMP": null}"#] {
        assert!(parse(line).is_err(), "{:?}", String::from_utf8_lossy(line));
    }
}

/// A QEMU that answers each command with the next of `answers`, with `ID` for the command's, and then goes.
async fn qemu(answers: &[&str]) -> Qmp {
    let (ours, theirs) = BlockingStream::pair().unwrap();
    let answers: Vec<String> = answers.iter().map(|text| (*text).to_owned()).collect();
    std::thread::spawn(move || {
        let mut out = theirs.try_clone().unwrap();
        out.write_all(GREETING).unwrap();
        out.write_all(b"\n").unwrap();
        let commands = BlockingReader::new(theirs).lines();
        let ready = std::iter::once(r#"{"return": {}, "id": ID}"#.to_owned());
        for (command, answer) in commands.zip(ready.chain(answers)) {
            let command: Value = serde_json::from_str(&command.unwrap()).unwrap();
            let _ = writeln!(out, "{}", answer.replace("ID", &command["id"].to_string()));
        }
    });
    let mut qmp = Qmp::over(ours).unwrap();
    qmp.begin().await.unwrap();
    qmp
}

#[tokio::test]
async fn answers_are_found_between_events() {
    let console =
        "{\"event\": \"RESUME\"}\n{\"return\": \"of another\", \"id\": 1}\n{\"return\": \"Kernel panic\", \"id\": ID}";
    let mut qmp = qemu(&[console, r#"{"error": {"desc": "not now"}, "id": ID}"#]).await;
    assert_eq!(qmp.console().await.unwrap(), "Kernel panic");
    let refused = qmp.command("stop", Value::Null).await.unwrap_err();
    assert_eq!(refused.to_string(), "QEMU refused `stop`: not now");
}

#[tokio::test]
async fn a_line_without_end_is_given_up() {
    let endless = "x".repeat(2 * MAX_LINE);
    let mut qmp = qemu(&[&endless]).await;
    assert!(qmp.command("stop", Value::Null).await.is_err());
}

#[tokio::test]
async fn a_machine_that_stops_is_noticed_also_between_other_things() {
    for answer in [
        "{\"return\": {}, \"id\": ID}\n{\"event\": \"STOP\"}\n{\"event\": \"SHUTDOWN\"}",
        "{\"event\": \"SHUTDOWN\"}\n{\"return\": {}, \"id\": ID}",
    ] {
        let mut qmp = qemu(&[answer]).await;
        qmp.command("cont", Value::Null).await.unwrap();
        qmp.stopped().await.unwrap();
    }
}

#[tokio::test]
async fn whoever_comes_later_finds_the_beginning_of_a_line() {
    let (ours, theirs) = BlockingStream::pair().unwrap();
    let mut out = theirs.try_clone().unwrap();
    out.write_all(b"ent\": \"RESUME\"}\n{\"return\": {}, \"id\": 3}\n").unwrap();
    std::thread::spawn(move || {
        for command in BlockingReader::new(theirs).lines() {
            let id = serde_json::from_str::<Value>(&command.unwrap()).unwrap()["id"].clone();
            writeln!(out, "{{\"error\": {{\"desc\": \"negotiated already\"}}, \"id\": {id}}}").unwrap();
        }
    });
    Qmp::over(ours).unwrap().begin().await.unwrap();
}

#[tokio::test]
async fn a_descriptor_travels_with_its_command() {
    let (ours, theirs) = BlockingStream::pair().unwrap();
    let qemu = std::thread::spawn(move || {
        let (mut received, mut text) = (Vec::new(), Vec::new());
        while !text.ends_with(b"\n") || received.is_empty() {
            let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = rustix::net::RecvAncillaryBuffer::new(&mut space);
            let mut bytes = [0; 256];
            let flags = rustix::net::RecvFlags::empty();
            let into = &mut [std::io::IoSliceMut::new(&mut bytes)];
            let count = rustix::net::recvmsg(&theirs, into, &mut control, flags).unwrap().bytes;
            text.extend_from_slice(&bytes[..count]);
            for message in control.drain() {
                let rustix::net::RecvAncillaryMessage::ScmRights(descriptors) = message else { continue };
                received.extend(descriptors);
            }
        }
        let command: Value = serde_json::from_slice(&text).unwrap();
        writeln!(&theirs, "{{\"return\": {{}}, \"id\": {}}}", command["id"]).unwrap();
        (command, std::fs::File::from(received.pop().unwrap()))
    });
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"state").unwrap();
    let mut qmp = Qmp::over(ours).unwrap();
    qmp.give("state", file.try_clone().unwrap().into()).await.unwrap();
    let (command, arrived) = qemu.join().unwrap();
    assert_eq!((&command["execute"], &command["arguments"]), (&json!("getfd"), &json!({ "fdname": "state" })));
    assert_eq!(rustix::fs::fstat(&arrived).unwrap().st_ino, rustix::fs::fstat(&file).unwrap().st_ino);
}
