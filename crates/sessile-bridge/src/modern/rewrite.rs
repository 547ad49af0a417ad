//! Messages made fit for the other side: a few members change, all else keeps its spelling.

use bytes::Bytes;
use sessile_protocol::meta::{PROGRESS_TOKEN, SUBSCRIPTION_ID};
use sessile_protocol::{Message, Object};

/// What only the modern era has in `_meta`. A server that speaks both eras would take a request with these for a
/// modern one.
const MODERN_META: &str = "io.modelcontextprotocol/";
/// What is meant for the runtime.
const OWN_META: &str = "dev.sessile/";

/// The members of a message.
pub(super) fn members(message: &Message) -> Object<'_> {
    std::str::from_utf8(message.raw()).ok().and_then(Object::parse).unwrap_or_default()
}

/// A request for a legacy server, with the bridge's number as its id, and as its progress token where it has one.
pub(super) fn legacy_request(message: &Message, number: u64) -> Bytes {
    let mut request = members(message);
    request.set("id", number.to_string());
    let params = request.object("params").map(|mut params| {
        params.retain(|name| !matches!(name, "inputResponses" | "requestState"));
        edit_meta(&mut params, |meta| {
            meta.retain(|name| !name.starts_with(MODERN_META) && !name.starts_with(OWN_META));
            replace_token(meta, message, number);
        });
        params.to_json()
    });
    if let Some(params) = params {
        request.set("params", params);
    }
    Bytes::from(request.to_json())
}

/// A notification for a legacy server.
pub(super) fn legacy_notification(message: &Message) -> Bytes {
    let mut notification = members(message);
    let params = notification.object("params").map(|mut params| {
        edit_meta(&mut params, |meta| {
            meta.retain(|name| !name.starts_with(MODERN_META) && !name.starts_with(OWN_META));
        });
        params.to_json()
    });
    if let Some(params) = params {
        notification.set("params", params);
    }
    Bytes::from(notification.to_json())
}

/// A request for a modern server, with the bridge's number as its id, and as its progress token where it has one.
/// `edit` changes its params further.
pub(super) fn modern_request(message: &Message, number: u64, edit: impl FnOnce(&mut Object<'_>)) -> Bytes {
    let mut request = members(message);
    request.set("id", number.to_string());
    let params = request.object("params").map(|mut params| {
        edit_meta(&mut params, |meta| {
            meta.retain(|name| !name.starts_with(OWN_META));
            replace_token(meta, message, number);
        });
        edit(&mut params);
        params.to_json()
    });
    if let Some(params) = params {
        request.set("params", params);
    }
    Bytes::from(request.to_json())
}

/// A progress notification, with the token its client gave.
pub(super) fn progress(message: &Message, token: &str) -> Bytes {
    let mut notification = members(message);
    let params = notification.object("params").map(|mut params| {
        params.set(PROGRESS_TOKEN, token);
        params.to_json()
    });
    notification.set("params", params.unwrap_or_default());
    Bytes::from(notification.to_json())
}

/// A notification that belongs to a subscription.
pub(super) fn subscribed(message: &Message, subscription: &str) -> Bytes {
    let mut notification = members(message);
    let params = with_subscription(notification.object("params").unwrap_or_default(), subscription);
    notification.set("params", params);
    Bytes::from(notification.to_json())
}

/// `object` with the subscription in its `_meta`.
pub(super) fn with_subscription(mut object: Object<'_>, subscription: &str) -> String {
    let mut meta = object.object("_meta").unwrap_or_default();
    meta.set(SUBSCRIPTION_ID, subscription);
    let meta = meta.to_json();
    object.set("_meta", meta);
    object.to_json()
}

/// A response with the id that its client gave the request; everything else as it came.
pub(super) fn response(message: &Message, id: &str) -> Bytes {
    let mut response = members(message);
    response.set("id", id);
    Bytes::from(response.to_json())
}

/// `params._meta` of a message; empty where there is none.
pub(super) fn with_meta<T>(message: &Message, read: impl FnOnce(&Object<'_>) -> T) -> T {
    let params = message.params().and_then(Object::parse).unwrap_or_default();
    read(&params.object("_meta").unwrap_or_default())
}

/// Changes `_meta`, and takes it out when nothing is left in it.
fn edit_meta(params: &mut Object<'_>, edit: impl FnOnce(&mut Object<'_>)) {
    let Some(edited) = params.object("_meta").map(|mut meta| {
        edit(&mut meta);
        (!meta.is_empty()).then(|| meta.to_json())
    }) else {
        return;
    };
    match edited {
        Some(meta) => params.set("_meta", meta),
        None => drop(params.remove("_meta")),
    }
}

fn replace_token(meta: &mut Object<'_>, message: &Message, number: u64) {
    if message.progress_token().is_some() {
        meta.set(PROGRESS_TOKEN, number.to_string());
    } else {
        // What is no token could still be taken for another call's.
        meta.remove(PROGRESS_TOKEN);
    }
}
