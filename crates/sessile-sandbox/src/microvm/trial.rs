//! Finding out what carries machines on this host, by booting one. That `/dev/kvm` is there proves nothing: there are hosts on which it
//! makes machines that never get anywhere.

use super::boot::{self, Proofs};
use super::command_line::Memory;
use super::error::{MicrovmError, PartError};
use super::jail;
use super::parts::{self, Machinery};
use super::template::Kind;
use crate::driver::Driver;
use crate::{SandboxId, StartError};
use rustix::fs::{FileType, stat};
use serde::{Deserialize, Serialize};
use sessile_link::{HostUsers, LeftOut, Note, Program, Rlimits, StartOrder, View};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a trial may take. With KVM a machine is up in half a second; a busy host that emulates may need twenty.
const PATIENCE_KVM: Duration = Duration::from_secs(5);
const PATIENCE_EMULATION: Duration = Duration::from_secs(60);

/// Memory of the trial machine, in MiB.
const MEMORY: u64 = 192;

/// The users inside a machine: the server, and init once the server runs. Nobody else is there.
pub(super) const USERS: HostUsers = HostUsers::Root { server: 1000, init: 1001 };

/// What carries a machine's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accelerator {
    /// The processor's virtualization.
    Kvm,
    /// QEMU itself, instruction by instruction: slow, and outside what QEMU's developers promise to keep secure.
    Emulation,
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "KVM",
            Self::Emulation => "emulation",
        })
    }
}

/// What a trial showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trial {
    /// What works.
    pub accelerator: Accelerator,
    /// From the start of QEMU to an init that had taken every step up to running a program, in milliseconds.
    pub boot_ms: u64,
    /// Why a better accelerator was not taken.
    pub passed_over: Option<String>,
    /// The version of Landlock in the guest's kernel; 0 for none.
    pub landlock: u32,
    /// What the guest's kernel did not do.
    pub notes: Vec<Note>,
}

/// A trial that was kept, and what it holds for.
#[derive(Serialize, Deserialize)]
struct Kept {
    holds_for: String,
    trial: Trial,
}

/// Which accelerators may be tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcceleratorChoice {
    /// The best that works.
    #[default]
    Auto,
    /// Emulation, whatever there is.
    Emulation,
}

/// Where the outcome is kept. It holds until the host boots again, or QEMU, the kernel or this program change.
fn kept_in(directory: &Path) -> PathBuf {
    directory.join("trial.json")
}

fn holds_for(machinery: &Machinery, choice: AcceleratorChoice, boot_id: &str) -> String {
    let kvm =
        stat("/dev/kvm").map_or_else(|_| "none".into(), |device| format!("{:o} {}", device.st_mode, device.st_uid));
    let user = rustix::process::geteuid().as_raw();
    let text = format!("{}\0{}\0{kvm}\0{user}\0{choice:?}", machinery.build(), boot_id.trim());
    parts::hex(&Sha256::digest(text))
}

/// What an earlier trial showed, if that still holds.
fn recall(directory: &Path, holds_for: &str) -> Option<Trial> {
    let kept: Kept = serde_json::from_slice(&fs::read(kept_in(directory)).ok()?).ok()?;
    (kept.holds_for == holds_for).then_some(kept.trial)
}

/// A turn at trying, among all processes that keep what they find out in `directory`; until it is dropped.
async fn turn(directory: &Path) -> Result<File, PartError> {
    let path = directory.join("trial.lock");
    let take = {
        let path = path.clone();
        move || {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            file.lock()?;
            Ok(file)
        }
    };
    let taken = tokio::task::spawn_blocking(take).await.unwrap_or_else(|error| Err(error.into()));
    taken.map_err(PartError::io("lock", &path))
}

