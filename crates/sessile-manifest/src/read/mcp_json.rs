//! `.mcp.json` and its like, as other tools write them.

use std::collections::BTreeSet;

use super::mcp_entry::read_entry;
use super::node::read_node;
use crate::check::hide;
use crate::path::KeyPath;
use crate::report::Report;
use crate::tree::{Entry, Tree, Value};
use crate::{Manifest, Server, ServerName, Surroundings};

/// What tools call the table of servers.
const TABLES: [&str; 2] = ["mcpServers", "servers"];

/// Reads a whole `.mcp.json`; `None` only with the reason in `report`.
pub(crate) fn read_mcp_json(tree: &Tree, surroundings: &Surroundings, report: &mut Report) -> Option<Manifest> {
    // Tokens stand anywhere in these files.
    hide(tree, report);
    let Some(table) = TABLES.iter().find_map(|name| tree.entry(name)) else {
        let message = "no servers; expected an object `mcpServers` with one member per server";
        report.error(&tree.span, &KeyPath::Top, message);
        return None;
    };
    for other in tree.entries().iter().filter(|entry| entry.key != table.key) {
        report.warning(&other.key_span, &KeyPath::Top.key(&other.key), "not used by Sessile");
    }
    let top = KeyPath::Top;
    let path = top.key(&table.key);
    if !matches!(table.tree.value, Value::Table(_)) {
        let message = format!("expected an object with one member per server, found {}", table.tree.noun());
        report.error(&table.tree.span, &path, message);
        return None;
    }
    let mut names = Names::of(table.tree.entries());
    let mut servers = Vec::new();
    for entry in table.tree.entries() {
        let here = path.key(&entry.key);
        let Some(kind) = read_entry(entry, &here, surroundings, report) else {
            continue;
        };
        let name = names.name(entry, &here, report);
        servers.push(Server::new(name, kind));
    }
    if servers.is_empty() && report.is_clean() {
        report.error(&table.key_span, &path, "no server is left to host; add or enable one");
    }
    let nothing = Tree { span: 0..0, value: Value::Table(Vec::new()) };
    let node = read_node(&nothing, surroundings, report)?;
    report.is_clean().then(|| Manifest { node, servers, warnings: Vec::new() })
}

/// The names given so far. Names that are right as they stand are kept for their servers, whatever the
/// order of the file.
struct Names(BTreeSet<ServerName>);

impl Names {
    fn of(entries: &[Entry]) -> Self {
        Self(entries.iter().filter_map(|entry| entry.key.parse().ok()).collect())
    }

    fn name(&mut self, entry: &Entry, path: &KeyPath<'_>, report: &mut Report) -> ServerName {
        if let Ok(name) = entry.key.parse() {
            return name;
        }
        let slug = ServerName::slug(&entry.key);
        let mut name = slug.clone();
        let mut number = 2;
        while self.0.contains(&name) {
            name = slug.numbered(number);
            number += 1;
        }
        self.0.insert(name.clone());
        report.warning(&entry.key_span, path, format!("served as `{name}`, since names are parts of URLs"));
        name
    }
}
