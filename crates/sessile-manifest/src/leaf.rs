//! Texts with a form of their own, named in the schema by `x-value`: sizes, addresses, names and so on.

use std::net::SocketAddr;

use crate::{ImageRef, Package, RemoteUrl, ServerName, Size, span};

/// Whether `text` has the form called `form`. The error says what to write and never repeats the text,
/// which in the wrong place may be a secret.
pub(crate) fn check(form: &str, text: &str) -> Result<(), String> {
    match form {
        "size" => text.parse::<Size>().map(drop).map_err(|e| e.to_string()),
        "span" => span::parse(text).map(drop),
        "address" => address(text),
        "package" => text.parse::<Package>().map(drop).map_err(|e| e.to_string()),
        "image" => ImageRef::parse_relative(text).map(drop).map_err(|e| e.to_string()),
        "url" => text.parse::<RemoteUrl>().map(drop).map_err(|e| e.to_string()),
        "server name" => text.parse::<ServerName>().map(drop).map_err(|e| e.to_string()),
        "path" => path(text),
        "argument" => argument(text),
        "variable" => variable(text),
        "header" => header(text),
        "header value" => header_value(text),
        "host" => host(text),
        "origin" => origin(text),
        "proxy" => proxy(text),
        _ => Ok(()),
    }
}

/// Whether the value of `text`, a size or span, lies within `minimum` and `maximum`.
pub(crate) fn is_within(form: &str, text: &str, minimum: &str, maximum: &str) -> bool {
    match form {
        "size" => between::<Size, _>(text, minimum, maximum, |text| text.parse().ok()),
        "span" => between(text, minimum, maximum, |text| span::parse(text).ok()),
        _ => true,
    }
}

fn between<T: PartialOrd, F: Fn(&str) -> Option<T>>(text: &str, from: &str, to: &str, of: F) -> bool {
    match (of(from), of(text), of(to)) {
        (Some(from), Some(value), Some(to)) => from <= value && value <= to,
        _ => false,
    }
}

fn rule(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn address(text: &str) -> Result<(), String> {
    if text.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "8300"));
    let port = port.parse::<u16>().unwrap_or(8300);
    let example = match host {
        "" | "*" => format!("0.0.0.0:{port}"),
        _ => format!("127.0.0.1:{port}"),
    };
    Err(format!("not an address; write an IP address and a port, such as \"{example}\""))
}

fn path(text: &str) -> Result<(), String> {
    rule(!text.is_empty() && !text.contains('\0'), "not a path; write the name of a file or directory")
}

fn argument(text: &str) -> Result<(), String> {
    rule(!text.contains('\0'), "holds a NUL character, which no program can be given")
}

fn variable(text: &str) -> Result<(), String> {
    rule(
        !text.is_empty() && !text.contains(['=', '\0']),
        "not the name of an environment variable; it may not be empty or hold `=`",
    )
}

/// Headers that are Sessile's own to set, or that describe one connection only (RFC 9110 section 7.6.1).
const OWN_HEADERS: [&str; 14] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "last-event-id",
    "mcp-protocol-version",
    "mcp-session-id",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn header(text: &str) -> Result<(), String> {
    let name = http::HeaderName::try_from(text).map_err(|_| "not the name of an HTTP header".to_owned())?;
    rule(!OWN_HEADERS.contains(&name.as_str()), "a header that Sessile sets itself on each request; remove it")
}

fn header_value(text: &str) -> Result<(), String> {
    rule(
        http::HeaderValue::try_from(text).is_ok(),
        "not the value of an HTTP header; control characters and line ends cannot be sent",
    )
}

fn host(text: &str) -> Result<(), String> {
    let authority = text.parse::<http::uri::Authority>();
    rule(
        authority.is_ok_and(|authority| !authority.host().is_empty() && !text.contains('@')),
        "not a host; write a name or address, with a port if not the usual one, such as \"mcp.example.com\"",
    )
}

fn origin(text: &str) -> Result<(), String> {
    let bare = text
        .split_once("://")
        .is_some_and(|(scheme, rest)| matches!(scheme, "http" | "https") && !rest.contains('/') && host(rest).is_ok());
    rule(
        bare,
        "not an origin; write the scheme and host of the page and nothing else, such as \"https://app.example.com\"",
    )
}

fn proxy(text: &str) -> Result<(), String> {
    let at = text.strip_prefix("http://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let authority = at.and_then(|at| at.parse::<http::uri::Authority>().ok()).filter(|at| !at.as_str().contains('@'));
    rule(
        authority.is_some_and(|at| !at.host().is_empty() && at.port_u16().is_some_and(|port| port > 0)),
        "not a proxy; write \"http://HOST:PORT\", and what it asks for into the file of `egress_proxy_credentials`",
    )
}

#[cfg(test)]
mod tests;
