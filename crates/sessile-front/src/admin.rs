//! The admin listener: what an operator sees and can do.
//!
//! | path | what |
//! | --- | --- |
//! | `GET /admin/v1/node` | what the node has for its sessions, what is taken, who waits |
//! | `GET /admin/v1/sessions` | live, warm and ended sessions |
//! | `GET /admin/v1/sessions/NAME` | one of them |
//! | `DELETE /admin/v1/sessions/NAME` | stop one |
//! | `POST /admin/v1/sessions/NAME/hibernate` | let one rest: it is written to the disk, or frozen |
//! | `POST /admin/v1/sessions/NAME/resume` | wake one |
//! | `POST /admin/v1/sessions/NAME/exec` | run a command in one: the connection becomes frames ([`crate::exec`]) |
//! | `GET /admin/v1/servers` | what is hosted |
//! | `GET /metrics` | Prometheus metrics |

use crate::answer::{Reply, Wrong, json_reply};
use crate::body::Answer;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::json;
use sessile_runtime::{Node, StopReason};
use sessile_telemetry::Telemetry;

pub(crate) const SESSIONS: &str = "/admin/v1/sessions";

pub(crate) async fn answer(node: &Node, telemetry: &Telemetry, method: &Method, path: &str) -> Result<Reply, Wrong> {
    let unknown = || Wrong::Path(path.to_owned());
    match (method, path) {
        (&Method::GET, "/metrics") => Ok(metrics(telemetry)),
        (&Method::GET, "/healthz") => Ok(ok(&json!({ "status": "ok" }))),
        (&Method::GET, "/admin/v1/node") => Ok(ok(&node.view())),
        (&Method::GET, "/admin/v1/servers") => Ok(ok(&json!({ "servers": node.server_views() }))),
        (&Method::GET, SESSIONS) => Ok(ok(&json!({ "sessions": node.session_views() }))),
        (method, path) => {
            let name = path.strip_prefix(SESSIONS).and_then(|rest| rest.strip_prefix('/')).ok_or_else(unknown)?;
            if let Some((name, act)) = name.rsplit_once('/') {
                return rest(node, method, name, act).await?.ok_or_else(unknown);
            }
            match *method {
                Method::GET => node.session_view(name).map(|view| ok(&view)).ok_or_else(unknown),
                Method::DELETE if node.stop_session(name, StopReason::AdminStop).await => {
                    Ok(ok(&json!({ "stopping": name })))
                }
                Method::DELETE => Err(unknown()),
                _ => Err(Wrong::Method(method.to_string(), "GET, DELETE")),
            }
        }
    }
}

/// Lets a session rest, or wakes it; `None` for what is neither.
async fn rest(node: &Node, method: &Method, name: &str, act: &str) -> Result<Option<Reply>, Wrong> {
    let is_known = matches!(act, "hibernate" | "resume");
    match *method {
        _ if !is_known => Ok(None),
        Method::POST if act == "hibernate" => {
            let state = node.hibernate_session(name).await?;
            Ok(Some(ok(&json!({ "session": name, "state": state }))))
        }
        Method::POST => {
            node.resume_session(name).await?;
            Ok(Some(ok(&json!({ "session": name, "state": "awake" }))))
        }
        _ => Err(Wrong::Method(method.to_string(), "POST")),
    }
}

fn metrics(telemetry: &Telemetry) -> Reply {
    let mut reply = Response::new(Answer::whole(telemetry.render_metrics()));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    reply
}

fn ok(value: &impl serde::Serialize) -> Reply {
    // Views are plain data with string keys, which always serialise.
    match serde_json::to_vec(value) {
        Ok(bytes) => json_reply(StatusCode::OK, Bytes::from(bytes)),
        Err(_) => json_reply(StatusCode::INTERNAL_SERVER_ERROR, Bytes::from_static(b"{}")),
    }
}
