//! pip: `PIP_*`, `pip.conf` of user and host, and what `UV_*` says about indexes.

use std::path::{Path, PathBuf};

use sessile_sandbox::view::HostEnv;

use super::{ETC, Settings, in_home, ini};

/// They say where things go, which is the store's decision.
const NOT_PASSED: [&str; 17] = [
    "TARGET",
    "PREFIX",
    "ROOT",
    "USER",
    "SRC",
    "CACHE_DIR",
    "NO_CACHE_DIR",
    "LOG",
    "LOG_FILE",
    "REQUIREMENT",
    "EDITABLE",
    "PYTHON",
    "REQUIRE_VIRTUALENV",
    "DRY_RUN",
    "REPORT",
    "QUIET",
    "IGNORE_INSTALLED",
];
const WITH_PATHS: [&str; 6] = ["cert", "client-cert", "find-links", "index-url", "extra-index-url", "constraint"];

/// What pip fetches with.
pub(crate) fn pip(host: &HostEnv) -> Settings {
    pip_of(host, Path::new(ETC))
}

pub(super) fn pip_of(host: &HostEnv, etc: &Path) -> Settings {
    let mut settings = Settings::proxy(host);
    let mut files: Vec<(PathBuf, PathBuf)> =
        ["pip.conf", "xdg/pip/pip.conf"].map(|name| (etc.join(name), Path::new(ETC).join(name))).into();
    if let Some(home) = host.home() {
        let config = host.path("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
        files.push((config.join("pip/pip.conf"), in_home(".config/pip/pip.conf")));
        files.push((home.join(".pip/pip.conf"), in_home(".pip/pip.conf")));
    }
    for (name, value) in host.iter() {
        let Some(key) = name.strip_prefix("PIP_") else { continue };
        if key == "CONFIG_FILE" {
            files.push((value.into(), value.into()));
        }
        if !NOT_PASSED.contains(&key) {
            settings.set(name, value);
        }
        if WITH_PATHS.contains(&key.to_ascii_lowercase().replace('_', "-").as_str()) {
            settings.show_paths_in(value);
        }
    }
    // A setting of the host's pip such as `user = true` would send packages elsewhere.
    settings.set("PIP_USER", "0");
    follow_uv(&mut settings, host);
    for (on_host, inside) in files {
        let Some(text) = settings.copy(&on_host, inside) else { continue };
        for (key, value) in ini::settings(&text) {
            if WITH_PATHS.contains(&key.as_str()) {
                settings.show_paths_in(&value);
            }
        }
    }
    settings
}

/// People with uv set their indexes there.
fn follow_uv(settings: &mut Settings, host: &HostEnv) {
    let main = host.get("UV_DEFAULT_INDEX").or_else(|| host.get("UV_INDEX_URL")).map(|value| unnamed(value).to_owned());
    let words = |name: &str, separator: char| -> Vec<String> {
        let value = host.get(name).unwrap_or_default();
        value.split(separator).map(|word| unnamed(word.trim()).to_owned()).filter(|word| !word.is_empty()).collect()
    };
    let extra = [words("UV_INDEX", ' '), words("UV_EXTRA_INDEX_URL", ' ')].concat();
    let links = words("UV_FIND_LINKS", ',');
    for (name, value) in [
        ("PIP_INDEX_URL", main.unwrap_or_default()),
        ("PIP_EXTRA_INDEX_URL", extra.join(" ")),
        ("PIP_FIND_LINKS", links.join(" ")),
    ] {
        if !value.is_empty() && host.get(name).is_none() {
            settings.show_paths_in(&value);
            settings.set(name, &value);
        }
    }
}

/// uv lets an index have a name: `name=https://…`.
fn unnamed(index: &str) -> &str {
    match index.split_once('=') {
        Some((name, url)) if !name.contains(['/', ':']) => url,
        _ => index,
    }
}
