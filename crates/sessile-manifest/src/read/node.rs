//! The `[node]` table.

use std::path::PathBuf;

use crate::path::KeyPath;
use crate::report::Report;
use crate::tree::Tree;
use crate::{Node, Surroundings};

/// Reads the checked table `tree`; `None` only with the reason in `report`.
pub(super) fn read_node(tree: &Tree, surroundings: &Surroundings, report: &mut Report) -> Option<Node> {
    let top = KeyPath::Top;
    let path = top.key("node");
    let node = match serde_json::from_value::<Node>(tree.to_json()) {
        Ok(node) => node,
        // The check leaves nothing that this could find, unless schema and types disagree.
        Err(error) => {
            report.error(&tree.span, &path, error.to_string());
            return None;
        }
    };
    let mut settled = |key: &str, resolved: Result<PathBuf, String>| {
        let span = tree.get(key).map_or(0..0, |tree| tree.span.clone());
        resolved.map_err(|message| report.error(&span, &path.key(key), message)).ok()
    };
    let state_dir = match tree.get("state_dir") {
        Some(_) => surroundings.resolve(&node.state_dir),
        None => surroundings.default_state_dir(),
    };
    let state_dir = settled("state_dir", state_dir);
    let api_keys = match &node.api_keys {
        Some(file) => Some(settled("api_keys", surroundings.resolve(file))?),
        None => None,
    };
    let egress_proxy_credentials = match &node.egress_proxy_credentials {
        Some(file) => Some(settled("egress_proxy_credentials", surroundings.resolve(file))?),
        None => None,
    };
    if let (Some(entry), None) = (tree.entry("egress_proxy_credentials"), &node.egress_proxy) {
        let message = "goes with `egress_proxy`; write that, or remove this";
        report.error(&entry.key_span, &path.key("egress_proxy_credentials"), message);
    }
    Some(Node { state_dir: state_dir?, api_keys, egress_proxy_credentials, ..node })
}
