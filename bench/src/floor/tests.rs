use std::process::Command;
use std::time::Duration;

use super::{PipeBackend, Spawn, exec_churn, pipe_calls, pipe_churn, pipe_new_session, sealing, tiny_elf};
use crate::client::{CallTemplate, IdStyle};
use crate::measure::Stop;
use crate::workload::NewSessionLoad;

/// A server in shell: answers the handshake, then every call with the next id.
const SERVER: &str = r#"
read -r _; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}'
read -r _; id=2
while read -r _; do
    echo '{"jsonrpc":"2.0","method":"notifications/message"}'
    echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"content\":[]}}"
    id=$((id + 1))
done"#;

fn backend(script: &str) -> PipeBackend {
    PipeBackend {
        command: vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()],
        call: CallTemplate::new("any", "{}", IdStyle::Number).unwrap(),
    }
}

fn three() -> NewSessionLoad {
    NewSessionLoad { count: 3, pause: Duration::ZERO, at_most: Duration::from_secs(30) }
}

#[test]
fn the_empty_program_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let program = tiny_elf::write(folder.path()).unwrap();
    assert!(Command::new(program).status().unwrap().success());
}

#[tokio::test]
async fn processes_come_and_go() {
    let sample = exec_churn(Spawn::Plain, 2, Duration::from_millis(50), &Stop::default()).await.unwrap();
    assert!(sample.done >= 2, "{sample:?}");
    assert_eq!(sample.latencies.count(), sample.done);
}

#[tokio::test]
async fn a_server_by_hand_is_started_called_and_ended() {
    let stop = Stop::default();
    let sample = pipe_new_session(&backend(SERVER), &three(), &stop).await;
    assert_eq!((sample.done, sample.faults.total()), (3, 0), "{sample:?}");
    let sample = pipe_calls(&backend(SERVER), Duration::ZERO, Duration::from_millis(50), &stop).await;
    assert!(sample.done > 1 && sample.faults.total() == 0, "{sample:?}");
    let sample = pipe_churn(&backend(SERVER), 2, Duration::from_millis(50), &stop).await;
    assert!(sample.done >= 2 && sample.faults.total() == 0, "{sample:?}");
}

#[tokio::test]
async fn a_server_that_fails_is_counted_and_not_done() {
    let sample = pipe_new_session(&backend("exit 1"), &three(), &Stop::default()).await;
    assert_eq!((sample.done, sample.faults.total()), (0, 3), "{sample:?}");
    let nothing = PipeBackend { command: vec!["/nonexistent/server".to_owned()], ..backend("") };
    let sample = pipe_new_session(&nothing, &three(), &Stop::default()).await;
    assert!(sample.faults.first.unwrap().contains("/nonexistent/server"));
}

#[tokio::test]
async fn request_states_are_sealed_and_opened_as_often() {
    let both = sealing(Duration::from_millis(20), &Stop::default()).await.unwrap();
    assert!(both.seal.done > 0 && both.seal.done == both.open.done, "{both:?}");
    assert!(both.seal.elapsed > Duration::ZERO && both.open.elapsed > Duration::ZERO);
}
