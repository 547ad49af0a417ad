//! What the microVM driver can enforce: what the trial machine showed inside, and what the process driver holds its monitor to.

use super::trial::{Accelerator, Trial};
use crate::{Capabilities, Capability, Feature, Strength};
use sessile_link::Note;

/// What follows from `trial`, with the process driver's `walls` around each machine.
pub(super) fn of(trial: &Trial, walls: &Capabilities) -> Capabilities {
    let machine = Capability { feature: Feature::Machine, strength: machine(trial) };
    let rows = walls.rows.iter().map(|row| {
        let strength = inside(row.feature, trial).unwrap_or_else(|| row.strength.clone());
        Capability { feature: row.feature, strength }
    });
    Capabilities { driver: "microvm", rows: std::iter::once(machine).chain(rows).collect() }
}

fn machine(trial: &Trial) -> Strength {
    let Trial { accelerator, boot_ms, passed_over, .. } = trial;
    let how = format!("{accelerator}; a trial machine was up in {boot_ms} ms");
    match (accelerator, passed_over) {
        (Accelerator::Kvm, _) => Strength::Enforced { how },
        (Accelerator::Emulation, why) => Strength::Fallback {
            how,
            why: format!(
                "{}; emulation is slow, and QEMU's developers do not promise that it holds an attacker",
                why.as_deref().unwrap_or("it was asked for")
            ),
        },
    }
}

fn enforced(how: &str) -> Strength {
    Strength::Enforced { how: how.to_owned() }
}

/// What the machine makes of a feature. `None` for what the walls around it decide.
fn inside(feature: Feature, trial: &Trial) -> Option<Strength> {
    let noted = |about: fn(&Note) -> bool| trial.notes.iter().find(|note| about(note)).map(ToString::to_string);
    let missing =
        |why: String| Strength::Missing { why, fix: "use a Debian cloud kernel: `sessile microvm setup`".into() };
    Some(match feature {
        Feature::Processes => enforced("a machine of its own"),
        Feature::Files => enforced("an image of its own, read-only, changes in the machine's memory"),
        Feature::Network => enforced("no network device"),
        Feature::Names => enforced("a kernel of its own"),
        Feature::CopyOnWrite => enforced("overlay in the machine's memory"),
        Feature::OwnerMapping => Strength::Missing {
            why: "no directory of the host can be written from a microVM".into(),
            fix: "use isolation \"process\" for servers that need one".into(),
        },
        Feature::SystemCalls => match noted(|note| matches!(note, Note::SystemCallsUnfiltered { .. })) {
            None => enforced("seccomp filter in the guest, and around its monitor"),
            Some(why) => missing(why),
        },
        Feature::Landlock => match noted(|note| matches!(note, Note::LandlockRefused { .. })) {
            None => Strength::Enforced { how: format!("version {} in the guest", trial.landlock) },
            Some(why) => missing(why),
        },
        Feature::Memory => enforced("the size of the machine"),
        Feature::OutOfMemory => enforced("the guest's kernel counts"),
        Feature::Pids => enforced("RLIMIT_NPROC in the guest"),
        Feature::Disk => enforced("size of a tmpfs in the guest"),
        _ => return None,
    })
}
