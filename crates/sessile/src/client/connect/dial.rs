//! Finding out which era a server speaks (2026-07-28, basic/transports/streamable-http, "Backward Compatibility").
//!
//! A modern request, `server/discover`, goes first. An answer that only a modern server gives settles it; any other
//! answer leads to `initialize`. No answer at all, or one about the caller (401, 403), says nothing about the era and
//! is the end of it.

use crate::client::connect::era::{Era, EraChoice};
use crate::client::connect::failure::of_start;
use crate::client::connect::http_client;
use crate::client::connect::listing::{Listed, Listening};
use crate::client::error::ClientError;
use crate::client::escape::one_line;
use crate::client::handler::Handler;
use crate::client::target::{SESSION_NEEDS_MODERN, Target};
use crate::client::watch::{Watched, Watcher};
use reqwest::header::HeaderName;
use rmcp::model::{ErrorCode, ProtocolVersion};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};
use sessile_protocol::headers::SESSILE_SESSION;
use std::time::Duration;

/// How long a server may think about `server/discover` before it is taken for a legacy one that never answers what
/// it does not know. Long enough for a node that starts the server first.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// An open connection.
pub(super) struct Dialed {
    pub(super) running: RunningService<RoleClient, Handler>,
    pub(super) era: Era,
    pub(super) listed: Listed,
}

/// Opens a connection in the era that the target names, or in the one that the server speaks.
pub(super) async fn dial(target: &Target, handler: Handler, watcher: Watcher) -> Result<Dialed, ClientError> {
    let forced = |era| move |error| not_in_this_era(target, era, error);
    match target.era {
        EraChoice::Modern => start(target, Era::Modern, handler, watcher).await?.map_err(forced(Era::Modern)),
        EraChoice::Legacy => start(target, Era::Legacy, handler, watcher).await?.map_err(forced(Era::Legacy)),
        EraChoice::Auto => {
            let probe = start(target, Era::Modern, handler.clone(), watcher.clone());
            match tokio::time::timeout(PROBE_TIMEOUT, probe).await {
                Ok(Ok(Ok(dialed))) => return Ok(dialed),
                Ok(Ok(Err(error))) if !may_be_legacy(target, &error) => return Err(of_start(target, &error)),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(Err(_))) | Err(_) => {}
            }
            if target.session.is_some() {
                return Err(ClientError::Usage(format!("{SESSION_NEEDS_MODERN}, which {} does not", target.url)));
            }
            start(target, Era::Legacy, handler, watcher).await?.map_err(|error| of_start(target, &error))
        }
    }
}

async fn start(
    target: &Target,
    era: Era,
    mut handler: Handler,
    watcher: Watcher,
) -> Result<Result<Dialed, ClientInitializeError>, ClientError> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(target.url.as_str())
        // A session that is gone took its state with it: that is said, not papered over with a new one.
        .reinit_on_expired_session(false);
    config.auth_header = target.key.as_ref().map(|key| key.reveal().to_owned());
    if let Some(session) = &target.session {
        config.custom_headers.insert(HeaderName::from_static(SESSILE_SESSION), session.header());
    }
    // The extension is of the modern era alone (SEP-2663, "Compatibility").
    handler.tasks &= era == Era::Modern;
    let (http, listed) = (http_client(&target.url)?, Listed::default());
    let started = match era {
        Era::Legacy => {
            let inner = StreamableHttpClientTransport::with_client(http, config);
            handler.serve_with_lifecycle(Watched { inner, watcher }, ClientLifecycleMode::Initialize).await
        }
        Era::Modern => {
            let lifecycle = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
            let http = Listening { http, listed: listed.clone() };
            let inner = StreamableHttpClientTransport::with_client(http, config);
            handler.serve_with_lifecycle(Watched { inner, watcher }, lifecycle).await
        }
    };
    Ok(started.map(|running| Dialed { running, era, listed }))
}

/// Whether what `server/discover` came to leaves room for a legacy server.
fn may_be_legacy(target: &Target, error: &ClientInitializeError) -> bool {
    match error {
        ClientInitializeError::JsonRpcError(error) => {
            !matches!(error.code, ErrorCode::HEADER_MISMATCH | ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY)
        }
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            server_supported.is_empty() || server_supported.iter().any(ProtocolVersion::has_initialize)
        }
        ClientInitializeError::TransportError { .. } => of_http_answer(target, error),
        _ => true,
    }
}

/// Whether an HTTP answer came at all, and was about the request and not about who sent it.
fn of_http_answer(target: &Target, error: &ClientInitializeError) -> bool {
    match of_start(target, error) {
        ClientError::KeyNeeded { .. }
        | ClientError::KeyRefused { .. }
        | ClientError::NothingListens { .. }
        | ClientError::Unreachable { .. } => false,
        ClientError::Http { status, .. } => !matches!(status, 403 | 429),
        _ => true,
    }
}

/// The error of an era that was asked for by name: that the server does not speak it, where that is what it says.
fn not_in_this_era(target: &Target, era: Era, error: ClientInitializeError) -> ClientError {
    let why = match &error {
        ClientInitializeError::JsonRpcError(error) if refuses_the_era(error.code) => {
            format!("error {}: {}", error.code.0, error.message)
        }
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            let versions: Vec<&str> = server_supported.iter().map(ProtocolVersion::as_str).collect();
            format!("it speaks {}", versions.join(", "))
        }
        _ => return of_start(target, &error),
    };
    ClientError::WrongEra { url: target.url.to_string(), era, why: one_line(&why) }
}

/// The codes with which servers refuse a handshake that they do not know; -32000 is what the official SDKs of the
/// legacy era say to a request without a session.
fn refuses_the_era(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::PARSE_ERROR
            | ErrorCode::INVALID_REQUEST
            | ErrorCode::METHOD_NOT_FOUND
            | ErrorCode::INVALID_PARAMS
            | ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
            | ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY
            | ErrorCode::HEADER_MISMATCH
            | ErrorCode(-32000)
    )
}

#[cfg(test)]
mod tests;