/// What works here: as an earlier trial showed, or found out now. `directory` is for what is kept.
pub(super) async fn find_out(
    walls: &dyn Driver,
    machinery: &Machinery,
    choice: AcceleratorChoice,
    directory: &Path,
) -> Result<Trial, MicrovmError> {
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let holds_for = holds_for(machinery, choice, &boot_id);
    // Whoever comes at the same time waits, and finds what came out.
    let _turn = turn(directory).await?;
    if let Some(trial) = recall(directory, &holds_for) {
        return Ok(trial);
    }
    let mut tried = Vec::new();
    let candidates: &[_] = match choice {
        AcceleratorChoice::Auto => &[(Accelerator::Kvm, PATIENCE_KVM), (Accelerator::Emulation, PATIENCE_EMULATION)],
        AcceleratorChoice::Emulation => &[(Accelerator::Emulation, PATIENCE_EMULATION)],
    };
    for (accelerator, patience) in candidates.iter().copied() {
        match attempt(walls, machinery, accelerator, patience).await {
            Ok((boot, begun)) => {
                let trial = Trial {
                    accelerator,
                    boot_ms: u64::try_from(boot.as_millis()).unwrap_or(u64::MAX),
                    passed_over: tried.pop(),
                    landlock: begun.landlock,
                    notes: begun.notes,
                };
                let kept = serde_json::to_vec(&Kept { holds_for, trial: trial.clone() }).unwrap_or_default();
                // Where it cannot be kept, it is found out again.
                let _ = parts::write_whole(&kept_in(directory), &kept);
                return Ok(trial);
            }
            Err(why) => tried.push(format!("{accelerator}: {why}")),
        }
    }
    Err(MicrovmError::Trial { tried })
}

/// Boots a machine to the last step before a program.
async fn attempt(
    walls: &dyn Driver,
    machinery: &Machinery,
    accelerator: Accelerator,
    patience: Duration,
) -> Result<(Duration, boot::Begun), String> {
    if accelerator == Accelerator::Kvm {
        match stat("/dev/kvm") {
            Ok(device) if FileType::from_raw_mode(device.st_mode) == FileType::CharacterDevice => {}
            _ => return Err("this host has no /dev/kvm".into()),
        }
    }
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("trial-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let id = SandboxId::new(name.clone()).map_err(|error| error.to_string())?;
    let kind = Kind { machinery: machinery.clone(), accelerator, disk: None, memory: MEMORY, processors: 1 };
    let order = jail::Order { start_timeout: patience, ..kind.order(&id, Memory::Own) };
    let started = Instant::now();
    let proofs = Proofs::default();
    let trial = async {
        let mut machine = boot::boot(walls, &order, &proofs).await?;
        let begun = machine.begin(trial_order()).await?;
        let after = started.elapsed();
        machine.monitor.kill();
        machine.monitor.ended().await;
        Ok::<_, StartError>((after, begun))
    };
    // Giving up drops the machine's handle, which kills it and everything of it.
    match timeout(patience, trial).await {
        Ok(outcome) => outcome.map_err(boot::reason),
        Err(_) => Err(format!("a trial machine got nowhere within {} s", patience.as_secs())),
    }
}

fn trial_order() -> StartOrder {
    StartOrder {
        program: Program::Trial,
        hostname: "trial".into(),
        views: vec![View::Private { target: "/tmp".into() }],
        disk: Some(1 << 20),
        rlimits: Rlimits { open_files: 64, data: None, processes: Some(16) },
        loopback: true,
        gate: false,
        orphan_grace_ms: 0,
        bequest: None,
        given: 0,
        users: USERS,
        without: LeftOut::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machinery(kernel: &str) -> Machinery {
        Machinery::of("qemu".into(), kernel.into(), "initramfs".into(), "porter".into())
    }

    fn trial() -> Trial {
        Trial {
            accelerator: Accelerator::Emulation,
            boot_ms: 2000,
            passed_over: Some("KVM: got nowhere".into()),
            landlock: 2,
            notes: vec![Note::CgroupShown { errno: 1 }],
        }
    }

    #[test]
    fn an_outcome_holds_for_its_boot_and_its_build_only() {
        let directory = tempfile::tempdir().unwrap();
        let key = |build, boot| holds_for(&machinery(build), AcceleratorChoice::Auto, boot);
        let kept = Kept { holds_for: key("one", "boot 1\n"), trial: trial() };
        fs::write(kept_in(directory.path()), serde_json::to_vec(&kept).unwrap()).unwrap();
        assert_eq!(recall(directory.path(), &key("one", "boot 1")), Some(trial()));
        assert_eq!(recall(directory.path(), &key("one", "boot 2")), None);
        assert_eq!(recall(directory.path(), &key("two", "boot 1")), None);
        let forced = holds_for(&machinery("one"), AcceleratorChoice::Emulation, "boot 1");
        assert_eq!(recall(directory.path(), &forced), None);
    }

    #[test]
    fn what_was_kept_and_is_damaged_is_found_out_again() {
        let directory = tempfile::tempdir().unwrap();
        let key = holds_for(&machinery("one"), AcceleratorChoice::Auto, "boot");
        assert_eq!(recall(directory.path(), &key), None);
        fs::write(kept_in(directory.path()), b"{\"holds_for\": \"").unwrap();
        assert_eq!(recall(directory.path(), &key), None);
    }
}
