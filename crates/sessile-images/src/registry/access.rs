//! Credentials and patience.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::RegistryError;

/// How registries are spoken to.
#[derive(Clone, Debug)]
pub struct Access {
    /// Docker's `config.json`.
    config: Option<PathBuf>,
    /// How long an answer, or a part of it, may be waited for.
    pub(super) idle: Duration,
    /// How long one document or layer may take.
    pub(super) whole: Duration,
    /// How often something is asked for.
    pub(super) tries: u32,
    /// The wait before the second time; it doubles from then on.
    pub(super) pause: Duration,
}

/// A name and a password, or a token in its place. Debug output shows neither.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    auth: String,
}

impl Access {
    /// With the credentials of this process: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`, if it is there.
    pub fn of_process() -> Self {
        let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
        let config = directory.or_else(home).map(|directory| directory.join("config.json"));
        Self {
            config,
            idle: Duration::from_secs(60),
            whole: Duration::from_secs(3600),
            tries: 5,
            pause: Duration::from_millis(500),
        }
    }

    /// With credentials from this file, or without any.
    #[must_use]
    pub fn with_config(self, config: Option<PathBuf>) -> Self {
        Self { config, ..self }
    }

    /// Waits so long for an answer or a part of it, and so long for one document or layer; asks so often, the second time
    /// after `pause`, and doubles that.
    #[must_use]
    pub fn with_patience(self, idle: Duration, whole: Duration, tries: u32, pause: Duration) -> Self {
        Self { idle, whole, tries, pause, ..self }
    }

    /// What is configured for a registry.
    pub(super) fn credentials(&self, host: &str) -> Result<Option<Credentials>, RegistryError> {
        let Some(path) = &self.config else { return Ok(None) };
        let fail = |reason: String| RegistryError::Credentials { file: path.display().to_string(), reason };
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| fail(error.to_string()))?,
        };
        // The parser's own words could quote the file.
        let config: Config =
            serde_json::from_slice(&bytes).map_err(|_| fail("it is not docker's config.json".to_owned()))?;
        let Some((_, auth)) = config.auths.iter().find(|(name, auth)| host_of(name) == host && !auth.auth.is_empty())
        else {
            return Ok(None);
        };
        let text = STANDARD.decode(&auth.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = text.as_deref().and_then(|text| text.split_once(':'));
        let (user, password) = pair.ok_or_else(|| fail(format!("the entry for {host} is damaged")))?;
        // Some tools end the password with a NUL.
        let password = password.trim_end_matches('\0');
        Ok(Some(Credentials { user: user.to_owned(), password: password.to_owned() }))
    }
}

/// Names of entries are hosts, or addresses of older versions of the protocol.
fn host_of(name: &str) -> &str {
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    name.split('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::Access;

    #[test]
    fn credentials_are_found_by_host_and_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.json");
        // "ada:s3:cret", "x"
        let text = r#"{"auths":{"https://r.example/v1/":{"auth":"YWRhOnMzOmNyZXQ="},"other.example:5000":{"auth":"eA=="},"empty.example":{}}}"#;
        std::fs::write(&file, text).unwrap();
        let access = Access::of_process().with_config(Some(file.clone()));
        let found = access.credentials("r.example").unwrap().unwrap();
        assert_eq!((found.user.as_str(), found.password.as_str()), ("ada", "s3:cret"));
        assert_eq!(format!("{found:?}"), "Credentials");
        assert!(access.credentials("other.example").unwrap().is_none(), "another port is another registry");
        assert!(access.credentials("empty.example").unwrap().is_none());
        let error = access.credentials("other.example:5000").unwrap_err().to_string();
        assert!(error.contains("the entry for other.example:5000 is damaged") && !error.contains("eA"), "{error}");
        std::fs::write(&file, "s3cret").unwrap();
        let error = access.credentials("r.example").unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
        assert!(Access::of_process().with_config(None).credentials("r.example").unwrap().is_none());
    }
}
