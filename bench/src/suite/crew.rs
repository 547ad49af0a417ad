//! The targets of a run, all up at once.

use std::path::Path;
use std::sync::Arc;

use crate::client::{Client, Endpoint};
use crate::measure::{Stop, say};
use crate::report::{Report, Skipped, TargetInfo};
use crate::target::{Backend, Kind, Places, Running, start};

/// A target that answered a call.
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) running: Running,
}

/// The targets that take part.
pub(super) struct Crew {
    pub(super) targets: Vec<Target>,
}

/// Reads `name: reason`.
pub(super) fn skipped(text: &str) -> Skipped {
    let (name, reason) = text.split_once(':').unwrap_or((text, "not available"));
    Skipped { name: name.trim().to_owned(), reason: reason.trim().to_owned() }
}

/// `text` without the folders of this machine, so that the page reads the same everywhere.
pub(super) fn portable(text: &str, scratch: &Path) -> String {
    let text = text.replace(&scratch.display().to_string(), "SCRATCH");
    match std::env::current_dir() {
        Ok(here) => text.replace(&format!("{}/", here.display()), ""),
        Err(_) => text,
    }
}

impl Crew {
    /// Starts what can be started; the rest goes into the report with the reason.
    pub(super) async fn start(
        args: &super::SuiteArgs,
        backend: &Backend,
        scratch: &Path,
        stop: &Stop,
        report: &mut Report,
    ) -> Self {
        let places = args.places(scratch);
        let mut targets = Vec::new();
        for kind in Kind::ALL {
            let known = report.skipped.iter().any(|skipped| skipped.name == kind.name());
            if stop.is_set() || known || !args.measures(kind) {
                continue;
            }
            match one(kind, backend, &places).await {
                Ok(target) => {
                    say(format_args!("{}: up at {}", kind.name(), target.running.url));
                    report.targets.push(TargetInfo {
                        name: kind.name().to_owned(),
                        note: kind.note().to_owned(),
                        command: portable(&target.running.command, scratch),
                        starts_processes: kind.starts_processes(),
                        is_peer: kind.is_peer(),
                    });
                    targets.push(target);
                }
                Err(error) => {
                    let reason = portable(&format!("{error:#}").replace('\n', " "), scratch);
                    say(format_args!("{}: left out: {reason}", kind.name()));
                    report.skipped.push(Skipped { name: kind.name().to_owned(), reason });
                }
            }
        }
        Self { targets }
    }

    /// Ends all of them.
    pub(super) async fn end(&mut self) {
        for target in self.targets.drain(..) {
            target.running.end().await;
        }
    }
}

/// Starts one and makes one call through it: a target that cannot do that is left out of the tables.
async fn one(kind: Kind, backend: &Backend, places: &Places) -> anyhow::Result<Target> {
    let running = start(kind, backend, places).await?;
    let endpoint = Endpoint::resolve(&kind.endpoint(&running.url, backend)).await?;
    let mut client = Client::new(&endpoint, 1);
    let session = client.open().await?;
    client.call(&session).await?;
    client.delete(session).await?;
    Ok(Target { kind, endpoint, running })
}
