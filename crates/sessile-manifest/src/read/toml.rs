//! `sessile.toml` as a whole.

use super::budgets::every_server_fits;
use super::node::read_node;
use super::server::{Place, read_server};
use crate::check::{check, hide};
use crate::path::KeyPath;
use crate::report::Report;
use crate::schema::schema;
use crate::tree::{Tree, Value};
use crate::{Manifest, Node, Server, Surroundings, Workspace};

/// Keys below which every text may be a secret.
const SECRET_KEYS: [&str; 6] = ["args", "command", "egress_proxy", "env", "headers", "url"];

/// Reads a whole `sessile.toml`; `None` only with the reason in `report`.
pub(crate) fn read_toml(mut tree: Tree, surroundings: &Surroundings, report: &mut Report) -> Option<Manifest> {
    hide_secrets(&tree, report);
    let written = tree.clone();
    check(&mut tree, schema(), &KeyPath::Top, report);
    let nothing = Tree { span: 0..0, value: Value::Table(Vec::new()) };
    let node = read_node(tree.get("node").unwrap_or(&nothing), surroundings, report);
    let defaults = tree.get("defaults").unwrap_or(&nothing);
    let entries = tree.get("servers").map(Tree::entries).unwrap_or_default();
    if entries.is_empty() && report.is_clean() {
        let message = "no server; add a table [servers.NAME] with `command`, `package` or `url`";
        report.error(&(0..0), &KeyPath::Top.key("servers"), message);
    }
    let mut servers = Vec::new();
    for entry in entries {
        let own = written.get("servers").and_then(|all| all.get(&entry.key));
        let place = Place {
            name: &entry.key,
            span: &entry.key_span,
            is_whole: is_whole(own, &entry.tree) && is_whole(written.get("defaults"), defaults),
        };
        servers.extend(read_server(&place, &entry.tree, defaults, surroundings, report));
    }
    let node = node?;
    default_server_exists(&node, &written, report);
    every_server_fits(&node, &servers, &written, report);
    warn_of_a_common_workspace(&node, &servers, &written, report);
    report.is_clean().then(|| Manifest { node, servers, warnings: Vec::new() })
}

/// Whether the check left every key of the table.
fn is_whole(written: Option<&Tree>, checked: &Tree) -> bool {
    written.is_none_or(|written| written.entries().len() == checked.entries().len())
}

fn hide_secrets(tree: &Tree, report: &mut Report) {
    match &tree.value {
        Value::Array(elements) => elements.iter().for_each(|element| hide_secrets(element, report)),
        Value::Table(entries) => {
            for entry in entries {
                if SECRET_KEYS.contains(&entry.key.as_str()) {
                    hide(&entry.tree, report);
                } else {
                    hide_secrets(&entry.tree, report);
                }
            }
        }
        _ => {}
    }
}

/// Callers without credentials are one principal.
fn warn_of_a_common_workspace(node: &Node, servers: &[Server], tree: &Tree, report: &mut Report) {
    let keeps = |server: &&Server| server.files.workspace == Workspace::Principal;
    let entry = tree.get("node").and_then(|node| node.entry("allow_anonymous"));
    if let (true, Some(entry), Some(server)) = (node.allow_anonymous, entry, servers.iter().find(keeps)) {
        let message = format!(
            "callers without credentials are one principal: all of them share one workspace of server `{}`; give them keys \
             (`node.api_keys`), or write another `files.workspace`",
            server.name
        );
        let path = KeyPath::Top;
        report.warning(&entry.tree.span, &path.key("node").key("allow_anonymous"), message);
    }
}

fn default_server_exists(node: &Node, tree: &Tree, report: &mut Report) {
    let named = tree.get("node").and_then(|node| node.entry("default_server"));
    let (Some(named), Some(name)) = (named, &node.default_server) else {
        return;
    };
    if tree.get("servers").is_none_or(|servers| servers.get(name.as_str()).is_none()) {
        let path = KeyPath::Top;
        let path = path.key("node");
        let message = "names no server of this file; add it, or name one that is there";
        report.error(&named.tree.span, &path.key("default_server"), message);
    }
}
