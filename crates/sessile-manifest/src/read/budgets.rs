//! Whether one session of each server fits into what the node has.

use crate::path::KeyPath;
use crate::report::Report;
use crate::tree::{Entry, Tree};
use crate::{Kind, Node, Server};

/// Tells of every server of which no session could ever start. `tree` is the file as it was written.
pub(super) fn every_server_fits(node: &Node, servers: &[Server], tree: &Tree, report: &mut Report) {
    for server in servers.iter().filter(|server| !matches!(server.kind, Kind::Url(_))) {
        let limits = &server.limits;
        if let Some(most) = node.memory.filter(|most| limits.memory > *most) {
            tell("memory", &most.to_string(), server, &limits.memory.to_string(), tree, report);
        }
        if let Some(most) = node.cpu.filter(|most| limits.cpu > *most) {
            tell("cpu", &most.to_string(), server, &limits.cpu.to_string(), tree, report);
        }
    }
}

/// The mistake is where the limit was written, else where the budget was.
fn tell(key: &str, most: &str, server: &Server, limit: &str, tree: &Tree, report: &mut Report) {
    let name = server.name.as_str();
    let (top, servers, node) = (KeyPath::Top, KeyPath::Top.key("servers"), KeyPath::Top.key("node"));
    let own = written_limit(tree.get("servers").and_then(|servers| servers.get(name)), key);
    let defaults = written_limit(tree.get("defaults"), key);
    let less =
        format!("more than `node.{key}`, which is {most}: no session could ever start; lower this, or raise that");
    let at = |entry: &Entry, path: &KeyPath<'_>, report: &mut Report, message: &str| {
        report.error(&entry.tree.span, &path.key(key), message);
    };
    if let Some(entry) = own {
        at(entry, &servers.key(name).key("limits"), report, &less);
    } else if let Some(entry) = defaults {
        at(entry, &top.key("defaults").key("limits"), report, &less);
    } else if let Some(entry) = tree.get("node").and_then(|node| node.entry(key)) {
        let message = format!(
            "less than one session of server `{name}` may have, which is {limit}: raise this, or lower \
             `servers.{name}.limits.{key}`"
        );
        at(entry, &node, report, &message);
    }
}

fn written_limit<'t>(table: Option<&'t Tree>, key: &str) -> Option<&'t Entry> {
    table?.get("limits")?.entry(key)
}
