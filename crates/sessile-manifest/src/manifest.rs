//! The manifest as the rest of Sessile sees it.

use crate::{Node, Problem, Server};

/// What a node hosts, fully resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// What concerns the node and not one server.
    pub node: Node,
    /// The servers in the order of the file; at least one, no two of one name.
    pub servers: Vec<Server>,
    /// What the operator should know at start: keys of `.mcp.json` that are not used (in `sessile.toml`
    /// they are errors), and settings that are right only in some cases, such as [`Scope::Shared`].
    ///
    /// [`Scope::Shared`]: crate::Scope::Shared
    pub warnings: Vec<Problem>,
}

impl Manifest {
    /// The server of that name.
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|server| server.name.as_str() == name)
    }

    /// The server that `/mcp` leads to: the one that `node.default_server` names, else the only one.
    pub fn default_server(&self) -> Option<&Server> {
        match (&self.node.default_server, self.servers.as_slice()) {
            (Some(name), _) => self.server(name.as_str()),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}
