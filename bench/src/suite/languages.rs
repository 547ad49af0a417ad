//! Servers in other languages: what a sandbox adds to their start, and what a pool takes away.

use std::time::Duration;

use super::eras::OwnNodes;
use super::stages::Stage;
use crate::client::{CallTemplate, Endpoint, EndpointArgs, IdStyle};
use crate::floor::{PipeBackend, pipe_new_session};
use crate::measure::say;
use crate::report::{floor_name, workload_name as name};
use crate::target::{Kind, Language, Served, server_url, start_node};
use crate::workload::{NewSessionLoad, new_session};

/// The servers of the node: the same one, without a pool and with one.
const COLD: &str = "cold";
const WARM: &str = "warm";

/// Sandboxes held ready.
const READY: u32 = 4;

/// The longest that one of these servers may take in all sessions of a round.
const AT_MOST: Duration = Duration::from_secs(120);

impl Stage<'_> {
    /// New sessions of each server: by hand, in a sandbox, in one that was started ahead.
    pub(super) async fn languages(&mut self) {
        let Some(own) = self.own else { return };
        for language in self.languages {
            if self.stop.is_set() {
                return;
            }
            if let Err(error) = self.language(own, language).await {
                self.leave_out(&language.name, &error);
            }
        }
    }

    async fn language(&mut self, own: &OwnNodes<'_>, language: &Language) -> anyhow::Result<()> {
        let workload = name::new_session_of(&language.name);
        let tool_args = serde_json::to_string(&language.tool_args)?;
        let call = CallTemplate::new(&language.tool, &tool_args, IdStyle::Number)?;
        let pipe = PipeBackend { command: language.command.clone(), call };
        let count = self.plan.language_sessions;
        let load = NewSessionLoad { count, pause: Duration::from_millis(100), at_most: AT_MOST };
        let by_hand = pipe_new_session(&pipe, &load, self.stop).await;
        self.push(&workload, floor_name::BY_HAND, &by_hand);
        let took = by_hand.latencies.summary().map_or(1.0, |latency| latency.p50_us / 1e6);

        let served = |name, warm| Served {
            command: language.command.clone(),
            read_only: language.read_only.clone(),
            warm,
            ..Served::new(name)
        };
        let node = start_node("language", &[served(COLD, None), served(WARM, Some(READY))], own.places).await?;
        self.name_node(&format!("Sessile, {}", language.name), "cold, and from a pool", &node, own.places);
        // A pool is refilled one after another; a session that comes before would be cold.
        let refill = Duration::from_secs_f64(2.0 * took) + Duration::from_millis(300);
        say(format_args!("  {}: the pool fills", language.name));
        self.stop.sleep(refill * READY).await;
        for (server, target, pause) in [(COLD, Kind::Sessile, load.pause), (WARM, Kind::SessilePool, refill)] {
            let args = EndpointArgs::new(&server_url(&node.url, server), &language.tool, &tool_args);
            let endpoint = Endpoint::resolve(&args).await?;
            let sample = new_session(&endpoint, &NewSessionLoad { pause, ..load.clone() }, self.stop).await;
            self.push(&workload, target.name(), &sample);
        }
        node.end().await;
        Ok(())
    }
}
