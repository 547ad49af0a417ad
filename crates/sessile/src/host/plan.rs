//! What is to be hosted, from the command line or a manifest.

use super::Failure;
use crate::cli::{Era, Isolation, NodeArgs, RunArgs, Scope, ServeArgs};
use sessile_manifest::{Manifest, Pool, ServerEra, ServerName, Single, Surroundings, Values};
use sha2::{Digest, Sha256};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// A manifest, and what the command line says beyond it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) manifest: Manifest,
    /// `run`: one server, at `/mcp`.
    pub(crate) single: bool,
    pub(crate) allow_unsandboxed: bool,
    pub(crate) warnings: Vec<String>,
    /// What this node is among those that use the same state directory: the same whenever it is started again.
    pub(crate) lineage: String,
    /// How to read it again, where it came from a file.
    pub(crate) args: Option<ServeArgs>,
}

/// The plan of `sessile run`.
pub(crate) fn of_run(args: RunArgs) -> Result<Plan, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::Failed(format!("the working directory cannot be read: {error}")))?;
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = Single {
        isolation: match args.isolation {
            Isolation::Process => sessile_manifest::Isolation::Process,
            Isolation::Microvm => sessile_manifest::Isolation::Microvm,
            Isolation::None => sessile_manifest::Isolation::None,
        },
        scope: Some(match args.scope {
            Scope::Auto => sessile_manifest::Scope::Auto,
            Scope::Principal => sessile_manifest::Scope::Principal,
            Scope::Explicit => sessile_manifest::Scope::Explicit,
            Scope::Request => sessile_manifest::Scope::Request,
            Scope::Shared => sessile_manifest::Scope::Shared,
        }),
        handles: args.handles,
        era: match args.era {
            Era::Auto => ServerEra::Auto,
            Era::Legacy => ServerEra::Legacy,
            Era::Modern => ServerEra::Modern,
        },
        port: args.port,
        path: args.path,
        listen: args.listen,
        // Whoever chooses a port for clients runs several nodes: they must not fight over the other one.
        admin: args.admin.or(args.listen.map(|_| any_port)),
        read_only: args.read,
        read_write: args.write,
        egress: args.allow,
        env: args.env.into_iter().collect::<Values>(),
        cwd: Some(here.clone()),
        pool: Pool { warm: args.warm, ..Pool::default() },
        limits: limits_of_run(),
        ..Single::default()
    };
    let name = args.name.unwrap_or_else(|| name_of(&args.command));
    let lineage = lineage(&["run", &name, &here.to_string_lossy()], &args.command);
    let name = name.parse::<ServerName>().map_err(|error| Failure::Usage(format!("--name {name:?}: {error}")))?;
    let mut manifest = Manifest::single(name, args.command, options, &Surroundings::of_process(&here))
        .map_err(|error| Failure::Usage(error.to_string()))?;
    overrule(&mut manifest, &args.node)?;
    let warnings = warnings_of(&manifest);
    Ok(Plan { manifest, single: true, allow_unsandboxed: args.node.allow_unsandboxed, warnings, lineage, args: None })
}

/// The plan of `sessile serve`.
pub(crate) fn of_serve(args: ServeArgs) -> Result<Plan, Failure> {
    let file = match args.config.clone() {
        Some(file) => file,
        None => found().ok_or_else(|| {
            Failure::Usage("there is no sessile.toml and no .mcp.json here; name a manifest with -c FILE".to_owned())
        })?,
    };
    let mut manifest = load(&file)?;
    if let Some(listen) = args.listen {
        manifest.node.listen = listen;
    }
    if let Some(admin) = args.admin {
        manifest.node.admin = admin;
    }
    overrule(&mut manifest, &args.node)?;
    let warnings = warnings_of(&manifest);
    let file = file.canonicalize().unwrap_or(file);
    let lineage = lineage(&["serve", &file.to_string_lossy()], &[]);
    let allow_unsandboxed = args.node.allow_unsandboxed;
    Ok(Plan { manifest, single: false, allow_unsandboxed, warnings, lineage, args: Some(args) })
}

