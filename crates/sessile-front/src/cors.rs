//! What web pages of allowed origins may send, and may see (WHATWG Fetch, section 3.2). The origin was checked before
//! (`guard.rs`).

use crate::answer::{Reply, empty_reply};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sessile_protocol::headers::MCP_PARAM_PREFIX;
use std::collections::BTreeSet;

/// Headers that a page may send, besides those that mirror arguments.
const ALLOWED: &str = "authorization, content-type, accept, mcp-session-id, mcp-protocol-version, last-event-id, \
                       mcp-method, mcp-name, sessile-session, x-amzn-bedrock-agentcore-runtime-session-id, \
                       traceparent, tracestate, baggage";
/// Headers that a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static("mcp-session-id, sessile-session, www-authenticate");
/// Headers for arguments that one preflight is granted; a request has room for no more.
const MAX_MIRRORED: usize = 64;
/// Length of the name of such a header, in bytes.
const MAX_NAME: usize = 256;

/// The answer to a preflight.
pub(crate) fn preflight(asked: &HeaderMap) -> Reply {
    let mut reply = empty_reply(StatusCode::NO_CONTENT);
    let headers = reply.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, DELETE"));
    let mut allowed = String::from(ALLOWED);
    for name in mirrored(asked) {
        allowed.push_str(", ");
        allowed.push_str(&name);
    }
    let allowed = HeaderValue::try_from(allowed).unwrap_or(HeaderValue::from_static(ALLOWED));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.append(VARY, HeaderValue::from(ACCESS_CONTROL_REQUEST_HEADERS));
    reply
}

/// The `Mcp-Param-*` headers that a page asks to send. Which there are depends on the tool, so there is no list of
/// them; a name that is none is left out.
fn mirrored(asked: &HeaderMap) -> BTreeSet<String> {
    let lists = asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|name| name.len() <= MAX_NAME)
        .filter_map(|name| HeaderName::try_from(name).ok())
        .map(|name| name.as_str().to_owned())
        .filter(|name| name.strip_prefix(MCP_PARAM_PREFIX).is_some_and(|rest| !rest.is_empty()))
        .take(MAX_MIRRORED)
        .collect()
}

/// Lets a page of `origin` read a response.
pub(crate) fn allow_origin(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from(ORIGIN));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(asked: &str) -> Vec<String> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_str(asked).unwrap());
        let reply = preflight(&headers);
        let value = reply.headers().get(ACCESS_CONTROL_ALLOW_HEADERS).unwrap().to_str().unwrap().to_owned();
        value.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn a_page_may_send_what_both_eras_need() {
        let allowed = allowed("");
        for name in ["mcp-session-id", "mcp-method", "mcp-name", "sessile-session", "mcp-protocol-version"] {
            assert!(allowed.iter().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn mirrored_arguments_are_allowed_by_the_names_that_are_asked_for() {
        let fixed = allowed("").len();
        let allowed =
            allowed("mcp-method,Mcp-Param-Region , mcp-param-x,mcp-param-x,mcp-param-, x-evil, mcp-param-a b");
        assert_eq!(allowed.get(fixed..).unwrap(), ["mcp-param-region", "mcp-param-x"]);
    }

    #[test]
    fn a_preflight_has_bounds() {
        let names: Vec<String> = (0..1000).map(|n| format!("mcp-param-{n}")).collect();
        assert_eq!(allowed(&names.join(",")).len(), allowed("").len() + MAX_MIRRORED);
        assert_eq!(allowed(&format!("mcp-param-{}", "x".repeat(MAX_NAME))).len(), allowed("").len());
    }
}
