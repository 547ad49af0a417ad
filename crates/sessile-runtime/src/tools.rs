//! What calls of a server's tools must be checked against: which arguments are mirrored in headers, and what handles are
//! called.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sessile_bridge::handles::{HandleNames, add_to_list};
use sessile_bridge::{ClientProfile, Pull};
use sessile_protocol::mirror::MirroredHeaders;
use sessile_protocol::{Message, Object, meta};

use crate::error::SessionError;
use crate::hosted::Hosted;
use crate::memory::{Epoch, ListKey};
use crate::session::Session;

/// How long a server may take to list its tools before a call goes on without knowing them.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pages of one tool list that are read.
const PAGES: usize = 100;
/// Tool lists that are kept ready: one per caller and set of client capabilities.
const TABLES: usize = 64;

/// The tools of a server, as calls are checked against them.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    mirrored: HashMap<String, MirroredHeaders>,
    pub(crate) handles: Option<HandleNames>,
}

/// The tables of one server.
#[derive(Debug, Default)]
pub(crate) struct ToolTables(Mutex<Vec<(String, Epoch, Arc<Tools>)>>);

impl ToolTables {
    pub(crate) fn get(&self, key: &str, epoch: Epoch) -> Option<Arc<Tools>> {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = tables.iter().find(|(known, since, _)| known == key && *since == epoch);
        found.map(|(_, _, tools)| Arc::clone(tools))
    }

    pub(crate) fn put(&self, key: &str, epoch: Epoch, tools: Arc<Tools>) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.retain(|(known, since, _)| known != key && *since == epoch);
        if tables.len() >= TABLES {
            tables.remove(0);
        }
        tables.push((key.to_owned(), epoch, tools));
    }
}

impl Tools {
    /// Reads the pages of a tool list.
    pub(crate) fn of_pages(pages: &[Arc<str>], with_handles: bool) -> Self {
        let texts: Vec<&str> = pages.iter().map(|page| &**page).collect();
        let handles = with_handles.then(|| HandleNames::choose(&texts));
        let mut mirrored = HashMap::new();
        for page in texts {
            let shown = handles.as_ref().and_then(|names| add_to_list(names, page));
            read_tools(shown.as_deref().unwrap_or(page), &mut mirrored);
        }
        Self { mirrored, handles }
    }

    /// Checks that the headers of a call mirror its arguments (2026-07-28, streamable HTTP, "Custom Headers from Tool
    /// Parameters").
    pub(crate) fn check(&self, params: &Object<'_>, headers: &[(String, Vec<u8>)]) -> Result<(), String> {
        let Some(mirrored) = params.string("name").and_then(|name| self.mirrored.get(&name)) else { return Ok(()) };
        mirrored.check(params.get("arguments"), headers).map_err(|mismatch| mismatch.to_string())
    }
}

fn read_tools(page: &str, mirrored: &mut HashMap<String, MirroredHeaders>) {
    let Some(page) = Object::parse(page) else { return };
    let tools: Vec<Object<'_>> =
        page.get("tools").and_then(|tools| serde_json::from_str(tools).ok()).unwrap_or_default();
    for tool in tools {
        // A definition with a wrong annotation is none that clients use (its mirrored headers are not checked then).
        if let (Some(name), Some(schema)) = (tool.string("name"), tool.get("inputSchema"))
            && let Ok(headers) = MirroredHeaders::of_schema(schema)
            && !headers.is_empty()
        {
            mirrored.insert(name, headers);
        }
    }
}

/// Reads the whole tool list, as far as it is remembered, else by asking the server in `session`. `None` when it is not
/// remembered and there is no session to ask in.
pub(crate) async fn pages(
    server: &Hosted,
    session: Option<&Arc<Session>>,
    client: &ClientProfile,
    principal: &str,
) -> Result<Option<Vec<Arc<str>>>, SessionError> {
    let mut pages: Vec<Arc<str>> = Vec::new();
    let mut cursor: Option<String> = None;
    while pages.len() < PAGES {
        let request = list_request(client, cursor.as_deref(), pages.len());
        let Ok(message) = Message::parse(request) else { break };
        let key = ListKey::of(&message, client, principal);
        let remembered = key.as_ref().and_then(|key| server.memory().list(key));
        let page = match (remembered, session) {
            (Some(page), _) => page,
            (None, None) => return Ok(None),
            (None, Some(session)) => {
                let epoch = server.memory().epoch().in_session_since(session.since);
                let Some(page) = ask(session, message).await? else { break };
                if let Some(key) = key.filter(|_| session.tells_common_lists()) {
                    server.memory().remember(key, epoch, &session.without_bridged_hints(&page));
                }
                page.into()
            }
        };
        cursor = Object::parse(&page).and_then(|page| page.string("nextCursor"));
        pages.push(page);
        if cursor.is_none() {
            break;
        }
    }
    Ok(Some(pages))
}

/// The result of a request that Sessile makes for itself; `None` when the server answers with an error, or not soon.
async fn ask(session: &Arc<Session>, message: Message) -> Result<Option<String>, SessionError> {
    let Some(mut exchange) = session.post(vec![message]).await? else { return Ok(None) };
    let Ok(answer) = tokio::time::timeout(PATIENCE, last_word(&mut exchange)).await else {
        tracing::warn!(
            target: "sessile::runtime", server = &*session.server, session = session.name.as_str(),
            "the server does not answer tools/list: headers of calls are not checked against its tools"
        );
        return Ok(None);
    };
    Ok(answer.and_then(|answer| Message::parse(answer).ok()).and_then(|answer| answer.result().map(str::to_owned)))
}

/// The answer at the end of an exchange, without what was said before it.
pub(crate) async fn last_word(exchange: &mut crate::Exchange) -> Option<Bytes> {
    let mut last = None;
    loop {
        match exchange.pull().await {
            Pull::Json(answer) => return Some(answer),
            Pull::Event(event) => last = Some(event.data),
            Pull::OpenSse => {}
            Pull::Pending | Pull::End | Pull::Cut(_) => return last,
        }
    }
}

/// The same in a session whose client is legacy. Nothing of it is remembered.
pub(crate) async fn legacy_pages(session: &Arc<Session>) -> Result<Vec<Arc<str>>, SessionError> {
    let mut pages: Vec<Arc<str>> = Vec::new();
    let mut params = Object::new();
    while pages.len() < PAGES {
        let Ok(message) = Message::parse(numbered(pages.len(), &params)) else { break };
        let Some(page) = ask(session, message).await? else { break };
        let cursor = Object::parse(&page).and_then(|page| page.string("nextCursor"));
        pages.push(page.into());
        let Some(cursor) = cursor else { break };
        params.set_string("cursor", &cursor);
    }
    Ok(pages)
}

fn list_request(client: &ClientProfile, cursor: Option<&str>, page: usize) -> Bytes {
    let mut own = Object::new();
    own.set_string(meta::PROTOCOL_VERSION, sessile_protocol::ModernVersion::V2026_07_28.as_str());
    own.set(meta::CLIENT_CAPABILITIES, client.capabilities.as_str());
    if let Some(info) = &client.info {
        own.set(meta::CLIENT_INFO, info.as_str());
    }
    let mut params = Object::new();
    params.set("_meta", own.to_json());
    if let Some(cursor) = cursor {
        params.set_string("cursor", cursor);
    }
    numbered(page, &params)
}

fn numbered(page: usize, params: &Object<'_>) -> Bytes {
    let id = format!("sessile-tools-{page}");
    Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/list","params":{params}}}"#))
}
