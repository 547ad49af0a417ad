//! asdf: each shim lists the plugins and versions that have the program; `.tool-versions` selects.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::program::is_executable;
use super::{Choice, Shim, ViewError};

/// The selected version, or the only one there is.
pub(super) fn choose(shim: &Shim<'_>, root: &Path, text: &str) -> Result<Choice, ViewError> {
    let offers: Vec<(&str, &str)> = text.lines().filter_map(offer).collect();
    for &(plugin, version) in &offers {
        let Some((selected, by)) = selection(shim, plugin) else {
            continue;
        };
        if selected.iter().any(|one| one == version)
            && let Some(path) = installed(root, plugin, version, shim.name)
        {
            return Ok(Choice { path, reason: format!("asdf ({plugin} {version}, by {by})") });
        }
    }
    if let [(plugin, version)] = offers.as_slice()
        && selection(shim, plugin).is_none()
        && let Some(path) = installed(root, plugin, version, shim.name)
    {
        return Ok(Choice { path, reason: format!("asdf ({plugin} {version}, the only one installed)") });
    }
    let offers: Vec<String> = offers.iter().map(|(plugin, version)| format!("{plugin} {version}")).collect();
    Err(shim.leads_nowhere("asdf", format!("no .tool-versions selects one of: {}", offers.join(", "))))
}

/// `# asdf-plugin: nodejs 20.10.0`
fn offer(line: &str) -> Option<(&str, &str)> {
    let mut words = line.trim_start_matches('#').trim().strip_prefix("asdf-plugin:")?.split_whitespace();
    Some((words.next()?, words.next()?))
}

fn selection(shim: &Shim<'_>, plugin: &str) -> Option<(Vec<String>, String)> {
    let variable = format!("ASDF_{}_VERSION", plugin.to_uppercase().replace('-', "_"));
    if let Some(value) = shim.host.get(&variable) {
        return Some((value.split_whitespace().map(str::to_owned).collect(), variable));
    }
    let of_home = shim.host.home().map(|home| home.join(".tool-versions"));
    let above = shim.base.ancestors().map(|directory| directory.join(".tool-versions"));
    above.chain(of_home).find_map(|file| {
        let text = fs::read_to_string(&file).ok()?;
        let versions = text.lines().find_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            (words.next()? == plugin).then(|| words.map(str::to_owned).collect())
        })?;
        Some((versions, file.display().to_string()))
    })
}

fn installed(root: &Path, plugin: &str, version: &str, program: &str) -> Option<PathBuf> {
    let prefix = root.join("installs").join(plugin).join(version);
    // Packages that npm installed globally lie apart.
    ["bin", ".npm/bin"].iter().map(|place| prefix.join(place).join(program)).find(|path| is_executable(path))
}
