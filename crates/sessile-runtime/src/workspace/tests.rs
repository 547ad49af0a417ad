use super::*;
use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::task::{Context, Waker};

const PATIENCE: Duration = Duration::from_secs(60);

fn kept(home: &tempfile::TempDir, bytes: u64) -> KeptWorkspaces {
    KeptWorkspaces::new(Workspaces::of_server(home.path(), "it", None), bytes)
}

fn name() -> SessionName {
    SessionName::random().unwrap()
}

async fn take(kept: &KeptWorkspaces, who: &str, patience: Duration) -> Result<HeldWorkspace, OpenError> {
    kept.take(&Principal::api_key(who), &name(), patience, || true).await
}

#[tokio::test]
async fn principals_have_theirs_and_their_sessions_take_turns_in_order() {
    let home = tempfile::tempdir().unwrap();
    let kept = kept(&home, 1 << 20);
    let first = take(&kept, "alice", PATIENCE).await.unwrap();
    let other = take(&kept, "bob", PATIENCE).await.unwrap();
    assert_ne!(first.files(), other.files());

    let (mut second, mut third) = (pin!(take(&kept, "alice", PATIENCE)), pin!(take(&kept, "alice", PATIENCE)));
    for waiting in [&mut second, &mut third] {
        assert!(tokio::time::timeout(TRY * 2, waiting).await.is_err(), "it is alice's other session's");
    }
    let files = first.files().to_owned();
    drop(first);
    let second = second.await.unwrap();
    assert_eq!(second.files(), files);
    assert!(third.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(second);
    assert_eq!(third.await.unwrap().files(), files);
}

#[tokio::test]
async fn who_waits_too_long_learns_which_session_is_in_the_way() {
    let home = tempfile::tempdir().unwrap();
    let (kept, of_another_node) = (kept(&home, 1 << 20), kept(&home, 1 << 20));
    let (alice, holder) = (Principal::api_key("alice"), name());
    let held = kept.take(&alice, &holder, PATIENCE, || true).await.unwrap();
    for node in [&kept, &of_another_node] {
        let error = take(node, "alice", TRY).await.unwrap_err();
        assert!(
            matches!(&error, OpenError::WorkspaceBusy { holder: Some(told) } if *told == holder.as_str()),
            "{error}"
        );
        assert!(error.retry_after().is_some() && error.to_string().contains(holder.as_str()), "{error}");
        // A node that ends keeps nobody waiting.
        let ends = node.take(&alice, &name(), PATIENCE, || false).await.unwrap_err();
        assert!(matches!(ends, OpenError::Draining), "{ends}");
    }
    drop(held);
    take(&of_another_node, "alice", PATIENCE).await.unwrap();
}

/// As it is after a node was killed: its sandbox's init has the lease, and nobody else.
#[tokio::test]
async fn the_workspace_of_a_session_that_goes_on_is_found_and_has_its_turn() {
    let home = tempfile::tempdir().unwrap();
    let (before, after) = (kept(&home, 1 << 20), kept(&home, 1 << 20));
    let (alice, session) = (Principal::api_key("alice"), name());
    let init = before.take(&alice, &session, PATIENCE, || true).await.unwrap();
    assert!(after.found(&alice, &name()).unwrap().is_none(), "another session has it");
    assert!(after.found(&Principal::api_key("bob"), &session).unwrap().is_none(), "nobody has that one");
    let found = after.found(&alice, &session).unwrap().unwrap();
    assert_eq!(found.files(), init.files());
    drop(init);
    let mut next = pin!(take(&after, "alice", PATIENCE));
    assert!(tokio::time::timeout(TRY * 2, &mut next).await.is_err(), "the session still has its turn");
    drop(found);
    next.await.unwrap();
}

#[tokio::test]
async fn more_than_the_limit_may_become_less_and_twice_of_it_is_too_much() {
    let home = tempfile::tempdir().unwrap();
    let kept = kept(&home, 1 << 20);
    let held = take(&kept, "alice", PATIENCE).await.unwrap();
    assert_eq!(held.most, Some(Usage { bytes: 1 << 20, files: MIN_FILES }));
    let big: PathBuf = held.files().join("big");
    fs::write(&big, vec![1; 3 << 19]).unwrap();
    drop(held);
    let held = take(&kept, "alice", PATIENCE).await.unwrap();
    let most = held.most.unwrap();
    assert!(most.bytes >= 3 << 19 && most.files == MIN_FILES, "{most:?}");
    drop(held);
    fs::write(&big, vec![1; 3 << 20]).unwrap();
    let error = take(&kept, "alice", PATIENCE).await.unwrap_err();
    assert!(matches!(error, OpenError::WorkspaceFull { .. }) && error.retry_after().is_none(), "{error}");
    assert!(
        !error.to_string().contains(&home.path().display().to_string()),
        "paths of the host are no caller's business"
    );
    fs::remove_file(&big).unwrap();
    take(&kept, "alice", PATIENCE).await.unwrap();
}
