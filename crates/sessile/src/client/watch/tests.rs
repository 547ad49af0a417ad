use super::*;
use crate::client::printer::tests::on_page;
use rmcp::model::{JsonRpcNotification, JsonRpcVersion2_0};
use serde_json::json;
use std::time::Duration;

fn shown(log_level: Option<LoggingLevel>, messages: &[Value]) -> String {
    let (printer, page) = on_page(false);
    let watcher = Watcher { printer: Arc::new(printer), patience: Patience::new(Duration::from_secs(1)), log_level };
    for message in messages {
        let notification: ServerNotification = serde_json::from_value(message.clone()).unwrap();
        watcher.sees(&ServerJsonRpcMessage::Notification(JsonRpcNotification {
            jsonrpc: JsonRpcVersion2_0,
            notification,
        }));
    }
    page.text()
}

fn progress(params: Value) -> Value {
    json!({ "method": "notifications/progress", "params": params })
}

fn log(level: &str, data: &Value) -> Value {
    json!({ "method": "notifications/message", "params": { "level": level, "logger": "db", "data": data } })
}

#[test]
fn progress_shows_what_the_server_gave() {
    let text = shown(
        None,
        &[
            progress(json!({ "progressToken": 1, "progress": 3, "total": 10, "message": "copy\x1b" })),
            progress(json!({ "progressToken": 1, "progress": 4.5 })),
            progress(json!({ "progressToken": 1, "progress": 5, "total": 0 })),
        ],
    );
    assert_eq!(text, "progress: 3/10 (30%) copy\\x1b\nprogress: 4.5\nprogress: 5\n");
}

#[test]
fn log_messages_below_the_level_are_not_shown() {
    let messages = [log("info", &json!("quiet")), log("error", &json!({ "a": 1 }))];
    assert_eq!(shown(Some(LoggingLevel::Warning), &messages), "log error db: {\"a\":1}\n");
    assert_eq!(shown(None, &messages), "");
}
