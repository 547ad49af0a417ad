//! A session under any order of events: no panic, no deadline left in the past, no call in flight at the end.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sessile_bridge::{Config, ConnectionId, Event, Pull, Relay, Time};
use sessile_protocol::{ErrorObject, Message};
use std::time::Duration;

fn message(text: String) -> Option<Message> {
    Message::parse(Bytes::from(text)).ok()
}

fn event(op: u8, arg: u8, connections: &mut u64) -> Option<Event> {
    let id = arg % 8;
    let existing = ConnectionId(u64::from(arg) % (*connections + 1));
    let mut fresh = || {
        *connections += 1;
        ConnectionId(*connections)
    };
    Some(match op % 10 {
        0 => {
            let messages = vec![message(format!(
                r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"_meta":{{"progressToken":{id}}}}}}}"#
            ))?];
            Event::ClientMessages { connection: Some(fresh()), messages }
        }
        1 => Event::ServerMessage(message(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#))?),
        2 => Event::ServerMessage(message(format!(
            r#"{{"jsonrpc":"2.0","id":"s{id}","method":"elicitation/create","params":{{}}}}"#
        ))?),
        3 => {
            let messages = vec![message(format!(r#"{{"jsonrpc":"2.0","id":"s{id}","result":{{}}}}"#))?];
            Event::ClientMessages { connection: None, messages }
        }
        4 => Event::ServerMessage(message(format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{id},"progress":1}}}}"#
        ))?),
        5 => Event::Listen {
            connection: fresh(),
            last_event_id: (arg % 3 == 0).then(|| format!("{}-{}", arg % 4, arg % 5)),
        },
        6 => Event::Stream { connection: existing },
        7 => Event::ConnectionClosed { connection: existing },
        8 => {
            let messages = vec![message(format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
            ))?];
            Event::ClientMessages { connection: None, messages }
        }
        _ => Event::Tick,
    })
}

fuzz_target!(|data: &[u8]| {
    let mut relay = Relay::new(Config { ring_events: 16, ring_bytes: 2048, in_flight: 6, ..Config::default() });
    let mut now = Duration::ZERO;
    let mut connections = 0;
    for pair in data.chunks_exact(2) {
        now += Duration::from_millis(u64::from(pair[1]) * 50);
        let Some(event) = event(pair[0], pair[1], &mut connections) else { continue };
        let tick = matches!(event, Event::Tick);
        let _ = relay.on(Time(now), event);
        while relay.poll().is_some() {}
        if tick {
            assert!(relay.deadline().is_none_or(|at| at.0 > now), "a deadline stays in the past");
        }
        let pulled = ConnectionId(u64::from(pair[0]) % (connections + 1));
        for _ in 0..4 {
            if matches!(relay.pull(Time(now), pulled), Pull::Pending | Pull::End | Pull::Cut(_) | Pull::Json(_)) {
                break;
            }
        }
        while relay.poll().is_some() {}
        assert!(relay.in_flight() <= 6);
    }
    let _ = relay.on(Time(now), Event::ServerGone(ErrorObject::new(-32000, "gone")));
    assert_eq!(relay.in_flight(), 0);
});
