//! Tasks that were made of long calls: kept in the ledger, so that their results outlive session and node (SEP-2663).

use std::sync::Arc;
use std::time::Duration;

use sessile_bridge::{Event, TaskChange, TaskState};
use sessile_identity::Principal;
use sessile_protocol::error::{self as code, raw_result};
use sessile_protocol::{Object, RequestId};
use sessile_store::{Ledger, TaskRow, TaskStatus};

use crate::error::{ModernFault, SessionError};
use crate::hosted::Hosted;
use crate::node::Node;
use crate::place::owner;
use crate::session::Session;
use crate::session_id::SessionId;
use crate::sleep::Awake;
use crate::states::{rfc3339, unix_millis};
use crate::stop::whole_millis;

/// How often a client should ask, in milliseconds.
const POLL_INTERVAL: u64 = 1000;

/// Where a session writes down what becomes of its tasks.
#[derive(Clone, Debug)]
pub(crate) struct TaskDesk {
    ledger: Arc<Ledger>,
    keep: Duration,
}

impl TaskDesk {
    pub(crate) fn new(ledger: Arc<Ledger>, keep: Duration) -> Self {
        Self { ledger, keep }
    }

    /// Writes a change down. It is on disk when this returns.
    pub(crate) fn note(&self, session: &Session, change: &TaskChange) {
        let now = unix_millis();
        let update = |status, message: Option<&str>, payload: Option<&str>| {
            self.ledger.update_task(&change.task, status, message, payload, now).map(|_| ())
        };
        let written = match &change.state {
            TaskState::Created => self.ledger.create_task(&TaskRow {
                id: change.task.clone(),
                server: session.server.to_string(),
                principal: session.principal.id().to_string(),
                session: session.id.expose().to_owned(),
                status: TaskStatus::Working,
                message: None,
                payload: None,
                created_ms: now,
                updated_ms: now,
                ttl_ms: whole_millis(self.keep),
            }),
            TaskState::Working(message) => update(TaskStatus::Working, message.as_deref(), None),
            TaskState::InputRequired(requests) => update(TaskStatus::InputRequired, None, Some(requests)),
            TaskState::Completed(result) => update(TaskStatus::Completed, None, Some(result)),
            TaskState::Failed(error) => update(TaskStatus::Failed, None, Some(error)),
            TaskState::Cancelled => update(TaskStatus::Cancelled, None, None),
        };
        if let Err(error) = written {
            tracing::error!(
                target: "sessile::runtime", server = &*session.server, session = session.name.as_str(), %error,
                "a task cannot be written down; its client will not find it after a restart"
            );
        }
        if matches!(change.state, TaskState::Created)
            && let Err(error) = self.ledger.forget_expired(now)
        {
            tracing::warn!(target: "sessile::runtime", %error, "old tasks cannot be forgotten");
        }
    }
}

/// A request about a task.
pub(crate) struct TaskRequest<'a> {
    pub(crate) id: &'a RequestId,
    pub(crate) method: &'a str,
    pub(crate) params: &'a Object<'a>,
}

impl Node {
    /// Answers `tasks/get`, `tasks/update` or `tasks/cancel` of a task that Sessile made. `None` for tasks that it did
    /// not make, or not for this caller: they may be the server's own.
    pub(crate) async fn answer_task(
        &self,
        server: &Hosted,
        principal: &Principal,
        request: &TaskRequest<'_>,
    ) -> Result<Option<bytes::Bytes>, ModernFault> {
        let (Some(ledger), Some(task)) = (&self.ledger, request.params.string("taskId")) else {
            return Ok(None);
        };
        let owner = owner(server, principal);
        let failed = |error: sessile_store::LedgerError| ModernFault::Ledger(error.to_string());
        let row = ledger.task(&task).map_err(failed)?;
        let Some(row) = row.filter(|row| row.server == server.name() && row.principal == owner.id().as_str()) else {
            return Ok(None);
        };
        let id = SessionId::from_client(&row.session);
        let event = match request.method {
            "tasks/update" => {
                let responses = request.params.object("inputResponses").ok_or(ModernFault::Invalid {
                    message: "inputResponses is missing or no object".to_owned(),
                    reason: "input_responses",
                })?;
                Some(Event::TaskInput { task, responses: responses.to_json() })
            }
            "tasks/cancel" => Some(Event::TaskCancel { task }),
            _ => None,
        };
        let result = match event {
            None => detailed(&row).to_json(),
            Some(event) => {
                // A task that is over takes no input and cannot be cancelled; that is no error of the client.
                if let Awake::Live(session) = self.awake(server.name(), &owner, &id).await? {
                    match session.tell(event) {
                        Ok(()) | Err(SessionError::NotFound { .. } | SessionError::Refused(_)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                r#"{"resultType":"complete"}"#.to_owned()
            }
        };
        Ok(Some(raw_result(request.id.as_json(), &result)))
    }
}

/// What `tasks/get` answers (SEP-2663, `DetailedTask`).
fn detailed(row: &TaskRow) -> Object<'_> {
    let mut task = Object::new();
    task.set("resultType", r#""complete""#);
    task.set_string("taskId", &row.id);
    let (status, payload) = match row.status {
        TaskStatus::Working => ("working", None),
        TaskStatus::InputRequired => ("input_required", Some("inputRequests")),
        TaskStatus::Completed => ("completed", Some("result")),
        TaskStatus::Failed => ("failed", Some("error")),
        TaskStatus::Cancelled => ("cancelled", None),
    };
    task.set_string("status", status);
    if let Some(message) = &row.message {
        task.set_string("statusMessage", message);
    }
    task.set_string("createdAt", &rfc3339(row.created_ms));
    task.set_string("lastUpdatedAt", &rfc3339(row.updated_ms));
    task.set("ttlMs", row.ttl_ms.to_string());
    task.set("pollIntervalMs", POLL_INTERVAL.to_string());
    if let (Some(member), Some(payload)) = (payload, &row.payload) {
        task.set(member, payload.as_str());
    }
    task
}

/// A response whose result is JSON text that does not say yet that it is whole.
pub(crate) fn complete(id: &RequestId, result: &str) -> bytes::Bytes {
    let mut result = Object::parse(result).unwrap_or_default();
    result.set("resultType", r#""complete""#);
    raw_result(id.as_json(), &result.to_json())
}

/// What became of the tasks that ran when the last node ended: a JSON-RPC error.
pub(crate) fn lost() -> String {
    let code = code::SERVER_GONE;
    let data = serde_json::json!({ "reason": "node_lost" });
    format!(r#"{{"code":{code},"message":"the node ended while the task was running","data":{data}}}"#)
}
