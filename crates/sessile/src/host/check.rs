//! `sessile check`: is the manifest right, what will each server see, and what can this host enforce?

use super::{Failure, drivers, plan};
use crate::cli::CheckArgs;
use crate::out;
use serde_json::{Value, json};
use sessile_manifest::{Kind, Manifest, Server};
use sessile_sandbox::view::{HostEnv, ViewRequest};
use std::process::ExitCode;

/// Validates, reports, and fails when something is wrong.
pub(crate) fn check(args: &CheckArgs) -> Result<ExitCode, Failure> {
    if args.schema {
        out::line(&pretty(sessile_manifest::schema()));
        return Ok(ExitCode::SUCCESS);
    }
    let file = args.config.clone().or_else(plan::found);
    let manifest = file.as_deref().map(plan::load).transpose()?;
    let driver = drivers::process_driver();
    let host = match &driver {
        Ok(driver) => json!(driver.capabilities()),
        Err(error) => json!({ "error": error.to_string() }),
    };
    let servers: Vec<Found> = manifest.iter().flat_map(|manifest| &manifest.servers).map(look_at).collect();
    if args.json {
        let report = json!({
            "manifest": file.as_deref().map(|file| file.display().to_string()),
            "warnings": warnings(manifest.as_ref()),
            "host": host,
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
        out::line("this host:");
        match &driver {
            Ok(driver) => {
                for row in &driver.capabilities().rows {
                    out::line(&format!("  {:<28} {}", row.feature.to_string(), row.strength));
                }
            }
            Err(error) => out::line(&format!("  no sandboxes: {error}")),
        }
    }
    if driver.is_err() {
        return Ok(ExitCode::from(3));
    }
    let broken = servers.iter().any(|server| server.problem.is_some());
    Ok(if broken { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// What is known of a server without starting it.
struct Found {
    name: String,
    what: String,
    explanation: Vec<String>,
    problem: Option<String>,
}

fn look_at(server: &Server) -> Found {
    let name = server.name.to_string();
    let (what, request) = match &server.kind {
        Kind::Url(remote) => (format!("remote, {}", remote.url.as_str()), None),
        Kind::Package(program) => (format!("package {}", program.package), None),
        Kind::Command(command) => match sessile_packages::recognise(&command.command, command.cwd.as_deref()) {
            Ok(Some(package)) => (format!("package {}, installed once and started offline", package.label()), None),
            Ok(None) => {
                let request = ViewRequest {
                    command: command.command.clone(),
                    cwd: command.cwd.clone(),
                    host: HostEnv::from_process(),
                    read: server.files.read_only.clone(),
                    write: server.files.read_write.clone(),
                    ..ViewRequest::default()
                };
                (format!("command {}", command.command.join(" ")), Some(request))
            }
            Err(error) => {
                let problem = Some(error.to_string());
                return Found { name, what: command.command.join(" "), explanation: Vec::new(), problem };
            }
        },
    };
    match request.map(|request| sessile_sandbox::view::resolve(&request)) {
        Some(Ok(view)) => Found { name, what, explanation: view.explanation, problem: None },
        Some(Err(error)) => Found { name, what, explanation: Vec::new(), problem: Some(error.to_string()) },
        None => Found { name, what, explanation: Vec::new(), problem: None },
    }
}

impl Found {
    fn to_json(&self) -> Value {
        json!({ "name": self.name, "what": self.what, "sees": self.explanation, "problem": self.problem })
    }

    fn print(&self) {
        out::line(&format!("server {}: {}", self.name, self.what));
        for line in &self.explanation {
            out::line(&format!("  {line}"));
        }
        if let Some(problem) = &self.problem {
            out::line(&format!("  problem: {problem}"));
        }
    }
}

fn warnings(manifest: Option<&Manifest>) -> Vec<String> {
    manifest.iter().flat_map(|manifest| &manifest.warnings).map(ToString::to_string).collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
