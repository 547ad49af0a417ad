//! Which question a remembered answer belongs to.

use sessile_bridge::{ClientProfile, List};
use sessile_protocol::{Body, Message, Object, canonical};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The longest parameters, and the longest client capabilities, of a question whose answer is remembered, in bytes.
/// They are a client's text, and every remembered answer keeps a digest of it.
const LONGEST: usize = 8 * 1024;

/// A question for a list, as far as its answer may depend on it: method and parameters (a cursor!), what the client can
/// do, and who asks. Servers may show other tools to clients that can do more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListKey {
    pub(super) list: List,
    pub(super) asked: Asked,
    /// The id of the principal who asks.
    pub(super) principal: Arc<str>,
}

/// SHA-256 over everything but the principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked(pub(super) [u8; 32]);

impl ListKey {
    /// The key of a request for a list by the principal with this id. `None` for any other request, for one
    /// that goes on with an earlier one, and where parameters or capabilities are longer than is worth reading.
    pub(crate) fn of(request: &Message, client: &ClientProfile, principal: &str) -> Option<Self> {
        let Body::Request { method, .. } = request.body() else {
            return None;
        };
        let list = match method.as_str() {
            "tools/list" => List::Tools,
            "prompts/list" => List::Prompts,
            "resources/list" | "resources/templates/list" => List::Resources,
            _ => return None,
        };
        let params = canonical_params(request.params())?;
        let capabilities = bounded(&client.capabilities)?;
        let mut hash = Sha256::new();
        for part in [method.as_str(), &params, &canonical(capabilities)] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Some(Self { list, asked: Asked(hash.finalize().into()), principal: principal.into() })
    }
}

/// Parameters without `_meta`. Absent ones are as good as empty ones.
fn canonical_params(params: Option<&str>) -> Option<String> {
    let Some(params) = params else {
        return Some("{}".to_owned());
    };
    let mut params = Object::parse(params)?;
    if params.get("requestState").is_some() || params.get("inputResponses").is_some() {
        return None;
    }
    params.remove("_meta");
    let params = params.to_json();
    Some(canonical(bounded(&params)?))
}

fn bounded(text: &str) -> Option<&str> {
    (text.len() <= LONGEST).then_some(text)
}

#[cfg(test)]
mod tests;
