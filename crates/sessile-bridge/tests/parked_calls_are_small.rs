//! A call that waits for its client, perhaps for hours, costs less than 8 KiB besides what was said.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test, helpers included")]

use std::time::Duration;

use sessile_bridge::{
    Action, ClientProfile, Config, ConnectionId, Event, Mint, Modern, Opening, Pull, StateOf, Time, Transport,
};
use sessile_protocol::Message;

const CALLS: u64 = 2000;
const GATHER: Duration = Duration::from_millis(5);

#[derive(Debug)]
struct Seals;

impl Mint for Seals {
    fn digest(&self, _: &str) -> [u8; 32] {
        [0; 32]
    }

    fn request_state(&self, _: &StateOf<'_>) -> Option<String> {
        Some("sealed".to_owned())
    }

    fn task_id(&self) -> Option<String> {
        None
    }

    fn timestamp(&self) -> String {
        String::new()
    }
}

fn message(text: String) -> Message {
    Message::parse(text.into()).unwrap()
}

/// Bytes of memory in use by this process (proc(5), `statm`: pages, of 4 KiB on every target of this project).
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn say(modern: &mut Modern, now: Time, event: Event) {
    modern.on(now, event).unwrap();
    while let Some(action) = modern.poll() {
        assert!(!matches!(action, Action::Unopened(_)));
    }
}

/// Parks one more call. `number` is unlike any other.
fn park(modern: &mut Modern, number: u64) {
    let now = Time(Duration::from_secs(number));
    let connection = ConnectionId(number);
    let meta = r#"{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}"#;
    let call =
        format!(r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"ask","_meta":{meta}}}}}"#);
    let question = format!(
        r#"{{"jsonrpc":"2.0","id":"e{number}","method":"elicitation/create","params":{{"message":"name?","requestedSchema":{{}}}}}}"#
    );
    say(modern, now, Event::ClientMessages { connection: Some(connection), messages: vec![message(call)] });
    say(modern, now, Event::ServerMessage(message(question)));
    let later = now + GATHER;
    say(modern, later, Event::Tick);
    assert!(matches!(modern.pull(later, connection), Pull::Json(_)));
}

#[test]
fn parked_calls_are_small() {
    let many = usize::try_from(2 * CALLS).unwrap();
    let config = Config {
        transport: Transport::PerRequest,
        gather: GATHER,
        in_flight: many,
        parked: many,
        server_requests: many,
        park_timeout: Duration::from_secs(100 * CALLS),
        ..Config::default()
    };
    let client = ClientProfile { info: None, capabilities: "{}".to_owned() };
    let mut modern = Modern::new(config, Opening::Legacy, client, Box::new(Seals));
    let opened = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}"#;
    say(&mut modern, Time::default(), Event::ServerMessage(message(opened.to_owned())));
    // The first ones pay for what all share.
    (1..=100).for_each(|number| park(&mut modern, number));
    let before = resident();
    (101..=100 + CALLS).for_each(|number| park(&mut modern, number));
    assert_eq!(modern.parked(), usize::try_from(CALLS + 100).unwrap());
    let each = resident().saturating_sub(before) / CALLS;
    assert!(each < 8 * 1024, "{each} bytes");
    println!("{each} bytes");
}
