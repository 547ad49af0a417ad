//! The wall around the machine monitor: QEMU and its porter are a server of the process driver, which sees its own programs, the machine's
//! parts, and nothing else of the host.

use super::command_line::{self, Beginning, Machine, Memory, Parts};
use super::parts::Machinery;
use super::qemu;
use super::trial::Accelerator;
use crate::{FileView, Limits, Network, SandboxId, SandboxSpec};
use sessile_link::porter::Rest;
use std::fs;
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What QEMU takes beside the machine's memory, in bytes: itself and, under emulation, the code that it translates.
const OVERHEAD_KVM: u64 = 96 << 20;
const OVERHEAD_EMULATION: u64 = 224 << 20;

/// Threads of QEMU: one for each processor, and those that read the disk.
const THREADS: u32 = 96;

/// Where QEMU finds the machine's parts.
const QEMU: &str = "/vmm/qemu";
const KERNEL: &str = "/vmm/kernel";
const INITRAMFS: &str = "/vmm/initramfs";
const DISK: &str = "/vmm/disk";

/// And the porter itself: the name by which it knows what it is.
const PORTER: &str = "/vmm/sessile-porter";

/// The descriptor over which QEMU is controlled: the first that its sandbox is given.
const CONTROL: RawFd = 3;

/// The descriptor of the file that the machine's memory is in, if it is in one: the second.
const MEMORY: RawFd = 4;

/// What QEMU needs of the system: libraries. Its own parts are a [copy](qemu::copy).
const SYSTEM: [&str; 5] = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache"];

/// The variable that tells QEMU where its modules are, before all other places.
const MODULES: &str = "QEMU_MODULE_DIR";

/// A machine to be.
#[derive(Clone, Debug)]
pub(super) struct Order<'a> {
    pub(super) id: &'a SandboxId,
    pub(super) machinery: &'a Machinery,
    pub(super) accelerator: Accelerator,
    /// The image, free of symbolic links.
    pub(super) disk: Option<&'a Path>,
    /// In MiB.
    pub(super) memory: u64,
    pub(super) processors: u32,
    /// Where its memory is.
    pub(super) place: Memory<Arc<OwnedFd>>,
    pub(super) beginning: Beginning,
    /// Of the host's, for the machine and its monitor together.
    pub(super) cpu: Option<f64>,
    pub(super) orphan_grace: Duration,
    /// A lock that is to live as long as the machine.
    pub(super) held: Option<Arc<OwnedFd>>,
    /// What is kept for the next runtime, and what that is to know of the machine.
    pub(super) estate: Option<Arc<OwnedFd>>,
    pub(super) note: Option<String>,
    /// Where the streams of the machine stand whose state it is to take in; `None` for a machine that is booted.
    pub(super) rest: Option<&'a Rest>,
    /// Whether there is a way out of the machine, through the gate.
    pub(super) leads_out: bool,
    pub(super) start_timeout: Duration,
}

/// Writes the specification that starts `order`'s machine, whose monitor is controlled over `control`; the next runtime will do so over
/// `ours`, the other end.
pub(super) fn around(order: &Order<'_>, control: OwnedFd, ours: OwnedFd) -> SandboxSpec {
    let machinery = order.machinery;
    let mut given = vec![Arc::new(control)];
    let place = match &order.place {
        Memory::Own => Memory::Own,
        Memory::InFile(file) => {
            given.push(Arc::clone(file));
            Memory::InFile(MEMORY)
        }
        Memory::CopyOf(file) => {
            given.push(Arc::clone(file));
            Memory::CopyOf(MEMORY)
        }
    };
    let read_only =
        |source: &Path, target: &str| FileView::ReadOnly { source: source.to_owned(), target: target.into() };
    let mut files = system();
    files.push(read_only(&machinery.qemu, QEMU));
    files.push(read_only(&machinery.kernel, KERNEL));
    files.push(read_only(&machinery.initramfs, INITRAMFS));
    files.push(read_only(&machinery.porter, PORTER));
    files.extend(order.disk.map(|disk| read_only(disk, DISK)));
    if order.accelerator == Accelerator::Kvm {
        files.push(FileView::Device { source: "/dev/kvm".into() });
    }
    let overhead = match order.accelerator {
        Accelerator::Kvm => OVERHEAD_KVM,
        Accelerator::Emulation => OVERHEAD_EMULATION,
    };
    let memory = (order.memory << 20).saturating_add(overhead);
    SandboxSpec {
        id: order.id.clone(),
        command: porter(order.rest, monitor(order, order.id.as_str(), place, order.beginning, machinery.tsc_khz)),
        env: vec![(MODULES.into(), qemu::modules_in(Path::new(QEMU)).display().to_string())],
        cwd: "/".into(),
        files,
        limits: Limits {
            memory: Some(memory),
            cpu: order.cpu,
            pids: Some(THREADS),
            disk: Some(1 << 20),
            ..Limits::default()
        },
        network: if order.leads_out { Network::Gate } else { Network::Loopback },
        hostname: "vmm".into(),
        orphan_grace: order.orphan_grace,
        estate: order.estate.clone(),
        kept: Some(Arc::new(ours)),
        held: order.held.clone(),
        given,
        note: order.note.clone(),
        start_timeout: order.start_timeout,
    }
}

/// The monitor's command.
fn monitor(order: &Order<'_>, name: &str, memory: Memory<RawFd>, beginning: Beginning, tsc_khz: u32) -> Vec<String> {
    let (program, firmware) = (qemu::program_in(Path::new(QEMU)), qemu::firmware_in(Path::new(QEMU)));
    let parts = Parts {
        qemu: &program,
        firmware: &firmware,
        kernel: Path::new(KERNEL),
        initramfs: Path::new(INITRAMFS),
        disk: order.disk.map(|_| Path::new(DISK)),
        control: CONTROL,
        memory,
    };
    let Order { accelerator, memory, processors, .. } = *order;
    command_line::write(&parts, &Machine { name, accelerator, memory, processors, beginning, tsc_khz })
}

/// The monitor's command without what differs between machines that are of one kind: their names, where their memory is, how they began, and
/// what was measured of the host's clock then.
pub(super) fn kind(order: &Order<'_>) -> Vec<String> {
    monitor(order, "", Memory::Own, Beginning::Boot, 0)
}

/// The porter's command, which runs `monitor`.
fn porter(rest: Option<&Rest>, monitor: Vec<String>) -> Vec<String> {
    // Numbers and bytes: nothing that JSON could not say.
    let rest = rest.and_then(|rest| serde_json::to_string(rest).ok()).unwrap_or_default();
    [PORTER.to_owned(), rest].into_iter().chain(monitor).collect()
}

/// The parts of the system that QEMU needs, links as links.
fn system() -> Vec<FileView> {
    let show = |name: &str| {
        let path = PathBuf::from(name);
        match fs::read_link(&path) {
            Ok(to) => Some(FileView::Symlink { target: path, to }),
            Err(_) if path.exists() => Some(FileView::ReadOnly { source: path.clone(), target: path }),
            Err(_) => None,
        }
    };
    SYSTEM.iter().filter_map(|name| show(name)).collect()
}
