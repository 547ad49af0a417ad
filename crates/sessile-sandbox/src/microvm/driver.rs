//! The driver: what a start is, from the specification to the handle.

use super::adopt::Badge;
use super::boot::{self, Proofs};
use super::command_line::{Beginning, Memory};
use super::error::{MicrovmError, PartError};
use super::keeping::{Found, Made};
use super::parts::{self, Machinery};
use super::qmp::QmpError;
use super::restore_key::RestoreKey;
use super::sleep::{self, Ahead, Asleep, LoadError};
use super::supervise::{self, About};
use super::template::Kind;
use super::template::news::TellTemplates;
use super::template::workshop::{Boots, Workshop};
use super::trial::{self, Accelerator, AcceleratorChoice, Trial, USERS};
use super::{adopt, capabilities, jail, libraries, packing, tsc};
use crate::driver::{BoxFuture, Driver};
use crate::process::order::{self, WithoutCgroup};
use crate::{
    AdoptError, Adopted, Capabilities, FileView, Network, Sandbox, SandboxSpec, StartError, WakeError, WrittenDown,
};
use serde_json::Value;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

mod ready;

use ready::Ready;

/// The memory of a machine whose sandbox has no limit, and the least that a machine starts with, in bytes.
const DEFAULT_MEMORY: u64 = 512 << 20;
const LEAST_MEMORY: u64 = 128 << 20;

/// Where the image is inside the machine, before it becomes the root.
const IMAGE: &str = "/image";

/// How the microVM driver is to work.
#[derive(Clone, Debug)]
pub struct MicrovmConfig {
    /// Where images, the initramfs and the outcome of the trial are kept; made if need be.
    pub directory: PathBuf,
    /// The guest's kernel with its modules, as `sessile microvm setup` lays it out: `boot/vmlinuz-VERSION` and `lib/modules/VERSION`.
    pub kernel: PathBuf,
    /// What may carry machines.
    pub accelerator: AcceleratorChoice,
    /// Memory of the node that templates may take, in bytes; 0 for none.
    pub template_memory: u64,
    /// Who is told of them.
    pub tell_templates: TellTemplates,
}

/// The microVM driver.
struct MicrovmDriver {
    /// The process driver: every machine monitor is a server of it.
    walls: Arc<dyn Driver>,
    machinery: Machinery,
    trial: Trial,
    capabilities: Capabilities,
    places: Places,
    proofs: Arc<Proofs>,
    /// Sessions' machines that boot at once: each takes all of a processor.
    boots: Boots,
    /// Copies that are started at once.
    copies: Arc<Semaphore>,
    templates: Workshop,
}

/// Directories of the host, free of symbolic links.
struct Places {
    /// The parts that machines are made of.
    stock: Arc<Path>,
    images: PathBuf,
}

/// Makes the microVM driver. `walls` is the process driver, which holds each machine's monitor. Takes seconds when nothing is known yet of
/// this host: a trial machine shows what works, and how long each accelerator may try is bounded.
///
/// # Errors
/// [`MicrovmError`] if QEMU or the guest's kernel is missing, or no machine starts here.
pub async fn microvm_driver(
    config: MicrovmConfig,
    walls: Arc<dyn Driver>,
) -> Result<impl Driver + 'static, MicrovmError> {
    let MicrovmConfig { directory, kernel, accelerator, template_memory, tell_templates } = config;
    parts::look(&kernel)?;
    let images = directory.join("images");
    for place in [&directory, &images] {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(place);
        made.map_err(PartError::io("make", place))?;
        parts::sweep(place);
    }
    let directory = directory.canonicalize().map_err(PartError::read(&directory))?;
    let places = Places { stock: directory.as_path().into(), images: directory.join("images") };
    let finding = {
        let directory = directory.clone();
        tokio::task::spawn_blocking(move || parts::find(&kernel, &directory))
    };
    let (found, tsc_khz) = tokio::join!(finding, tsc::khz());
    let mut machinery = found.map_err(|error| PartError::io("prepare", &directory)(error.into()))??;
    machinery.tsc_khz = tsc_khz;
    let trial = trial::find_out(&*walls, &machinery, accelerator, &directory).await?;
    let capabilities = capabilities::of(&trial, walls.capabilities());
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let [turns, copies] = [(); 2].map(|()| Arc::new(Semaphore::new(at_once)));
    let boots = Boots { turns, all: at_once };
    let templates = Workshop::new(Arc::clone(&walls), boots.clone(), template_memory >> 20, tell_templates);
    let proofs = Arc::default();
    Ok(MicrovmDriver { walls, machinery, trial, capabilities, places, proofs, boots, copies, templates })
}

