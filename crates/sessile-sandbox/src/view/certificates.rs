//! Certificates that the host's environment names: without them nothing behind a company's proxy can be verified.

use std::path::Path;

use super::gathering::Gathering;

const VARIABLES: [&str; 6] =
    ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"];

/// Shows each certificate file or directory that a variable names, and gives the variables to pass on.
pub(super) fn bring(gathering: &mut Gathering<'_>) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for name in VARIABLES {
        let Some(value) = gathering.host.get(name) else {
            continue;
        };
        let path = Path::new(value);
        let whole_directory_refused = path.is_dir() && gathering.guard.refuses(path).is_some();
        // `/etc/ssl/certs` is shown by the system already; of `/etc` nothing else is, as a directory.
        let in_etc = path.starts_with("/etc/ssl/certs") || path.starts_with("/etc/pki");
        if path.is_absolute() && path.exists() && (in_etc || !whole_directory_refused) {
            gathering.show(path, &format!("named by {name}"));
            env.push((name.to_owned(), value.to_owned()));
        }
    }
    env
}

#[cfg(test)]
mod tests;