/// A name, safe as a file's, for what a node was started with.
fn lineage(words: &[&str], command: &[String]) -> String {
    let mut hash = Sha256::new();
    for word in words.iter().copied().chain(command.iter().map(String::as_str)) {
        hash.update((word.len() as u64).to_be_bytes());
        hash.update(word);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn warnings_of(manifest: &Manifest) -> Vec<String> {
    manifest.warnings.iter().map(ToString::to_string).collect()
}

/// Reads a manifest; every mistake in it is in the message.
pub(crate) fn load(file: &Path) -> Result<Manifest, Failure> {
    sessile_manifest::load(file).map_err(|errors| Failure::Usage(errors.to_string()))
}

/// The manifest of this directory, if there is one.
pub(crate) fn found() -> Option<PathBuf> {
    ["sessile.toml", ".mcp.json"].into_iter().map(PathBuf::from).find(|file| file.is_file())
}

fn overrule(manifest: &mut Manifest, args: &NodeArgs) -> Result<(), Failure> {
    if let Some(keys) = &args.api_keys {
        manifest.node.api_keys = Some(keys.clone());
    }
    if let Some(directory) = &args.state_dir {
        keep_state_in(manifest, directory)?;
    }
    Ok(())
}

/// What `--state-dir` says, instead of `node.state_dir`.
pub(crate) fn keep_state_in(manifest: &mut Manifest, directory: &Path) -> Result<(), Failure> {
    manifest.node.state_dir = std::path::absolute(directory)
        .map_err(|error| Failure::Usage(format!("--state-dir {}: {error}", directory.display())))?;
    Ok(())
}

/// One server for one user: the user may have all of its sessions.
fn limits_of_run() -> sessile_manifest::Limits {
    let limits = sessile_manifest::Limits::default();
    sessile_manifest::Limits { sessions_per_principal: limits.sessions, ..limits }
}

/// A name for a command line: its program's, or its package's.
fn name_of(command: &[String]) -> String {
    let launchers = ["npx", "uvx", "pipx", "node", "python", "python3", "bash", "sh", "uv", "deno", "bun"];
    let program = |word: &String| Path::new(word).file_name().map(|name| name.to_string_lossy().into_owned());
    let mut words = command.iter().filter(|word| !word.starts_with('-')).filter_map(program);
    let first = words.next().unwrap_or_default();
    let name = if launchers.contains(&first.as_str()) {
        words.find(|word| !matches!(word.as_str(), "run" | "tool" | "exec")).unwrap_or(first)
    } else {
        first
    };
    let stem = name.split(['@', '=']).find(|part| !part.is_empty()).unwrap_or("server");
    let stem = stem.rsplit_once('.').map_or(stem, |(before, _)| before);
    let plain: String = stem
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
        .take(40)
        .collect();
    let plain = plain.trim_matches(['-', '_']);
    if plain.is_empty() { "server".to_owned() } else { plain.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use sessile_manifest::Scope as ScopeOf;

    /// The plan of `sessile run` with these options.
    fn plan_of(options: &[&str]) -> Plan {
        let words = ["sessile", "run"].iter().chain(options).chain(&["--", "server"]);
        match Cli::try_parse_from(words).unwrap().command {
            Command::Run(args) => of_run(args).unwrap(),
            other => panic!("not run: {other:?}"),
        }
    }

    #[test]
    fn run_says_which_sessions_and_which_era() {
        let said = |options: &[&str]| {
            let plan = plan_of(options);
            let server = plan.manifest.servers.first().unwrap().clone();
            (server.scope, server.handles, server.era)
        };
        assert_eq!(said(&[]), (ScopeOf::Auto, false, ServerEra::Auto));
        assert_eq!(
            said(&["--scope", "explicit", "--handles", "--era", "legacy"]),
            (ScopeOf::Explicit, true, ServerEra::Legacy)
        );
        let scopes = [
            ("auto", ScopeOf::Auto),
            ("principal", ScopeOf::Principal),
            ("request", ScopeOf::Request),
            ("shared", ScopeOf::Shared),
        ];
        for (word, scope) in scopes {
            assert_eq!(said(&["--scope", word]).0, scope);
        }
        for (word, era) in [("auto", ServerEra::Auto), ("modern", ServerEra::Modern)] {
            assert_eq!(said(&["--era", word]).2, era);
        }
    }

    #[test]
    fn run_refuses_scopes_and_eras_that_there_are_not() {
        for option in [["--scope", "session"], ["--era", "2026-07-28"]] {
            let words = ["sessile", "run"].iter().chain(&option).chain(&["--", "server"]);
            let error = Cli::try_parse_from(words).unwrap_err().to_string();
            assert!(error.contains(option[0]) && error.contains("auto"), "{error}");
        }
    }

    #[test]
    fn run_warns_of_a_session_for_everybody() {
        assert_eq!(plan_of(&[]).warnings, Vec::<String>::new());
        let warnings = plan_of(&["--scope", "shared"]).warnings;
        assert!(warnings.len() == 1 && warnings[0].contains("all callers share one sandbox"), "{warnings:?}");
    }

    #[test]
    fn a_command_line_gets_a_name_people_recognise() {
        let name = |line: &str| name_of(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(name("/opt/bin/counter --fast"), "counter");
        assert_eq!(name("npx -y @modelcontextprotocol/server-everything"), "server-everything");
        assert_eq!(name("npx -y server-files@1.2.3 /data"), "server-files");
        assert_eq!(name("python3 my_server.py"), "my_server");
        assert_eq!(name("uvx fastmcp==4.1 run x"), "fastmcp");
        assert_eq!(name("./Ünïcode"), "n-code");
    }
}