/// What a machine is started with.
struct Disk {
    path: PathBuf,
    /// What the image does not hold: private directories and generated files.
    files: Vec<FileView>,
    notes: Vec<String>,
}

fn invalid(what: impl Into<String>) -> StartError {
    StartError::InvalidSpec { what: what.into() }
}

fn part(error: PartError) -> StartError {
    invalid(error.to_string())
}

impl MicrovmDriver {
    async fn start_one(&self, spec: SandboxSpec) -> Result<Sandbox, StartError> {
        let late = StartError::Timeout { after: spec.start_timeout };
        let deadline = Instant::now() + spec.start_timeout;
        match timeout_at(deadline, self.start_in_time(spec)).await {
            Ok(started) => started,
            Err(_) => Err(late), // whatever had come into being was dropped, and is gone
        }
    }

    async fn start_in_time(&self, spec: SandboxSpec) -> Result<Sandbox, StartError> {
        check(&spec)?;
        let memory = spec.limits.memory.unwrap_or(DEFAULT_MEMORY);
        let disk = self.disk_of(&spec).await?;
        let inside = self.spec_inside(&spec, disk.files);
        let order = order::write_for_guest(&inside, USERS, WithoutCgroup { memory: false, pids: true })?;
        let processors = processors(spec.limits.cpu, self.trial.accelerator);
        let around = self.around(&spec, &self.machinery, memory, processors, &disk.path);
        let key = RestoreKey::of(&around).map_err(part)?;
        let build = self.machinery.build();
        let made = Made { key: key.to_string(), memory, processors, disk: disk.path.clone(), build };
        let badge = Badge { made: made.clone(), notes: disk.notes.clone() };
        let around = jail::Order { note: Some(badge.into_note()?), ..around };
        let Ready { mut machine, is_copy, note, turn } = self.ready(&around, &key).await?;
        let begun = machine.begin(order).await?;
        drop(turn);
        let mut notes = disk.notes;
        notes.extend(note);
        notes.extend(machine.monitor.notes().iter().cloned());
        notes.extend(begun.notes.iter().map(ToString::to_string));
        let about = self.about(made, notes);
        let sandbox = supervise::watch_over(machine, spec.id, about);
        Ok(if is_copy { sandbox.into_copy() } else { sandbox })
    }

