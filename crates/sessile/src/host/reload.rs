//! Reading the manifest again while the node runs: what servers may reach changes at once, for sessions that run as well; all else
//! stays as it was until a restart.

use super::plan::{self, Plan};
use super::{Failure, reach};
use crate::out;
use sessile_egress::AllowList;
use sessile_manifest::{Manifest, ServerName};
use sessile_runtime::Node;

/// Takes over the lists of the file that `plan` was read from. If anything in it is wrong, all of them stay.
pub(super) fn lists(plan: &Plan, node: &Node) {
    let Some(args) = &plan.args else { return }; // there is no file behind `sessile run`
    let read = plan::of_serve(args.clone()).and_then(|again| Ok((lists_of(&again.manifest)?, again.manifest)));
    let (lists, manifest) = match read {
        Ok(read) => read,
        Err(failure) => {
            out::note(&format!("the manifest is not read again, what servers may reach stays as it was: {failure}"));
            return;
        }
    };
    for (name, list, entries) in lists {
        let Some(server) = node.server(name.as_str()) else { continue };
        // Who was started without a gate has no way out that could be opened.
        let whose = if server.reaches_anything() { "also for sessions that run" } else { "for sessions from now on" };
        if server.allow(list) {
            let now = if entries.is_empty() { "nothing".to_owned() } else { entries.join(", ") };
            out::note(&format!("server {name}: egress.allow has changed, {whose}: {now}"));
        }
    }
    if differs_otherwise(&plan.manifest, manifest) {
        out::note("the manifest has changed beyond egress.allow: that is used after a restart");
    }
}

type Listed = (ServerName, AllowList, Vec<String>);

fn lists_of(manifest: &Manifest) -> Result<Vec<Listed>, Failure> {
    reach::check(manifest)?;
    let lists = manifest.servers.iter().map(|server| {
        let list = reach::list_of(server).map_err(Failure::Usage)?;
        Ok((server.name.clone(), list, server.egress.clone()))
    });
    lists.collect()
}

fn differs_otherwise(then: &Manifest, mut now: Manifest) -> bool {
    for server in &mut now.servers {
        if let Some(before) = then.server(server.name.as_str()) {
            server.egress.clone_from(&before.egress);
        }
    }
    (&then.node, &then.servers) != (&now.node, &now.servers)
}
