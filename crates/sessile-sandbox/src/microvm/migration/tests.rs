//! A QEMU is played here that answers as 7.2 does.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

/// A QEMU that says `status` of a migration in the end, and gives the commands that it was given.
fn played(status: &'static str) -> (Qmp, JoinHandle<Vec<String>>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let qemu = std::thread::spawn(move || {
        let mut out = theirs.try_clone().unwrap();
        let mut commands: Vec<String> = Vec::new();
        // Who gave up a command does not wait for its answer, and may be gone before it is said.
        for line in BufReader::new(theirs).lines().map_while(Result::ok) {
            let command: Value = serde_json::from_str(&line).unwrap();
            let name = command["execute"].as_str().unwrap().to_owned();
            let polls = commands.iter().filter(|known| **known == name).count();
            let returned = match name.as_str() {
                "query-migrate" if polls == 0 => r#"{"status": "active"}"#,
                "query-migrate" => status,
                _ => "{}",
            };
            commands.push(name);
            if writeln!(out, "{{\"return\": {returned}, \"id\": {}}}", command["id"]).is_err() {
                break;
            }
        }
        commands
    });
    (Qmp::over(ours).unwrap(), qemu)
}

/// What becomes of loading, and the commands that it took.
async fn loaded(status: &'static str) -> (Result<(), QmpError>, Vec<String>) {
    let (mut qmp, qemu) = played(status);
    let outcome = load(&mut qmp, tempfile::tempfile().unwrap().into()).await;
    drop(qmp);
    (outcome, qemu.join().unwrap())
}

#[tokio::test]
async fn a_machine_runs_once_everything_is_loaded() {
    let (outcome, commands) = loaded(r#"{"status": "completed"}"#).await;
    outcome.unwrap();
    let expected = [
        "migrate-set-capabilities",
        "getfd",
        "migrate-incoming",
        "query-migrate",
        "query-migrate",
        "migrate-set-capabilities",
        "cont",
    ];
    assert_eq!(commands, expected);
}

#[tokio::test]
async fn a_machine_that_could_not_be_loaded_never_runs() {
    let (outcome, commands) = loaded(r#"{"status": "failed", "error-desc": "bad magic"}"#).await;
    assert_eq!(outcome.unwrap_err().to_string(), "QEMU refused `migrate-incoming`: bad magic");
    assert!(!commands.contains(&"cont".to_owned()));
}

#[tokio::test]
async fn a_load_without_end_is_given_up() {
    let (mut qmp, qemu) = played(r#"{"status": "active"}"#);
    let file = tempfile::tempfile().unwrap();
    let outcome = carry_out(&mut qmp, "migrate-incoming", file.into(), Duration::from_millis(50)).await;
    assert!(outcome.unwrap_err().to_string().contains("it came to no end"));
    drop(qmp);
    qemu.join().unwrap();
}
