//! Messages made of parts that came as JSON text.

use bytes::Bytes;
use serde_json::Value;
use sessile_protocol::meta::{SERVER_INFO, SUBSCRIPTION_ID};
use sessile_protocol::{ErrorObject, Method, Object, RequestId};

/// A request. `params` is JSON text.
pub(super) fn request(id: &RequestId, method: &Method, params: &str) -> Bytes {
    let method = Value::from(method.as_str());
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#))
}

/// A notification. `params` is JSON text.
pub(super) fn notification(method: &Method, params: &str) -> Bytes {
    let method = Value::from(method.as_str());
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","method":{method},"params":{params}}}"#))
}

/// Reads the `error` of a response, as far as it can be read.
pub(super) fn read_error(json: &str) -> ErrorObject {
    let error = Object::parse(json).unwrap_or_default();
    let code = error.get("code").and_then(|code| code.parse().ok()).unwrap_or_default();
    let message = error.string("message").unwrap_or_else(|| "server said no more".to_owned());
    let data = error.get("data").and_then(|data| serde_json::from_str(data).ok());
    ErrorObject { code, message: message.into(), data }
}

/// A result without what the legacy era does not know.
pub(super) fn legacy_result(mut result: Object<'_>) -> String {
    result.retain(|name| !matches!(name, "resultType" | "ttlMs" | "cacheScope"));
    remove_meta(&mut result, SERVER_INFO);
    result.to_json()
}

/// The parameters of a notification without what the legacy era does not know.
pub(super) fn legacy_notification(mut params: Object<'_>) -> String {
    remove_meta(&mut params, SUBSCRIPTION_ID);
    params.to_json()
}

/// Takes a member out of `_meta`, and `_meta` with it when nothing is left.
fn remove_meta(object: &mut Object<'_>, name: &str) {
    let Some(mut meta) = object.object("_meta") else {
        return;
    };
    meta.remove(name);
    if meta.is_empty() {
        object.remove("_meta");
    } else {
        let meta = meta.to_json();
        object.set("_meta", meta);
    }
}

/// What a server said, short enough to be told on.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 64;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
