//! One request of a call and its answer, with a way out at any time.

use crate::client::call::options::LogLevel;
use crate::client::connect::{Connection, Era};
use crate::client::error::ClientError;
use crate::client::patience::Patience;
use crate::client::printer::Printer;
use rmcp::model::{ClientRequest, RequestMetaObject};
use rmcp::service::{PeerRequestOptions, ServiceError};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;

/// How long the server may take to accept that a request is canceled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// What came of waiting for something.
#[derive(Debug)]
pub(super) enum Waited<T> {
    /// It came.
    Came(T),
    /// Ctrl-C came first.
    Interrupted,
}

/// A connection in the hands of one call.
pub(super) struct Exchange<'c> {
    pub(super) connection: &'c Connection,
    pub(super) patience: &'c Arc<Patience>,
    pub(super) printer: &'c Printer,
    pub(super) log_level: Option<LogLevel>,
    /// Every Ctrl-C of the call, also one between two waits.
    pub(super) interrupts: Signal,
}

impl Exchange<'_> {
    /// Sends `request` and waits for its result. What is given up is canceled: with a notification in the legacy era,
    /// by closing the stream of its response in the modern one.
    pub(super) async fn send(&mut self, request: ClientRequest) -> Result<Waited<Value>, ClientError> {
        self.patience.heard();
        let options = PeerRequestOptions::no_options().with_meta(self.meta());
        let connection = self.connection;
        let sent = connection.peer().send_cancellable_request(request, options).await;
        let mut handle = sent.map_err(|error| connection.failure(error))?;
        let outcome = tokio::select! {
            answer = &mut handle.rx => {
                let answer = answer.map_err(|_| ServiceError::TransportClosed).and_then(|answer| answer);
                let answer = answer.map_err(|error| connection.failure(error))?;
                let result = serde_json::to_value(answer).map_err(|error| connection.not_mcp(&error.to_string()))?;
                return Ok(Waited::Came(result));
            }
            () = self.patience.run_out() => Err(ClientError::Silent(self.patience.limit())),
            _ = self.interrupts.recv() => Ok(Waited::Interrupted),
        };
        self.patience.give_up();
        let reason = if outcome.is_ok() { "interrupted by the user" } else { "no answer in time" };
        let _ = tokio::time::timeout(CANCEL_TIMEOUT, handle.cancel(Some(reason.to_owned()))).await;
        outcome
    }

    /// Waits for what happens on this side of the connection.
    pub(super) async fn wait<T>(&mut self, what: impl Future<Output = T>) -> Waited<T> {
        tokio::select! {
            came = what => Waited::Came(came),
            _ = self.interrupts.recv() => Waited::Interrupted,
        }
    }

    /// The level of log messages goes with each modern request; the legacy era has `logging/setLevel`.
    fn meta(&self) -> RequestMetaObject {
        let mut meta = RequestMetaObject::new();
        let level = self.log_level.unwrap_or(LogLevel::MODERN_DEFAULT).level();
        if let (Era::Modern, Some(level)) = (self.connection.era(), level) {
            meta.set_log_level(level);
        }
        meta
    }
}
