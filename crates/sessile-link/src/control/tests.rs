use super::*;
use crate::{HostUsers, LeftOut, Program, Rlimits, View};
use proptest::prelude::*;
use std::prelude::rust_2024::*;
use std::vec;

fn order() -> StartOrder {
    StartOrder {
        program: Program::Server {
            command: vec!["python3".into(), "server.py".into()],
            env: vec![("PATH".into(), "/usr/bin".into())],
            cwd: "/workspace".into(),
        },
        hostname: "files".into(),
        views: vec![
            View::ReadOnly { source: "/usr".into(), target: "/usr".into() },
            View::Text { target: "/etc/passwd".into(), content: "sessile:x:1000:1000::/home:/bin/sh\n".into() },
        ],
        disk: Some(1 << 30),
        rlimits: Rlimits { open_files: 1024, data: None, processes: Some(64) },
        loopback: true,
        gate: true,
        orphan_grace_ms: 60_000,
        bequest: None,
        given: 2,
        users: HostUsers::Root { server: 0x7000_0000, init: 0x7000_0001 },
        without: LeftOut::default(),
    }
}

#[test]
fn messages_survive_the_link() {
    let connect = ToInit::Connect { id: 7, to: Loopback::V6, port: 8000 };
    let sent = [ToInit::Start(Box::new(order())), ToInit::CloseStdin, ToInit::Terminate, connect];
    let mut bytes = Vec::new();
    for message in &sent {
        encode(message, &mut bytes).unwrap();
    }
    let mut inbox = Inbox::<ToInit>::default();
    let mut got = Vec::new();
    for byte in bytes {
        inbox.push(&[byte]);
        got.extend(inbox.next().unwrap());
    }
    assert_eq!(got, sent);
}

#[test]
fn a_frame_on_a_channel_that_nobody_serves_is_an_error() {
    let mut bytes = Vec::new();
    frame::encode(9, b"{}", &mut bytes).unwrap();
    let mut inbox = Inbox::<FromInit>::default();
    inbox.push(&bytes);
    assert!(matches!(inbox.next(), Err(LinkError::Channel(9))));
}

#[test]
fn an_order_that_fits_in_no_frame_is_refused_by_its_sender() {
    let mut order = order();
    order.hostname = "x".repeat(frame::MAX_PAYLOAD);
    let refused = encode(&ToInit::Start(Box::new(order)), &mut Vec::new());
    assert!(matches!(refused, Err(LinkError::Frame(FrameError::TooLong { .. }))));
}

proptest! {
    #[test]
    fn a_sandbox_that_writes_garbage_gets_an_error_not_a_panic(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = Vec::new();
        frame::encode(CONTROL, &payload, &mut bytes).unwrap();
        let mut inbox = Inbox::<FromInit>::default();
        inbox.push(&bytes);
        let understood = inbox.next();
        prop_assert!(understood.is_err() || serde_json::from_slice::<FromInit>(&payload).is_ok());
    }
}
