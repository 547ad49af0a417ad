//! Where a command connects, and as whom.

use crate::client::error::ClientError;
use crate::client::secret::Secret;
use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// What `call` and `tools` need to reach a server.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Where the server is: a URL, or HOST:PORT for http://HOST:PORT/mcp
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// API key, sent as a bearer token; others can read command lines, so prefer the variable or --key-file
    #[arg(long, env = "SESSILE_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) key: Option<Secret>,
    /// File that holds the API key (wins over --key)
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Give up when the server has said nothing for this long; progress counts, your own thinking does not
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
}

/// A checked address with its key.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: Url,
    pub(crate) key: Option<Secret>,
}

impl TargetArgs {
    /// Checks the address and reads the key file.
    pub(crate) fn target(&self) -> Result<Target, ClientError> {
        let key = match &self.key_file {
            None => self.key.clone(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| ClientError::Usage(format!("--key-file {}: {error}", path.display())))?;
                text.parse().ok()
            }
        };
        if key.as_ref().is_some_and(|key| key.reveal().is_empty() || !key.reveal().is_ascii()) {
            return Err(ClientError::Usage("the API key is empty or not ASCII; look at its file or variable".into()));
        }
        Ok(Target { url: server_url(&self.url)?, key })
    }
}

impl Target {
    /// Whether a key would travel where others can read it.
    pub(crate) fn bares_its_key(&self) -> bool {
        self.key.is_some() && self.url.scheme() == "http" && !is_loopback(&self.url)
    }
}

/// Whether `url` names this machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        None => false,
    }
}

/// The URL of an MCP endpoint: `host:port` and `http://host:port` get the path `/mcp`.
fn server_url(text: &str) -> Result<Url, ClientError> {
    let mut url = http_url(text)?;
    if url.path() == "/" {
        url.set_path("/mcp");
    }
    Ok(url)
}

/// An http or https URL; without a scheme it is http.
pub(crate) fn http_url(text: &str) -> Result<Url, ClientError> {
    let wrong = |why: String| ClientError::Usage(format!("{text:?} is no address: {why}; write http://HOST:PORT/mcp"));
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&whole).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("{:?} is not spoken here", url.scheme())));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
