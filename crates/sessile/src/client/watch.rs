//! A transport that tells what passes through it, in the order in which it came.
//!
//! The SDK runs each notification's handler as a task of its own, so that progress could be shown out of order, or
//! after the result. Here it is seen before the SDK has it.
#![allow(deprecated, reason = "logging is deprecated only in the modern era")]

use crate::client::escape::one_line;
use crate::client::patience::Patience;
use crate::client::printer::Printer;
use rmcp::RoleClient;
use rmcp::model::{
    ClientJsonRpcMessage, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam,
    ServerJsonRpcMessage, ServerNotification,
};
use rmcp::transport::Transport;
use serde_json::Value;
use std::sync::Arc;

/// Shows progress and log messages, and keeps the clock of `--timeout`.
#[derive(Clone)]
pub(crate) struct Watcher {
    pub(crate) printer: Arc<Printer>,
    pub(crate) patience: Arc<Patience>,
    /// The least severe log messages to show; `None` shows none.
    pub(crate) log_level: Option<LoggingLevel>,
}

/// `inner`, watched.
pub(crate) struct Watched<T> {
    pub(crate) inner: T,
    pub(crate) watcher: Watcher,
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Watched<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        let message = self.inner.receive().await?;
        self.watcher.sees(&message);
        Some(message)
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}

impl Watcher {
    fn sees(&self, message: &ServerJsonRpcMessage) {
        self.patience.heard();
        let ServerJsonRpcMessage::Notification(message) = message else { return };
        match &message.notification {
            ServerNotification::ProgressNotification(progress) => {
                self.printer.progress(&progress_text(&progress.params));
            }
            ServerNotification::LoggingMessageNotification(log) if self.shows(log.params.level) => {
                self.printer.aside(&log_text(&log.params));
            }
            ServerNotification::CustomNotification(custom) if custom.method == "notifications/elicitation/complete" => {
                self.printer.note("the server says that what it asked for at the URL is done");
            }
            _ => {}
        }
    }

    fn shows(&self, level: LoggingLevel) -> bool {
        self.log_level.is_some_and(|least| severity(level) >= severity(least))
    }
}

/// `3/10 (30%) copying`, with as much of it as the server gave.
pub(crate) fn progress_text(progress: &ProgressNotificationParam) -> String {
    let mut text = match progress.total {
        Some(total) if total > 0.0 => {
            let percent = (progress.progress / total * 100.0).clamp(0.0, 100.0);
            format!("{}/{total} ({percent:.0}%)", progress.progress)
        }
        _ => progress.progress.to_string(),
    };
    if let Some(message) = progress.message.as_deref().filter(|message| !message.trim().is_empty()) {
        text.push(' ');
        text.push_str(&one_line(message));
    }
    text
}

fn log_text(log: &LoggingMessageNotificationParam) -> String {
    let level = level_name(log.level);
    let data = match &log.data {
        Value::String(text) => one_line(text),
        other => one_line(&other.to_string()),
    };
    match &log.logger {
        Some(logger) => format!("log {level} {}: {data}", one_line(logger)),
        None => format!("log {level}: {data}"),
    }
}

fn level_name(level: LoggingLevel) -> &'static str {
    match level {
        LoggingLevel::Debug => "debug",
        LoggingLevel::Info => "info",
        LoggingLevel::Notice => "notice",
        LoggingLevel::Warning => "warning",
        LoggingLevel::Error => "error",
        LoggingLevel::Critical => "critical",
        LoggingLevel::Alert => "alert",
        LoggingLevel::Emergency => "emergency",
    }
}

/// RFC 5424, section 6.2.1, turned round so that more is worse.
fn severity(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}

#[cfg(test)]
mod tests;
