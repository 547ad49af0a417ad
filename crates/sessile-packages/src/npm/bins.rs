//! The programs that packages bring.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

/// What starts each program in `node_modules/.bin`, with paths as they will be.
pub(super) fn programs(staging: &Path, directory: &Path, node: &str) -> BTreeMap<String, Vec<String>> {
    let entries = fs::read_dir(staging.join("node_modules/.bin")).into_iter().flatten().flatten();
    let program = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let file = entry.path().canonicalize().ok()?;
        let later = directory.join(file.strip_prefix(staging).ok()?).to_str()?.to_owned();
        let mut command = runner(&file, node);
        command.push(later);
        Some((name, command))
    };
    entries.filter_map(program).collect()
}

/// Node by its path, with the flags of the first line; anything else finds its interpreter itself.
fn runner(file: &Path, node: &str) -> Vec<String> {
    let mut start = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(256).read_to_end(&mut start));
    let text = String::from_utf8_lossy(&start);
    let Some(line) = text.lines().next().and_then(|line| line.strip_prefix("#!")).filter(|_| read.is_ok()) else {
        return Vec::new();
    };
    let mut words = line.split_whitespace().skip_while(|word| word.rsplit('/').next() != Some("node"));
    let Some(_) = words.next() else { return Vec::new() };
    std::iter::once(node.to_owned()).chain(words.map(str::to_owned)).collect()
}

/// The program that a package is for, by npx's rule: the only one, or the one with the package's own name.
pub(super) fn default(staging: &Path, package: &str) -> Option<String> {
    let own = package.rsplit('/').next()?;
    let manifest = fs::read(staging.join("node_modules").join(package).join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).ok()?;
    match manifest.get("bin")? {
        serde_json::Value::String(_) => Some(own.to_owned()),
        serde_json::Value::Object(bins) => {
            let (first, target) = bins.iter().next()?;
            // Several names for one file are one program.
            if bins.values().all(|other| other == target) {
                return Some(first.clone());
            }
            bins.contains_key(own).then(|| own.to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
