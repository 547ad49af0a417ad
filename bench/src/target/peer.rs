//! The other gateways: what they are called with.

use std::path::Path;

use anyhow::Context;

use super::{Backend, Places, Running};

/// Words of a command as one shell line, for gateways that take the server's command as one argument.
pub(super) fn shell_line(command: &[String]) -> String {
    command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A port that is free now. The peers cannot pick one themselves and say which.
fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no free port")?;
    Ok(listener.local_addr()?.port())
}

fn program(path: &Path) -> anyhow::Result<String> {
    anyhow::ensure!(path.exists(), "{} is not installed", path.display());
    Ok(path.display().to_string())
}

/// supergateway (npm), stateful: a process per session.
pub(super) async fn supergateway(backend: &Backend, places: &Places, log: &Path) -> anyhow::Result<Running> {
    let port = free_port()?;
    let command = [
        program(&places.peers.join("npm/node_modules/.bin/supergateway"))?,
        "--stdio".to_owned(),
        shell_line(&backend.command),
        "--outputTransport".to_owned(),
        "streamableHttp".to_owned(),
        "--stateful".to_owned(),
        "--logLevel".to_owned(),
        "none".to_owned(),
        "--port".to_owned(),
        port.to_string(),
    ];
    Running::listening(&command, format!("http://127.0.0.1:{port}/mcp"), port, log).await
}

/// mcpway (crate), stateful: a process per session.
pub(super) async fn mcpway(backend: &Backend, places: &Places, log: &Path) -> anyhow::Result<Running> {
    let port = free_port()?;
    let command = [
        program(&places.peers.join("bin/mcpway"))?,
        "--stdio".to_owned(),
        shell_line(&backend.command),
        "--output-transport".to_owned(),
        "streamable-http".to_owned(),
        "--stateful".to_owned(),
        "--log-level".to_owned(),
        "none".to_owned(),
        "--port".to_owned(),
        port.to_string(),
    ];
    Running::listening(&command, format!("http://127.0.0.1:{port}/mcp"), port, log).await
}

/// mcp-proxy (crate): one process for all. It puts the backend's name before each tool's.
pub(super) async fn mcp_proxy(
    backend: &Backend,
    places: &Places,
    log: &Path,
    folder: &Path,
) -> anyhow::Result<Running> {
    let port = free_port()?;
    let (first, rest) = backend.command.split_first().context("no command to start")?;
    let config = format!(
        "[proxy]\nname = \"bench\"\nseparator = \"/\"\n\n[proxy.listen]\nhost = \"127.0.0.1\"\nport = {port}\n\n\
         [[backends]]\nname = \"bench\"\ntransport = \"stdio\"\ncommand = {first:?}\nargs = {rest:?}\n"
    );
    let path = folder.join("mcp-proxy.toml");
    std::fs::write(&path, config).with_context(|| format!("cannot write {}", path.display()))?;
    let command = [program(&places.peers.join("bin/mcp-proxy"))?, "--config".to_owned(), path.display().to_string()];
    Running::listening(&command, format!("http://127.0.0.1:{port}/"), port, log).await
}
