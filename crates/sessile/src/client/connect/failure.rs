//! What a connection that failed means to a person.

use crate::client::error::ClientError;
use crate::client::escape::one_line;
use crate::client::target::Target;
use rmcp::service::ClientInitializeError;
use rmcp::transport::streamable_http_client::StreamableHttpError;
use std::error::Error;
use url::Url;

/// What a start that failed means.
pub(super) fn of_start(target: &Target, error: &ClientInitializeError) -> ClientError {
    match error {
        ClientInitializeError::JsonRpcError(error) => ClientError::rpc(error),
        ClientInitializeError::TransportError { error, .. } => of_transport(target, error.error.as_ref()),
        other => ClientError::NotMcp { url: target.url.to_string(), why: one_line(&other.to_string()) },
    }
}

/// Finds the cause in a chain of errors of the SDK.
pub(super) fn of_transport(target: &Target, error: &(dyn Error + 'static)) -> ClientError {
    let not_mcp = |why: &str| ClientError::NotMcp { url: target.url.to_string(), why: one_line(why) };
    let found = chain(error).find_map(|cause| cause.downcast_ref::<StreamableHttpError<reqwest::Error>>());
    match found {
        Some(StreamableHttpError::Client(error)) => of_http(&target.url, error),
        Some(StreamableHttpError::AuthRequired(_)) => of_status(target, 401, ""),
        Some(StreamableHttpError::InsufficientScope(_)) => of_status(target, 403, ""),
        Some(StreamableHttpError::HttpStatus(error)) => of_status(target, error.status, ""),
        Some(StreamableHttpError::SessionExpired) => ClientError::SessionEnded,
        // The SDK has the status of such an answer only in its text: `HTTP 401 Unauthorized: BODY`.
        Some(StreamableHttpError::UnexpectedServerResponse(text)) => {
            let status = text.strip_prefix("HTTP ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
            let body = text.split_once(": ").map_or("", |(_, body)| body);
            status.map_or_else(|| not_mcp(text), |status| of_status(target, status, body))
        }
        _ => not_mcp(&whole_chain(error)),
    }
}

/// A request that brought no HTTP answer at all.
fn of_http(url: &Url, error: &reqwest::Error) -> ClientError {
    let url = url.to_string();
    if is_refused(error) {
        return ClientError::NothingListens { url };
    }
    let timed_out = error.is_connect() && error.is_timeout();
    let why = if timed_out { "the host does not answer".to_owned() } else { one_line(&root_cause(error)) };
    ClientError::Unreachable { url, why }
}

/// Whether the host is there and nothing listens on the port.
pub(crate) fn is_refused(error: &reqwest::Error) -> bool {
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn of_status(target: &Target, status: u16, body: &str) -> ClientError {
    let url = target.url.to_string();
    let said = serde_json::from_str::<serde_json::Value>(body)
        .ok()
        .and_then(|body| body.pointer("/error/message")?.as_str().map(one_line))
        .unwrap_or_else(|| one_line(&body.chars().take(200).collect::<String>()));
    let why = if said.is_empty() { said } else { format!(": {said}") };
    match status {
        401 if target.key.is_none() => ClientError::KeyNeeded { url, why },
        401 | 403 if target.key.is_some() => ClientError::KeyRefused { url, status, why },
        404 => ClientError::NotMcp { url, why: format!("HTTP 404{why}; look at the path, such as /mcp or /NAME/mcp") },
        _ => ClientError::Http { url, status, why },
    }
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

/// The innermost cause: what the operating system or the TLS library said.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error with its causes, each said once.
pub(super) fn whole_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in chain(error).map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests;
