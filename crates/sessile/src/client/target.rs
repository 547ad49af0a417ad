//! Where a command connects, and as whom.

use crate::client::connect::EraChoice;
use crate::client::error::ClientError;
use crate::client::secret::Secret;
use clap::Args;
use reqwest::header::HeaderValue;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
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
    /// The era of the protocol to speak
    #[arg(long, value_enum, default_value_t, value_name = "ERA")]
    pub(crate) era: EraChoice,
    /// Meet the same session again: any name of your own (only in the modern era, which has no sessions itself)
    #[arg(long, value_name = "KEY")]
    pub(crate) session: Option<SessionKey>,
}

/// Why a session cannot be named; what is missing follows.
pub(crate) const SESSION_NEEDS_MODERN: &str = "--session has a meaning only for servers that speak the modern era";

/// A checked address with its key, and how to speak there.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: Url,
    pub(crate) key: Option<Secret>,
    pub(crate) era: EraChoice,
    pub(crate) session: Option<SessionKey>,
}

/// A session's name in the caller's words: 1 to 256 visible ASCII characters, sent as `Sessile-Session`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SessionKey(HeaderValue);

impl SessionKey {
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for SessionKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let value = HeaderValue::from_str(text).ok().filter(|_| fits);
        value.map(Self).ok_or_else(|| "1 to 256 visible ASCII characters, without spaces".to_owned())
    }
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
        if self.session.is_some() && self.era == EraChoice::Legacy {
            return Err(ClientError::Usage(format!("{SESSION_NEEDS_MODERN}; drop --era legacy or --session")));
        }
        Ok(Target { key, era: self.era, session: self.session.clone(), ..Target::of(server_url(&self.url)?) })
    }
}

impl Target {
    /// An address that is called without a key, in whichever era it speaks.
    pub(crate) fn of(url: Url) -> Self {
        Self { url, key: None, era: EraChoice::Auto, session: None }
    }

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
