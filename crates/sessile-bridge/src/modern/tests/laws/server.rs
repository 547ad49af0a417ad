//! What the server of a random session says.

use super::steps::{Reply, What};
use super::*;

/// The era of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    Legacy,
    Modern,
}

impl Speaks {
    /// Its answer to a request of this method.
    pub(super) fn reply(self, id: u64, method: &str, reply: Reply) -> Value {
        let error = |code: i64, data: Value| failure(id, code, data);
        match (method, self, reply) {
            ("server/discover", Self::Modern, _) => response(id, discovered()),
            ("server/discover", Self::Legacy, Reply::Error) => error(-32022, json!({"supported": ["2025-11-25"]})),
            ("server/discover", Self::Legacy, _) | ("initialize", Self::Modern, _) => error(-32601, json!(null)),
            // Nothing would come of a session that is not opened.
            ("initialize", Self::Legacy, _) => response(id, initialized()),
            (_, _, Reply::Result) => response(id, json!({"x": 1})),
            (_, _, Reply::Error) => error(-32002, json!(null)),
            (_, _, Reply::Urls) => {
                let url = json!({"elicitationId": "u", "url": "https://x.example", "message": "?"});
                error(-32042, json!({"elicitations": [url]}))
            }
            (_, Self::Legacy, Reply::Round | Reply::Task) => response(id, json!([])),
            (_, Self::Modern, Reply::Round) => {
                let requests = json!({"a": {"method": "roots/list"}, "b": {"method": "nonsense"}});
                let round = json!({"resultType": "input_required", "inputRequests": requests, "requestState": "s"});
                response(id, round)
            }
            (_, Self::Modern, Reply::Task) => {
                response(id, json!({"resultType": "task", "taskId": format!("t{id}"), "ttlMs": null}))
            }
        }
    }
}

/// A question of the server.
pub(super) fn question(id: u8, what: What) -> Value {
    let url = json!({"mode": "url", "elicitationId": "u", "url": "https://x.example", "message": "?"});
    let form = ask("x")["params"].clone();
    let (method, params) = match what {
        What::Tool => ("elicitation/create", form),
        What::Prompt => ("elicitation/create", url),
        What::Resource => ("sampling/createMessage", json!({"messages": []})),
        What::List | What::Discover => ("roots/list", json!({})),
        What::Unknown => ("x/y", json!([])),
    };
    bare(id, method, params)
}

/// Messages that make no sense, of a client and of a server.
pub(super) fn nonsense(which: usize) -> (bool, Value) {
    let huge = "x".repeat(200);
    let all = [
        (true, json!({"jsonrpc": "2.0", "method": "tools/call", "params": [1, 2]})),
        (true, json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": []})),
        (true, json!({"jsonrpc": "2.0", "id": 1, "result": null})),
        (true, json!({"jsonrpc": "2.0", "id": huge, "error": {}})),
        (false, json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "?"}})),
        (false, json!({"jsonrpc": "2.0", "method": "notifications/message", "params": []})),
        (false, json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": {}}})),
        (false, json!({"jsonrpc": "2.0", "method": "notifications/resources/updated"})),
        (false, json!({"jsonrpc": "2.0", "method": "notifications/elicitation/complete", "params": []})),
        (
            false,
            json!({"jsonrpc": "2.0", "method": "notifications/tasks", "params": {"status": "completed", "taskId": 1}}),
        ),
        (false, json!({"jsonrpc": "2.0", "id": null, "error": {"code": 1.5}})),
        (false, json!({"jsonrpc": "2.0", "id": "1", "result": {}})),
        (false, json!({"jsonrpc": "2.0", "method": huge, "params": {huge.as_str(): [huge.as_str()]}})),
    ];
    all[which % all.len()].clone()
}
