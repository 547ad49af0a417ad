//! `sessile check`: is the manifest right, what will each server see, and what can this host enforce?

mod speaks;
mod start;

use super::{Failure, budgets, drivers, launch, microvm, plan, reach, strict, workspaces};
use crate::cli::CheckArgs;
use crate::out;
use serde_json::{Value, json};
use sessile_manifest::{Isolation, Kind, Manifest, Server, ServerEra, Surroundings};
use sessile_packages::Store;
use sessile_runtime::{RememberedEras, remembered_eras};
use sessile_sandbox::view::HostEnv;
use sessile_sandbox::{Driver, Feature};
use start::Started;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

/// Validates, reports, and fails when something is wrong.
pub(crate) async fn check(args: &CheckArgs, verbose: bool) -> Result<ExitCode, Failure> {
    if args.schema {
        out::line(&pretty(sessile_manifest::schema()));
        return Ok(ExitCode::SUCCESS);
    }
    let file = args.config.clone().or_else(plan::found);
    let mut manifest = file.as_deref().map(plan::load).transpose()?;
    if let (Some(manifest), Some(directory)) = (&mut manifest, &args.state_dir) {
        plan::keep_state_in(manifest, directory)?;
    }
    manifest.as_ref().map_or(Ok(()), reach::check)?;
    let mut failed_starts = BTreeMap::new();
    if let (Some(manifest), true) = (&manifest, args.start) {
        match Box::pin(start::every_server(manifest, args.allow_unsandboxed, verbose)).await? {
            Started::All(problems) => failed_starts = problems,
            Started::Stopped => return Ok(ExitCode::from(130)),
        }
    }
    let driver = drivers::process_driver(None);
    let host = match &driver {
        Ok(driver) => json!(driver.capabilities()),
        Err(error) => json!({ "error": error.to_string() }),
    };
    let microvms = match (&driver, state_dir(args, manifest.as_ref())) {
        (Ok(walls), Some(state_dir)) => {
            microvm::find(&state_dir, Arc::clone(walls), None).await.map_err(|error| error.to_string())
        }
        _ => Err("nothing can hold their monitors here".to_owned()),
    };
    let mut servers: Vec<Found> = manifest
        .iter()
        .flat_map(|manifest| manifest.servers.iter().map(|server| look_at(server, &manifest.node.state_dir)))
        .collect();
    for server in &mut servers {
        // What is wrong without starting it says more than what became of it.
        server.problem = server.problem.take().or_else(|| failed_starts.remove(&server.name));
    }
    let strict: Vec<String> = manifest
        .iter()
        .flat_map(|manifest| manifest.servers.iter().filter(|server| server.strict))
        .filter_map(|server| match (&driver, server.isolation) {
            (_, Isolation::None) => strict::refusal(server, sessile_sandbox::unsandboxed_driver().capabilities()),
            (Ok(driver), Isolation::Process) => strict::refusal(server, driver.capabilities()),
            (_, Isolation::Microvm) => match &microvms {
                Ok(microvms) => strict::refusal(server, microvms.capabilities()),
                Err(_) => None, // it does not start here, and that is said
            },
            (Err(_), Isolation::Process) => None, // no server starts here, and that is said
        })
        .collect();
    let budgets = manifest.as_ref().map(budgets::of);
    let wants_microvm = |server: &Server| server.isolation == Isolation::Microvm;
    if args.json {
        let report = json!({
            "manifest": file.as_deref().map(|file| file.display().to_string()),
            "warnings": warnings(manifest.as_ref()),
            "host": host,
            "microvms": match &microvms {
                Ok(microvms) => json!(microvms.capabilities()),
                Err(error) => json!({ "error": error }),
            },
            "refused": strict,
            "budgets": budgets.map(|limits| json!({
                "sessions": limits.sessions,
                "memory": limits.memory,
                "cpu": limits.cpu,
                "queue": limits.queue,
                "queue_timeout_ms": limits.queue_timeout.as_millis() as u64,
                "template_memory": manifest.as_ref().map(|manifest| manifest.node.template_memory.bytes()),
            })),
            "egress_proxy": manifest.as_ref().and_then(|manifest| manifest.node.egress_proxy.clone()),
            "servers": servers.iter().map(Found::to_json).collect::<Vec<_>>(),
        });
        out::line(&pretty(&report));
    } else {
        match &file {
            Some(file) => out::line(&format!("{}: ok, {} server(s)", file.display(), servers.len())),
            None => out::line("no manifest here (sessile.toml or .mcp.json); checking the host only"),
        }
        for warning in warnings(manifest.as_ref()) {
            out::line(&format!("  warning: {warning}"));
        }
        servers.iter().for_each(Found::print);
        manifest.as_ref().and_then(reach::upstream_in_words).iter().for_each(|line| out::line(line));
        if let Some(limits) = &budgets {
            out::line(&format!("all sessions together: {}", budgets::in_words(limits)));
        }
        out::line("this host:");
        match &driver {
            Ok(driver) => {
                for row in &driver.capabilities().rows {
                    out::line(&format!("  {:<28} {}", row.feature.to_string(), row.strength));
                }
            }
            Err(error) => out::line(&format!("  no sandboxes: {error}")),
        }
        match microvms.as_ref().map(|microvms| microvms.capabilities().of(Feature::Machine)) {
            Ok(machine) => out::line(&format!("microVMs: {}", machine.map(ToString::to_string).unwrap_or_default())),
            Err(error) => out::line(&format!("microVMs: missing: {error}")),
        }
        if let Some(manifest) = manifest.as_ref().filter(|manifest| manifest.servers.iter().any(wants_microvm)) {
            out::line(&templates_in_words(manifest));
        }
        strict.iter().for_each(|refusal| out::line(refusal));
    }
    let no_microvm = microvms.is_err() && manifest.iter().any(|manifest| manifest.servers.iter().any(wants_microvm));
    if driver.is_err() || no_microvm || !strict.is_empty() {
        return Ok(ExitCode::from(3));
    }
    let broken = servers.iter().any(|server| server.problem.is_some());
    Ok(if broken { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// What machines start from, and what that may take.
fn templates_in_words(manifest: &Manifest) -> String {
    match manifest.node.template_memory.bytes() {
        0 => "templates of machines: none (`node.template_memory` is 0), every machine boots".to_owned(),
        _ => format!(
            "templates of machines: in {} of memory at most, beside what sessions have (`node.template_memory`)",
            manifest.node.template_memory
        ),
    }
}

/// Where what is known of this host is kept.
fn state_dir(args: &CheckArgs, manifest: Option<&Manifest>) -> Option<PathBuf> {
    let given = || std::path::absolute(args.state_dir.as_ref()?).ok();
    let standard = || Surroundings::of_process(&std::env::current_dir().ok()?).default_state_dir().ok();
    manifest.map(|manifest| manifest.node.state_dir.clone()).or_else(given).or_else(standard)
}

/// What is known of a server without starting it.
struct Found {
    name: String,
    what: String,
    explanation: Vec<String>,
    /// Which era the manifest says that it speaks. `None` for a server elsewhere.
    era: Option<ServerEra>,
    eras: Option<RememberedEras>,
    problem: Option<String>,
}

fn look_at(server: &Server, state_dir: &Path) -> Found {
    let mut found = Found {
        name: server.name.to_string(),
        what: match &server.kind {
            Kind::Url(remote) => format!("remote, {}", remote.url.as_str()),
            Kind::Package(program) => format!("package {}", program.package),
            Kind::Command(command) => format!("command {}", command.command.join(" ")),
        },
        explanation: Vec::new(),
        era: (!matches!(server.kind, Kind::Url(_))).then_some(server.era),
        eras: None,
        problem: None,
    };
    if found.era.is_some()
        && let Err(problem) = found.look_closer(server, state_dir)
    {
        found.problem = Some(problem);
    }
    found
}

impl Found {
    /// Decides what the server would start as, as a start does, but installs nothing.
    fn look_closer(&mut self, server: &Server, state_dir: &Path) -> Result<(), String> {
        let host = HostEnv::from_process();
        let mut installed = None;
        if let Some(package) = launch::package_of(server)? {
            self.what = format!("package {}, installed once and started offline", package.label());
            installed = Store::new(state_dir, host.clone()).installed(&package).map_err(|error| error.to_string())?;
            if installed.is_none() {
                self.explanation.push("not installed yet: the first start does that".to_owned());
                return Ok(());
            }
        }
        if let Some(image) = &server.image {
            self.explanation.push(format!("all of it: image {image}, built before the first start"));
            return Ok(());
        }
        let view = launch::view_of(server, installed.as_ref(), Some(state_dir), &host)?;
        self.eras = remembered_eras(state_dir, server.name.as_str(), &view);
        self.explanation = view.explanation;
        if let Some(endpoint) = &server.endpoint {
            self.explanation.push(format!("speaks HTTP inside its sandbox, at {endpoint}"));
        }
        if let Some(store) = workspaces::of(server, state_dir) {
            self.explanation.push(workspaces::explain(server, &store));
        }
        if server.isolation == Isolation::Process && !server.egress.is_empty() {
            self.explanation.push(format!("reaches, through the gate: {}", server.egress.join(", ")));
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "what": self.what,
            "sees": self.explanation,
            "eras": self.eras,
            "problem": self.problem,
        })
    }

    fn print(&self) {
        out::line(&format!("server {}: {}", self.name, self.what));
        for line in &self.explanation {
            out::line(&format!("  {line}"));
        }
        if let Some(problem) = &self.problem {
            out::line(&format!("  problem: {problem}"));
        } else if let Some(era) = self.era {
            out::line(&format!("  speaks: {}", speaks::in_words(era, self.eras.as_ref(), SystemTime::now())));
        }
    }
}

fn warnings(manifest: Option<&Manifest>) -> Vec<String> {
    manifest.iter().flat_map(|manifest| &manifest.warnings).map(ToString::to_string).collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
