//! The tables of the era, and what `_meta` must hold.

use proptest::prelude::*;

use super::*;
use crate::meta::{CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, SESSION};
use crate::{LogLevel, Message, Object};

fn read(meta: &str) -> Result<RequestMeta, MetaError> {
    let text = format!(r#"{{"name":"add","_meta":{meta}}}"#);
    RequestMeta::read(&Object::parse(&text).unwrap())
}

#[test]
fn every_served_version_is_named_newest_first() {
    let modern = ModernVersion::ALL.iter().rev().map(|version| version.as_str());
    let legacy = LegacyVersion::ALL.iter().rev().map(|version| version.as_str());
    assert_eq!(SERVED_VERSIONS.to_vec(), modern.chain(legacy).collect::<Vec<_>>());
    assert!(SERVED_VERSIONS.is_sorted_by(|newer, older| newer > older));
}

#[test]
fn the_tables_of_methods_agree() {
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tasks/result"] {
        assert!(is_removed(method) && !is_request(method), "{method}");
    }
    for method in ["server/discover", "subscriptions/listen", "tasks/update"] {
        assert!(is_new(method) && is_request(method) && !is_removed(method), "{method}");
    }
    let all = ["tools/call", "tools/list", "prompts/get", "resources/read", "tasks/get", "server/discover", "x/y"];
    for method in all {
        assert!(is_request(method) || (name_member(method).is_none() && !is_cacheable(method)), "{method}");
    }
    assert_eq!(name_member("resources/read"), Some("uri"));
    assert_eq!(name_member("tasks/update"), Some("taskId"));
    assert_eq!(name_member("tools/list"), None);
}

#[test]
fn what_a_request_says_of_itself_is_read() {
    let meta = read(
        r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
            "io.modelcontextprotocol\/clientCapabilities":{"elicitation":{}, "n":1.50},
            "io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},
            "io.modelcontextprotocol/logLevel":"notice","dev.sessile/session":"mine","progressToken":1}"#,
    )
    .unwrap();
    assert_eq!(meta.version, "2026-07-28");
    assert_eq!(meta.client_capabilities, r#"{"elicitation":{},"n":1.50}"#);
    assert_eq!(meta.client_info.as_deref(), Some(r#"{"name":"x","version":"1"}"#));
    assert_eq!(meta.log_level, Some(LogLevel::Notice));
    assert_eq!(meta.session.as_deref(), Some("mine"));
}

#[test]
fn only_version_and_capabilities_must_be_there() {
    let meta =
        read(r#"{"io.modelcontextprotocol/protocolVersion":"v9","io.modelcontextprotocol/clientCapabilities":{}}"#)
            .unwrap();
    assert_eq!((meta.version.as_str(), meta.client_capabilities.as_str()), ("v9", "{}"));
    assert_eq!((meta.client_info, meta.log_level, meta.session), (None, None, None));
}

#[test]
fn what_is_wrong_is_named() {
    for params in ["{}", r#"{"_meta":null}"#, r#"{"_meta":[]}"#, r#"{"_meta":"x"}"#] {
        assert_eq!(RequestMeta::read(&Object::parse(params).unwrap()), Err(MetaError::Missing), "{params}");
    }
    assert_eq!(read("{}"), Err(MetaError::NoMember(PROTOCOL_VERSION)));
    let named = format!(r#"{{"{PROTOCOL_VERSION}":"2026-07-28"}}"#);
    assert_eq!(read(&named), Err(MetaError::NoMember(CLIENT_CAPABILITIES)));
    assert!(MetaError::NoMember(CLIENT_CAPABILITIES).to_string().contains(CLIENT_CAPABILITIES));
    for (member, value) in [
        (PROTOCOL_VERSION, "1"),
        (CLIENT_CAPABILITIES, "[]"),
        (CLIENT_CAPABILITIES, "null"),
        (CLIENT_INFO, r#""x""#),
        (LOG_LEVEL, r#""loud""#),
        (LOG_LEVEL, "3"),
        (SESSION, "{}"),
    ] {
        let text = format!(r#"{{"{PROTOCOL_VERSION}":"2026-07-28","{CLIENT_CAPABILITIES}":{{}},"{member}":{value}}}"#);
        let error = read(&text).unwrap_err();
        assert!(matches!(error, MetaError::Wrong { member: wrong, .. } if wrong == member), "{text}: {error}");
        assert!(error.to_string().contains(member), "{error}");
    }
}

#[test]
fn a_message_tells_the_version_it_declares() {
    let version = |params: &str| {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{params}}}"#);
        Message::parse(text.into()).unwrap().modern_version()
    };
    assert_eq!(version(r#"{"_meta":{"io.modelcontextprotocol\/protocolVersion":"v9"}}"#).as_deref(), Some("v9"));
    assert_eq!(version(r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":5}}"#).as_deref(), Some("5"));
    for without in [
        r#"{"_meta":{"protocolVersion":"v9"}}"#,
        r#"{"io.modelcontextprotocol/protocolVersion":"v9"}"#,
        r#"{"arguments":{"_meta":{"io.modelcontextprotocol/protocolVersion":"v9"}}}"#,
        "[]",
    ] {
        assert_eq!(version(without), None, "{without}");
    }
}

proptest! {
    #[test]
    fn no_meta_makes_the_reader_panic(meta in any::<String>()) {
        let text = format!(r#"{{"_meta":{{"{PROTOCOL_VERSION}":{meta}}}}}"#);
        if let Some(params) = Object::parse(&text) {
            let _read = RequestMeta::read(&params);
        }
    }
}