    /// The order for the machine of `spec`, which boots.
    fn around<'a>(
        &self,
        spec: &'a SandboxSpec,
        machinery: &'a Machinery,
        memory: u64,
        processors: u32,
        disk: &'a Path,
    ) -> jail::Order<'a> {
        jail::Order {
            id: &spec.id,
            machinery,
            accelerator: self.trial.accelerator,
            disk: Some(disk),
            memory: memory.div_ceil(1 << 20),
            processors,
            place: Memory::Own,
            beginning: Beginning::Boot,
            cpu: spec.limits.cpu,
            orphan_grace: spec.orphan_grace,
            held: spec.held.clone(),
            estate: spec.estate.clone(),
            note: None,
            rest: None,
            leads_out: spec.network == Network::Gate,
            start_timeout: spec.start_timeout,
        }
    }

    /// Has the image and the template made that sessions of `spec`'s kind start from. What is wrong with it, they say themselves.
    async fn get_ready_for(&self, spec: SandboxSpec) {
        if check(&spec).is_err() {
            return;
        }
        let memory = spec.limits.memory.unwrap_or(DEFAULT_MEMORY);
        let Ok(disk) = self.disk_of(&spec).await else { return };
        let processors = processors(spec.limits.cpu, self.trial.accelerator);
        let around = self.around(&spec, &self.machinery, memory, processors, &disk.path);
        if let Ok(key) = RestoreKey::of(&around) {
            self.make_template(&key, &around);
        }
    }

    /// Has the template made that `order`'s machine, of the kind `key`, could be a copy of.
    fn make_template(&self, key: &RestoreKey, order: &jail::Order<'_>) {
        self.templates.make(key, Kind::of(order), RestoreKey::of_kind);
    }

    async fn wake_in_time(&self, spec: SandboxSpec, written: WrittenDown) -> Result<Sandbox, WakeError> {
        check(&spec)?;
        let WrittenDown { asleep, state, beside } = written;
        let Asleep { made, rest, mut notes } = Asleep::read(&asleep)?;
        let Found { machinery, disk } = made.find(&self.places.stock, &beside, &self.machinery)?;
        let around = self.around(&spec, &machinery, made.memory, made.processors, &disk);
        made.check(&RestoreKey::of(&around).map_err(part)?)?;
        let _turn = ready::turn(&self.copies).await?;
        let badge = Badge { made: made.clone(), notes: notes.clone() };
        let around =
            jail::Order { rest: Some(&rest), beginning: Beginning::Restored, note: Some(badge.into_note()?), ..around };
        let deadline = Instant::now() + spec.start_timeout;
        let late = || StartError::Timeout { after: spec.start_timeout };
        let state = Ahead::of(state);
        let launched = timeout_at(deadline, boot::launch(&*self.walls, &around)).await;
        let mut machine = launched.map_err(|_| late())??;
        let loaded = timeout_at(deadline, sleep::load(&mut machine.control, state)).await;
        // Nothing of it has run yet, and who tries again finds nothing of it.
        match loaded {
            Ok(Ok(())) => {}
            Ok(Err(LoadError::State(what))) => {
                machine.end().await;
                return Err(WakeError::Damaged { what });
            }
            Ok(Err(LoadError::Host(why))) => return Err(machine.died(&why).await.into()),
            Err(_) => {
                machine.end().await;
                return Err(late().into());
            }
        }
        let awake = timeout_at(deadline, async {
            machine.control.monitor().await?.command("cont", Value::Null).await?;
            tokio::select! {
                renewed = boot::renew(&mut machine.wire, &self.proofs) => Ok(renewed.map_err(|error| error.to_string())),
                () = machine.control.stopped() => Ok(Err("the guest stopped".to_owned())),
            }
        });
        let awake = awake.await.unwrap_or_else(|_| Ok(Err("it says nothing".into())));
        if let Err(why) = awake.unwrap_or_else(|error: QmpError| Err(error.to_string())) {
            return Err(WakeError::Damaged {
                what: machine.died(&format!("{why} before it was awake")).await.to_string(),
            });
        }
        notes.extend(machine.monitor.notes().iter().cloned());
        made.put_back(&self.places.stock, &beside);
        Ok(supervise::watch_over(machine, spec.id, self.about(made, notes)))
    }

    /// What the watch over a machine of this driver knows of it.
    fn about(&self, made: Made, notes: Vec<String>) -> About {
        About { made, stock: Arc::clone(&self.places.stock), notes, proofs: Arc::clone(&self.proofs), owed: 0 }
    }

    /// The image of a specification: what it shows as its root, or what it lists.
    async fn disk_of(&self, spec: &SandboxSpec) -> Result<Disk, StartError> {
        let root = spec.files.iter().find_map(|file| match file {
            FileView::CopyOnWrite { source, target } if target == Path::new("/") => Some(source.clone()),
            _ => None,
        });
        let is_inside = |file: &&FileView| matches!(file, FileView::Private { .. } | FileView::Text { .. });
        let mut files: Vec<FileView> = spec.files.iter().filter(is_inside).cloned().collect();
        match root {
            Some(image) if image.is_file() => return Ok(Disk { path: image, files, notes: Vec::new() }),
            Some(other) => {
                let what = "is no file: the root of a microVM is an erofs image";
                return Err(invalid(format!("`{}` {what}", other.display())));
            }
            None => {}
        }
        let missing = || StartError::CommandNotFound {
            command: spec.command.first().cloned().unwrap_or_default(),
            searched: "what the view shows".into(),
        };
        let program = libraries::program_of(spec).ok_or_else(missing)?;
        packing::check(&program).map_err(part)?;
        let libraries = libraries::of(&*self.walls, &program, spec).await.map_err(part)?;
        let (spec, images) = (spec.clone(), self.places.images.clone());
        let packed = tokio::task::spawn_blocking(move || {
            let packing = packing::Packing::of(&spec, &program, &libraries)?;
            let path = packing.image(&images)?;
            files.extend(packing::shown_again(&spec, Path::new(IMAGE)));
            Ok(Disk { path, files, notes: packing.left_out })
        });
        packed.await.map_err(|error| StartError::host("make the image")(error.into()))?.map_err(part)
    }

    /// The specification as the guest's init carries it out: the image is the root, and what no image can hold is laid over it.
    fn spec_inside(&self, spec: &SandboxSpec, mut files: Vec<FileView>) -> SandboxSpec {
        files.push(FileView::CopyOnWrite { source: IMAGE.into(), target: "/".into() });
        // What tells two machines apart, even if they are copies of one.
        for (target, id) in [("/etc/machine-id", fresh_id(false)), ("/proc/sys/kernel/random/boot_id", fresh_id(true))]
        {
            files.retain(|file| file.target() != Path::new(target));
            files.push(FileView::Text { target: target.into(), content: format!("{id}\n") });
        }
        SandboxSpec { files, ..spec.clone() }
    }
}

