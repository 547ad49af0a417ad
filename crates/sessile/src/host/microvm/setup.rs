//! `sessile microvm setup`: a kernel for guests, from Debian's package of it. Unpacked, not installed: nothing of the host changes.

use super::{Failure, kernel};
use crate::cli::SetupArgs;
use crate::out;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Depends on the newest kernel that Debian makes for virtual machines.
const META: &str = "linux-image-cloud-amd64";

/// What the driver looks for.
const PARTS: [&str; 2] = ["boot", "lib"];

/// Fetches and unpacks.
pub(super) fn setup(args: &SetupArgs) -> Result<ExitCode, Failure> {
    let place = match (&args.directory, &args.state_dir) {
        (Some(directory), _) => std::path::absolute(directory),
        (None, Some(state_dir)) => std::path::absolute(state_dir).map(|state_dir| kernel(&state_dir)),
        (None, None) => Ok(kernel(&default_state_dir()?)),
    };
    let place = place.map_err(|error| Failure::Usage(format!("the directory for the kernel: {error}")))?;
    let work = beside(&place);
    let done = work_in(&work, args, &place);
    let _ = fs::remove_dir_all(&work);
    let version = done?;
    out::line(&format!("guest kernel {version} is in {}", place.display()));
    if let Some(missing) = missing_programs() {
        out::note(&missing);
    }
    Ok(ExitCode::SUCCESS)
}

fn default_state_dir() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir().map_err(|error| Failure::Failed(format!("the working directory: {error}")))?;
    sessile_manifest::Surroundings::of_process(&here).default_state_dir().map_err(Failure::Usage)
}

/// A directory beside `place`, for what is not whole yet.
fn beside(place: &Path) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    place.with_file_name(name)
}

fn work_in(work: &Path, args: &SetupArgs, place: &Path) -> Result<String, Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(work);
    made.map_err(|error| Failure::Failed(format!("cannot make {}: {error}", work.display())))?;
    let package = match &args.package {
        Some(package) => std::path::absolute(package)
            .map_err(|error| Failure::Usage(format!("--package {}: {error}", package.display())))?,
        None => fetch(work)?,
    };
    let unpacked = work.join("unpacked");
    out::note(&format!("unpacking {}", package.display()));
    run(work, "dpkg-deb", &[OsStr::new("-x"), package.as_os_str(), unpacked.as_os_str()])?;
    let version = version_in(&unpacked).ok_or_else(|| {
        Failure::Failed(format!("{} holds no kernel with modules; use linux-image-…-cloud-amd64", package.display()))
    })?;
    exchange(&unpacked, place).map_err(|error| Failure::Failed(format!("cannot fill {}: {error}", place.display())))?;
    Ok(version)
}

/// Fetches the package that the meta package stands for.
fn fetch(work: &Path) -> Result<PathBuf, Failure> {
    let shown = run(work, "apt-cache", &["depends", META].map(OsStr::new))?;
    let name = shown.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let name = name.filter(|name| name.starts_with("linux-image-")).ok_or_else(|| {
        Failure::Host(format!(
            "this host's package lists do not know {META}: run `apt-get update`, or fetch the package elsewhere and pass --package FILE"
        ))
    })?;
    out::note(&format!("fetching {name} (about 27 MB)"));
    run(work, "apt-get", &["download", "-qq", name].map(OsStr::new))?;
    let entries = fs::read_dir(work).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut packages = entries.filter(|path| path.extension().is_some_and(|extension| extension == "deb"));
    packages.next().ok_or_else(|| Failure::Failed(format!("apt-get left no package of {name}")))
}

/// The version of the kernel in `directory`, if its modules are there too.
fn version_in(directory: &Path) -> Option<String> {
    let mut kernels = fs::read_dir(directory.join("boot")).ok()?.flatten();
    kernels.find_map(|entry| {
        let version = entry.file_name().to_str()?.strip_prefix("vmlinuz-")?.to_owned();
        let modules = ["lib/modules", "usr/lib/modules"].map(|place| directory.join(place).join(&version));
        modules.iter().any(|modules| modules.is_dir()).then_some(version)
    })
}

/// Puts what was unpacked where the driver looks, in place of what was there.
fn exchange(unpacked: &Path, place: &Path) -> std::io::Result<()> {
    let old = unpacked.with_extension("old");
    if place.exists() {
        if !PARTS.iter().any(|part| place.join(part).is_dir()) && fs::read_dir(place)?.next().is_some() {
            return Err(std::io::Error::other("it holds something else than a kernel"));
        }
        fs::rename(place, &old)?;
    }
    fs::rename(unpacked, place)
}

/// What is still to be installed, if anything is.
fn missing_programs() -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|place| place.join("qemu-system-x86_64").is_file());
    (!is_there).then(|| "still missing: apt-get install --no-install-recommends qemu-system-x86".to_owned())
}

/// Runs a program of the host in `work`, to its end. Gives what it said.
fn run(work: &Path, program: &str, args: &[&OsStr]) -> Result<String, Failure> {
    let output = Command::new(program).args(args).current_dir(work).stdin(Stdio::null()).output();
    let output = output.map_err(|error| {
        Failure::Host(format!("cannot run {program}: {error}; on a host without apt, fetch and unpack a Debian cloud kernel by hand (docs/microvm.md)"))
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::Failed(format!("{program} failed: {}", said.lines().last().unwrap_or("it said nothing"))))
}
