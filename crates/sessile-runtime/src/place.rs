//! Which session a modern request belongs to, as far as its key tells.

use std::sync::Arc;

use sessile_bridge::ClientProfile;
use sessile_identity::Principal;
use sessile_manifest::Scope;
use sessile_protocol::Object;
use sha2::{Digest, Sha256};

use crate::error::ModernFault;
use crate::hosted::Hosted;
use crate::names::Named;
use crate::session_id::SessionId;

/// Issuer and subject of the sessions that belong to everybody (`scope = "shared"`). No credential can name them.
const EVERYBODY: (&str, &str) = ("sessile", "everybody");

/// Where a request goes.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// To the session of this name, which is opened if need be.
    Named(Named),
    /// To a session of its own. The text is what the client may call one by that shall last.
    Own(String),
}

impl Place {
    /// The place of a request of `principal`: the session that `key` names, else the one that the server's scope
    /// gives it.
    ///
    /// # Errors
    /// [`ModernFault::KeyRequired`] where requests must name their session, and this one does not.
    pub(crate) fn of(
        server: &Arc<Hosted>,
        principal: &Principal,
        client: &ClientProfile,
        key: Option<&str>,
        is_loopback: bool,
    ) -> Result<Self, ModernFault> {
        let named = |principal: Principal, text: &str| {
            Self::Named(Named { server: Arc::clone(server.shared_name()), principal, text: text.into() })
        };
        let scope = match server.scope() {
            Scope::Auto if !principal.is_anonymous() || is_loopback => Scope::Principal,
            Scope::Auto => Scope::Request,
            scope => scope,
        };
        match (scope, key) {
            (Scope::Shared, _) => Ok(named(everybody(), "shared")),
            (_, Some(key)) => Ok(named(principal.clone(), key)),
            (Scope::Principal | Scope::Auto, None) => {
                Ok(named(principal.clone(), &text_of(server.name(), principal, client)))
            }
            (Scope::Request, None) => SessionId::random()
                .map(|id| Self::Own(format!("r-{}", id.expose())))
                .map_err(|error| ModernFault::NoRandomness(error.to_string())),
            (Scope::Explicit, None) => Err(ModernFault::KeyRequired),
        }
    }

    /// What the client is told, so that it can come back.
    pub(crate) fn label(&self) -> &str {
        match self {
            Self::Named(name) => &name.text,
            Self::Own(label) => label,
        }
    }
}

/// Who owns the sessions of a server, if `principal` asks.
pub(crate) fn owner(server: &Hosted, principal: &Principal) -> Principal {
    if server.scope() == Scope::Shared { everybody() } else { principal.clone() }
}

fn everybody() -> Principal {
    let (issuer, subject) = EVERYBODY;
    Principal::new(issuer, subject, None)
}

/// The name of the one session of a principal, a client application and a server. It is no secret: like any name it
/// leads only its own principal anywhere.
fn text_of(server: &str, principal: &Principal, client: &ClientProfile) -> String {
    let info = client.info.as_deref().and_then(Object::parse);
    let application = principal.client().map(str::to_owned).or_else(|| info?.string("name")).unwrap_or_default();
    let id = principal.id();
    let mut hash = Sha256::new();
    for part in [server, id.as_str(), &application] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("p-{digest}")
}
