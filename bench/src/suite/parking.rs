//! Parked calls: what they weigh, and what leads back to them.

use super::eras::OwnNodes;
use super::stages::Stage;
use crate::client::{Dialect, Endpoint, EndpointArgs};
use crate::floor::{Sealing, sealing};
use crate::report::{era_name, workload_name as name};
use crate::target::{server_url, start_node};
use crate::workload::{ParkLoad, park};

/// The only server of the node.
const ASKING: &str = "asking";

impl Stage<'_> {
    /// Parks calls, each number on a node of its own: memory that an earlier one has left would hide what the next takes.
    pub(super) async fn parking(&mut self) {
        let Some(own) = self.own else { return };
        for &(calls, sessions) in &self.plan.parked {
            if self.stop.is_set() {
                return;
            }
            if let Err(error) = self.parked(own, calls, sessions).await {
                self.leave_out(era_name::PARKING, &error);
            }
        }
        match sealing(self.plan.sealing, self.stop).await {
            Ok(Sealing { seal, open }) => {
                self.push(name::SEAL, era_name::SEALER, &seal);
                self.push(name::OPEN, era_name::SEALER, &open);
            }
            Err(error) => self.leave_out(era_name::SEALER, &error),
        }
    }

    async fn parked(&mut self, own: &OwnNodes<'_>, calls: usize, sessions: usize) -> anyhow::Result<()> {
        let node = start_node("parking", &[own.served(ASKING, "legacy", "auto")], own.places).await?;
        self.name_node(era_name::PARKING, "a modern client, a legacy server that asks", &node, own.places);
        let args = EndpointArgs::new(&server_url(&node.url, ASKING), &own.backend.ask_tool, "{}");
        let endpoint = Endpoint::resolve(&EndpointArgs { dialect: Dialect::Modern, ..args }).await?;
        let answer = own.backend.ask_answer.clone();
        let load = ParkLoad { calls, sessions, at_least: self.plan.answers, answer, pid: node.pid() };
        let sample = park(&endpoint, &load, self.stop).await;
        self.push(&name::parked(calls, sessions), era_name::PARKING, &sample);
        node.end().await;
        Ok(())
    }
}
