use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Era, ErrorObject, LegacyVersion, LogLevel, Message, Method, ModernVersion, ProgressToken, RequestId};

fn again<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[test]
fn values_come_back_as_they_were() {
    for id in ["7", "\"7\"", "\"a \\\" \u{e9}\""] {
        assert_eq!(again(&RequestId::from_json(id).unwrap()).as_json(), RequestId::from_json(id).unwrap().as_json());
        assert_eq!(again(&ProgressToken::from_json(id)), ProgressToken::from_json(id));
    }
    for name in ["tools/call", "acme/\"x\""] {
        assert_eq!(again(&Method::new(name)), Method::new(name));
    }
    for version in LegacyVersion::ALL {
        assert_eq!(again(&Era::Legacy(version)), Era::Legacy(version));
    }
    for version in ModernVersion::ALL {
        assert_eq!(again(&version), version);
    }
    for level in LogLevel::ALL {
        assert_eq!(again(&level), level);
    }
    let error = ErrorObject::new(-32000, "gone").with_data(serde_json::json!({"reason": "x", "n": 1.5}));
    assert_eq!(again(&error), error);
}

#[test]
fn messages_keep_every_byte() {
    let text = "{ \"jsonrpc\":\"2.0\",\"id\":1,\n \"method\":\"x\",\"params\":{\"n\":1e400,\"s\":\"\\u00e9\"}}";
    let message = Message::parse(Bytes::from_static(text.as_bytes())).unwrap();
    assert_eq!(again(&message).raw(), text);
}

#[test]
fn ids_can_be_keys() {
    let map: HashMap<RequestId, u8> = [(RequestId::from(1), 1), (RequestId::from("1"), 2)].into();
    assert_eq!(again(&map), map);
}

#[test]
fn nonsense_is_named() {
    let error = serde_json::from_str::<LegacyVersion>("\"1999\"").unwrap_err();
    assert!(error.to_string().contains("`1999` is no LegacyVersion"), "{error}");
    assert!(serde_json::from_str::<Message>("\"[]\"").is_err());
}
