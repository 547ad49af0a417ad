//! What the era bridge adds: each pair of eras beside the legacy one, and clients without a session.

use std::sync::Arc;

use super::stages::Stage;
use crate::client::{Ask, Dialect, Endpoint, EndpointArgs};
use crate::report::{Skipped, TargetInfo, era_name, workload_name as name};
use crate::target::{Backend, Eras, Kind, Places, Running, Served, server_url, start_node};
use crate::workload::{CallLoad, ChurnLoad, call, churn};

/// The servers of the node: one of each era, and one whose modern requests each have a sandbox of their own.
const LEGACY: &str = "legacy";
const MODERN: &str = "modern";
const REQUEST: &str = "request";

/// Who asks whom.
const CELLS: [(&str, Dialect, &str); 4] = [
    (era_name::LEGACY_LEGACY, Dialect::Legacy, LEGACY),
    (era_name::MODERN_MODERN, Dialect::Modern, MODERN),
    (era_name::MODERN_LEGACY, Dialect::Modern, LEGACY),
    (era_name::LEGACY_MODERN, Dialect::Legacy, MODERN),
];

/// What stages need that start nodes for themselves.
pub(super) struct OwnNodes<'a> {
    pub(super) backend: &'a Backend,
    pub(super) eras: &'a Eras,
    pub(super) places: &'a Places,
}

impl OwnNodes<'_> {
    /// The backend as it is served by a node.
    pub(super) fn served(&self, name: &'static str, era: &'static str, scope: &'static str) -> Served {
        let arguments = if era == MODERN { &self.eras.modern } else { &self.eras.legacy };
        Served { command: [self.backend.command.as_slice(), arguments].concat(), era, scope, ..Served::new(name) }
    }

    /// Where `ask` goes, in a dialect.
    pub(super) async fn endpoint(
        &self,
        node: &Running,
        server: &str,
        dialect: Dialect,
        ask: Ask,
    ) -> anyhow::Result<Arc<Endpoint>> {
        let url = server_url(&node.url, server);
        let args = EndpointArgs::new(&url, &self.backend.tool, &self.backend.tool_args);
        Endpoint::resolve(&EndpointArgs { dialect, ask, ..args }).await
    }
}

impl Stage<'_> {
    /// Measures on a node that is new each round and ends with it, so that no session is left for the next one.
    pub(super) async fn eras(&mut self) {
        let Some(own) = self.own else { return };
        let served = [
            own.served(LEGACY, LEGACY, "auto"),
            own.served(MODERN, MODERN, "auto"),
            own.served(REQUEST, LEGACY, "request"),
        ];
        match start_node("eras", &served, own.places).await {
            Ok(node) => {
                self.name_node(era_name::NODE, "both eras, a sandbox per session", &node, own.places);
                if let Err(error) = self.on_node(own, &node).await {
                    self.leave_out(era_name::NODE, &error);
                }
                node.end().await;
            }
            Err(error) => self.leave_out(era_name::NODE, &error),
        }
    }

    async fn on_node(&mut self, own: &OwnNodes<'_>, node: &Running) -> anyhow::Result<()> {
        for clients in self.plan.era_clients {
            for (cell, dialect, server) in CELLS {
                let endpoint = own.endpoint(node, server, dialect, Ask::Call).await?;
                self.warm(&name::calls(clients), cell, &endpoint, clients).await;
            }
        }
        for clients in self.plan.era_clients {
            for ask in [Ask::ListTools, Ask::Discover] {
                let endpoint = own.endpoint(node, REQUEST, Dialect::Stateless, ask).await?;
                self.warm(&name::asks(ask.method(), clients), era_name::STATELESS, &endpoint, clients).await;
            }
        }
        let rows =
            [(era_name::LEGACY_LEGACY, Dialect::Legacy, LEGACY), (era_name::STATELESS, Dialect::Stateless, REQUEST)];
        for (target, dialect, server) in rows {
            let endpoint = own.endpoint(node, server, dialect, Ask::Call).await?;
            let (concurrency, duration) = (self.plan.churn_concurrency, self.plan.churn);
            let load = ChurnLoad { concurrency, duration, per_second: None, sessions: None };
            let sample = churn(&endpoint, &load, self.stop).await;
            self.push(name::CHURN, target, &sample);
        }
        Ok(())
    }

    async fn warm(&mut self, workload: &str, target: &str, endpoint: &Arc<Endpoint>, clients: usize) {
        if self.stop.is_set() {
            return;
        }
        let (warmup, duration) = (self.plan.warmup, self.plan.call);
        let load = CallLoad { clients, sessions: clients, warmup, duration, requests: None };
        let sample = call(endpoint, &load, self.stop).await;
        self.push(workload, target, &sample);
    }

    /// Notes how a node was started, once.
    pub(super) fn name_node(&mut self, name: &str, note: &str, node: &Running, places: &Places) {
        if self.report.targets.iter().any(|target| target.name == name) {
            return;
        }
        self.report.targets.push(TargetInfo {
            name: name.to_owned(),
            note: note.to_owned(),
            command: super::crew::portable(&node.command, &places.scratch),
            starts_processes: Kind::Sessile.starts_processes(),
            is_peer: false,
        });
    }

    /// Notes what could not be measured, once.
    pub(super) fn leave_out(&mut self, name: &str, error: &anyhow::Error) {
        let skipped = Skipped { name: name.to_owned(), reason: format!("{error:#}") };
        if !self.report.skipped.contains(&skipped) {
            self.report.skipped.push(skipped);
        }
    }
}
