//! Which libraries a program is linked to: its own loader says so, in a sandbox, since it runs on what the program's file holds.

use super::error::PartError;
use crate::driver::Driver;
use crate::{Exit, FileView, Limits, Pipes, SandboxId, SandboxSpec};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much of a program is read to find its loader, and of what the loader says, in bytes.
const HEAD: u64 = 64 * 1024;

/// How long the loader may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The libraries of `program`, and its loader. None for a program that is linked statically, or is no ELF program.
pub(super) async fn of(walls: &dyn Driver, program: &Path, spec: &SandboxSpec) -> Result<Vec<PathBuf>, PartError> {
    let mut head = Vec::new();
    let read = File::open(program).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.map_err(PartError::read(program))?;
    let Some(loader) = loader(&head) else { return Ok(Vec::new()) };
    let failed = |said: String| PartError::Failed { program: loader.display().to_string(), said };
    let said = ask(walls, &loader, program, spec).await.map_err(failed)?;
    let found = said.lines().filter_map(|line| {
        let path = line.split_once("=>").map_or(line, |(_, path)| path);
        let path = path.split(" (").next()?.trim();
        path.starts_with('/').then(|| PathBuf::from(path))
    });
    let mut libraries: Vec<PathBuf> = found.collect();
    libraries.push(loader);
    Ok(libraries)
}

/// What the loader lists.
async fn ask(walls: &dyn Driver, loader: &Path, program: &Path, spec: &SandboxSpec) -> Result<String, String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let wanted = |file: &&FileView| !matches!(file, FileView::Writable { .. } | FileView::CopyOnWrite { .. });
    let mut files: Vec<FileView> = spec.files.iter().filter(wanted).cloned().collect();
    let real = program.canonicalize().map_err(|error| error.to_string())?;
    files.push(FileView::ReadOnly { source: real, target: "/program".into() });
    let listing = SandboxSpec {
        files,
        limits: Limits { memory: Some(128 << 20), pids: Some(16), disk: Some(1 << 20), ..Limits::default() },
        hostname: "list".into(),
        start_timeout: PATIENCE,
        ..SandboxSpec::new(
            SandboxId::new(format!("list-{number}")).map_err(|error| error.to_string())?,
            vec![text(loader), "--list".into(), "/program".into()],
        )
    };
    let mut sandbox = walls.start(listing).await.map_err(|error| error.to_string())?;
    let Pipes { stdout, .. } = sandbox.take_pipes().ok_or("it has no pipes")?;
    let ended = tokio::time::timeout(PATIENCE, sandbox.ended()).await.map_err(|_| "it does not end")?;
    if ended.exit != Exit::Code(0) {
        return Err(format!("{} on the program", ended.exit));
    }
    // The sandbox is gone, so that what it said lies in the pipe, all of it that fits.
    let mut said = Vec::new();
    match File::from(stdout).take(HEAD).read_to_end(&mut said) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error.to_string()),
        _ => Ok(String::from_utf8_lossy(&said).into_owned()),
    }
}

/// The program on the host that `command` names, as a sandbox with `spec`'s view would find it.
pub(super) fn program_of(spec: &SandboxSpec) -> Option<PathBuf> {
    let name = spec.command.first()?;
    let path = spec.env.iter().find(|(key, _)| key == "PATH").map_or("/usr/bin:/bin", |(_, value)| value);
    let candidates: Vec<PathBuf> = if name.contains('/') {
        vec![spec.cwd.join(name)]
    } else {
        path.split(':').map(|directory| Path::new(directory).join(name)).collect()
    };
    let on_host = |inside: PathBuf| {
        let views = spec.files.iter().filter_map(|file| match file {
            FileView::ReadOnly { source, target } | FileView::CopyOnWrite { source, target } => {
                let rest = inside.strip_prefix(target).ok()?;
                // A file shown as itself has no rest, and joined with nothing it would be a directory.
                let path = if rest.as_os_str().is_empty() { source.clone() } else { source.join(rest) };
                Some((target.components().count(), path))
            }
            _ => None,
        });
        views.max_by_key(|(depth, _)| *depth).map_or(inside.clone(), |(_, path)| path)
    };
    candidates.into_iter().map(on_host).find(|path| fs::metadata(path).is_ok_and(|known| known.is_file()))
}

/// The loader that a program names, if it is an absolute path.
fn loader(head: &[u8]) -> Option<PathBuf> {
    let name = sessile_link::elf::loader(head)?.split(|byte| *byte == 0).next()?;
    Some(PathBuf::from(std::str::from_utf8(name).ok()?)).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_this_host_names_its_loader() {
        let head = fs::read("/bin/cat").unwrap();
        let found = loader(&head).unwrap();
        assert!(found.exists(), "{}", found.display());
        assert_eq!(loader(crate::process::PROGRAM), None, "init is linked statically");
    }

    #[test]
    fn nonsense_has_no_loader() {
        let mut head = fs::read("/bin/cat").unwrap();
        head.truncate(80);
        assert_eq!(loader(&head), None);
        assert_eq!(loader(b"#!/bin/sh"), None);
        let mut lying = fs::read("/bin/cat").unwrap();
        lying[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(loader(&lying), None);
    }
}
