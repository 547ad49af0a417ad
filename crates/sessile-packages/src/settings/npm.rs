//! npm: `NPM_CONFIG_*`, `.npmrc` of user and host.

use std::path::{Path, PathBuf};

use sessile_sandbox::FileView;
use sessile_sandbox::view::HostEnv;

use super::{ETC, Settings, in_home, ini};

/// They say where things lie on the host, or change what an installation is.
const NOT_PASSED: [&str; 14] = [
    "cache",
    "prefix",
    "userconfig",
    "tmp",
    "logs_dir",
    "logs_max",
    "global",
    "location",
    "dry_run",
    "offline",
    "package_lock",
    "save",
    "bin_links",
    "workspaces",
];

/// What npm fetches with, and whether the operator wants install scripts at all.
pub(crate) fn npm(host: &HostEnv) -> (Settings, ScriptsWanted) {
    npm_of(host, Path::new(ETC))
}

pub(super) fn npm_of(host: &HostEnv, etc: &Path) -> (Settings, ScriptsWanted) {
    let mut settings = Settings::proxy(host);
    let mut scripts = ScriptsWanted::Yes;
    let mut user = host.home().map(|home| home.join(".npmrc"));
    let mut files: Vec<(PathBuf, PathBuf)> = vec![(etc.join("npmrc"), "/etc/npmrc".into())];
    for (name, value) in host.iter() {
        let Some(key) = name.to_ascii_lowercase().strip_prefix("npm_config_").map(str::to_owned) else { continue };
        let key = key.replace('-', "_");
        match key.as_str() {
            "userconfig" => user = Some(value.into()),
            "globalconfig" => files.push((value.into(), value.into())),
            "ignore_scripts" => scripts = ScriptsWanted::of(value),
            "cafile" => settings.show_paths_in(value),
            _ => {}
        }
        if !NOT_PASSED.contains(&key.as_str()) {
            settings.set(name, value);
        }
    }
    files.extend(user.map(|user| (user, in_home(".npmrc"))));
    for (on_host, inside) in files {
        if let Some(text) = settings.copy(&on_host, inside) {
            follow(&mut settings, &mut scripts, host, &text);
        }
    }
    (settings, scripts)
}

/// Whether install scripts may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScriptsWanted {
    Yes,
    /// `ignore-scripts=true` is set on this host.
    No,
}

impl ScriptsWanted {
    fn of(ignored: &str) -> Self {
        if ignored.trim().eq_ignore_ascii_case("true") { Self::No } else { Self::Yes }
    }
}

fn follow(settings: &mut Settings, scripts: &mut ScriptsWanted, host: &HostEnv, text: &str) {
    for (key, value) in ini::settings(text) {
        let key = key.rsplit(':').next().unwrap_or_default();
        match key {
            "cafile" | "certfile" | "keyfile" => settings.show_paths_in(&value),
            "ignore-scripts" => *scripts = ScriptsWanted::of(&value),
            _ => {}
        }
    }
    // `//registry/:_authToken=${NPM_TOKEN}`
    for name in ini::variables(text) {
        if let Some(value) = host.get(name)
            && !settings.env.iter().any(|(known, _)| known == name)
        {
            settings.set(name, value);
        }
    }
}

/// What install scripts build with: nothing that could be a credential.
const FOR_BUILDS: [&str; 9] =
    ["nodedir", "disturl", "python", "node_gyp", "cafile", "strict_ssl", "proxy", "https_proxy", "noproxy"];

/// What install scripts may know: the way to the network, and where headers, compilers and prebuilt binaries are.
pub(crate) fn for_scripts(host: &HostEnv) -> Settings {
    for_scripts_of(host, Path::new(ETC))
}

pub(super) fn for_scripts_of(host: &HostEnv, etc: &Path) -> Settings {
    let (fetching, _) = npm_of(host, etc);
    let mut settings = Settings::proxy(host);
    let mut take = |key: &str, value: &str| {
        let key = key.to_ascii_lowercase().replace('-', "_");
        let is_mirror =
            key.ends_with("_binary_host") || key.ends_with("_binary_host_mirror") || key.ends_with("_mirror");
        if (is_mirror || FOR_BUILDS.contains(&key.as_str())) && !value.contains("${") {
            settings.set(&format!("npm_config_{key}"), value);
            settings.show_paths_in(value);
        }
    };
    for file in &fetching.files {
        let FileView::Text { content, .. } = file else { continue };
        for (key, value) in ini::settings(content) {
            take(&key, &value);
        }
    }
    for (name, value) in &fetching.env {
        if let Some(key) = name.to_ascii_lowercase().strip_prefix("npm_config_") {
            take(key, value);
        }
    }
    settings
}

/// npm waits for minutes for a registry that is not there; unless this host says how long, it is seconds.
pub(crate) fn fail_soon(settings: &mut Settings) {
    for (name, value) in [("npm_config_fetch_retry_mintimeout", "1000"), ("npm_config_fetch_retry_maxtimeout", "5000")]
    {
        let by_host = settings.env.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !by_host
            && !settings
                .files
                .iter()
                .any(|file| matches!(file, FileView::Text { content, .. } if content.contains("fetch-retry")))
        {
            settings.set(name, value);
        }
    }
}

/// Where npm keeps its cache and logs during an installation.
pub(crate) fn places(directory: &Path) -> Vec<(String, String)> {
    let place = |name: &str| directory.join(name).to_string_lossy().into_owned();
    vec![
        ("npm_config_cache".into(), place("npm-cache")),
        ("npm_config_logs_max".into(), "0".into()),
        ("npm_config_update_notifier".into(), "false".into()),
        ("npm_config_progress".into(), "false".into()),
    ]
}