/// What this driver cannot do, said before anything is made.
fn check(spec: &SandboxSpec) -> Result<(), StartError> {
    if spec.network == Network::Host {
        return Err(invalid("a microVM never has the host's network"));
    }
    for file in &spec.files {
        match file {
            FileView::Writable { source, .. } => {
                let what = "no directory of the host can be written from a microVM: leave it out, or use isolation \"process\"";
                return Err(invalid(format!("`{}`: {what}", source.display())));
            }
            FileView::Device { source } => {
                return Err(invalid(format!("`{}`: no device leads into a microVM", source.display())));
            }
            _ => {}
        }
    }
    match spec.limits.memory {
        Some(memory) if memory < LEAST_MEMORY => {
            let least = LEAST_MEMORY >> 20;
            Err(invalid(format!(
                "a microVM's kernel does not start in {memory} bytes of memory: give it {least} MiB or more"
            )))
        }
        _ => Ok(()),
    }
}

/// Processors of a machine. Under emulation one: several that wait for each other make it slower, not faster.
fn processors(cpu: Option<f64>, accelerator: Accelerator) -> u32 {
    let most = std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
    match (accelerator, cpu) {
        (Accelerator::Emulation, _) | (_, None) => 1,
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped before
        (Accelerator::Kvm, Some(cpu)) => cpu.ceil().clamp(1.0, f64::from(most)) as u32,
    }
}

/// 128 random bits, as a UUID (version 4) or as digits.
fn fresh_id(dashes: bool) -> String {
    let mut bytes = [0; 16];
    // A host without randomness would have failed at its entropy long before.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    let digits = parts::hex(&bytes);
    if !dashes {
        return digits;
    }
    let mut id = String::with_capacity(36);
    for (at, digit) in digits.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}

impl Driver for MicrovmDriver {
    fn start(&self, spec: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>> {
        Box::pin(self.start_one(spec))
    }

    fn prepare(&self, spec: SandboxSpec) -> BoxFuture<'_, ()> {
        Box::pin(self.get_ready_for(spec))
    }

    fn hibernates(&self) -> bool {
        true
    }

    fn wake(&self, spec: SandboxSpec, written: WrittenDown) -> BoxFuture<'_, Result<Sandbox, WakeError>> {
        Box::pin(self.wake_in_time(spec, written))
    }

    fn freezes(&self) -> bool {
        self.walls.freezes()
    }

    fn keeps_estates(&self) -> bool {
        self.walls.keeps_estates()
    }

    fn adopt(&self) -> BoxFuture<'_, Vec<Result<Adopted, AdoptError>>> {
        Box::pin(adopt::all(&*self.walls, &self.places.stock, &self.proofs))
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}
