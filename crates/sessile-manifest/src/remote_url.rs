//! The address of a server that runs elsewhere.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// An `http` or `https` URL with a host. `Display` and `Debug` leave out the query, which in manifests
/// of other tools may hold a key.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteUrl(Url);

/// Text that is not the URL of a server. Says why, and never repeats the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotARemoteUrl(String);

impl fmt::Display for NotARemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotARemoteUrl {}

impl RemoteUrl {
    /// The whole URL, for the request itself and not for logs.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host, for logs and for connecting.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl FromStr for RemoteUrl {
    type Err = NotARemoteUrl;

    fn from_str(text: &str) -> Result<Self, NotARemoteUrl> {
        let url = Url::parse(text)
            .map_err(|error| NotARemoteUrl(format!("not a URL: {error}; write \"https://HOST/mcp\"")))?;
        let fault = if !matches!(url.scheme(), "http" | "https") {
            "a server is reached over http or https; write \"https://HOST/mcp\""
        } else if url.host_str().is_none_or(str::is_empty) {
            "the URL has no host; write \"https://HOST/mcp\""
        } else if !url.username().is_empty() || url.password().is_some() {
            "the URL holds a user name or password; send credentials with `headers`"
        } else if url.fragment().is_some() {
            "the URL has a fragment (`#…`), which no server receives; remove it"
        } else {
            return Ok(Self(url));
        };
        Err(NotARemoteUrl(fault.to_owned()))
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        f.write_str(shown.as_str())?;
        f.write_str(if self.0.query().is_some() { "?…" } else { "" })
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteUrl({self})")
    }
}

#[cfg(test)]
mod tests;
