//! Starting a machine, from its specification to a guest that has proved to be another one than all before.

use super::jail::{self, CONTROL};
use super::qmp::Qmp;
use super::wire::{Wire, WireError};
use crate::driver::Driver;
use crate::{Pipes, Sandbox, StartError};
use rustix::rand::{GetRandomFlags, getrandom};
use sessile_link::guest::{FromGuest, LINK_VERSION, Renew, ToGuest};
use sessile_link::streams::MACHINE;
use sessile_link::{FromInit, Note, Packet, StartOrder, ToInit, frame};
use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as BlockingListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::net::UnixListener;
use tokio::time::timeout;

#[cfg(test)]
mod tests;

/// The proofs of machines that are remembered, to be compared with new ones.
const PROOFS: usize = 65_536;

/// What is kept of what QEMU says on standard error, in bytes.
const COMPLAINT: usize = 2048;

/// How long QEMU's last words are waited for.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A machine's directory on the host, gone with this.
#[derive(Debug)]
pub(super) struct RunDirectory(PathBuf);

impl RunDirectory {
    /// Makes the directory `name` in `parent`.
    pub(super) fn new(parent: &Path, name: &str) -> io::Result<Self> {
        let path = parent.canonicalize()?.join(name);
        match fs::create_dir(&path) {
            // What a runtime left behind that was killed; nobody else has this name.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_dir_all(&path)?;
                fs::create_dir(&path)?;
            }
            made => made?,
        }
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A socket in it. The path may be longer than a socket's name can be, so it is made from within. Anybody may connect who sees it:
    /// that is QEMU alone, since the directories above are the runtime's.
    fn listen(&self) -> io::Result<BlockingListener> {
        let directory = rustix::fs::open(
            &self.0,
            rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        )?;
        let within = format!("/proc/self/fd/{}/{CONTROL}", std::os::fd::AsRawFd::as_raw_fd(&directory));
        let listener = BlockingListener::bind(within)?;
        fs::set_permissions(self.0.join(CONTROL), Permissions::from_mode(0o666))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Proofs that machines have given, to notice two that are the same.
#[derive(Debug, Default)]
pub(super) struct Proofs(Mutex<HashSet<[u8; 16]>>);

impl Proofs {
    /// Takes a proof. `false` if another machine has given it, or if it is none.
    fn is_new(&self, proof: [u8; 16]) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PROOFS {
            known.clear();
        }
        proof != [0; 16] && known.insert(proof)
    }
}

/// A machine that runs, with nothing in it yet.
#[derive(Debug)]
pub(super) struct Machine {
    /// QEMU's sandbox.
    pub(super) monitor: Sandbox,
    pub(super) control: Qmp,
    pub(super) wire: Wire,
    /// What QEMU complains about.
    complaints: Complaints,
}

/// Boots a machine, until its init waits for an order.
pub(super) async fn boot(
    walls: &dyn Driver,
    order: &jail::Order<'_>,
    run: &RunDirectory,
    proofs: &Proofs,
) -> Result<Machine, StartError> {
    let listener = run.listen().map_err(StartError::host("make the machine's control socket"))?;
    let mut monitor = walls.start(jail::around(order)).await?;
    let pipes = monitor.take_pipes().ok_or_else(|| died("its monitor has no pipes"))?;
    let Pipes { stdin, stdout, stderr } = pipes;
    let mut complaints = Complaints::new(stderr)?;
    let host = StartError::host;
    let mut wire = Wire::new(stdin, stdout).map_err(host("watch the link"))?;
    let listener = UnixListener::from_std(listener).map_err(host("listen for the machine's monitor"))?;
    let mut control = tokio::select! {
        accepted = listener.accept() => {
            let (socket, _) = accepted.map_err(host("listen for the machine's monitor"))?;
            let socket = socket.into_std().map_err(host("listen for the machine's monitor"))?;
            match Qmp::begin(socket).await {
                Ok(control) => control,
                // What it says on standard error tells more than how it hung up.
                Err(error) => match complaints.read().await.as_str() {
                    "" => return Err(died(error.to_string())),
                    said => return Err(died(said)),
                },
            }
        }
        ended = monitor.ended() => {
            let said = complaints.read().await;
            return Err(died(format!("QEMU ended ({}): {said}", ended.exit)));
        }
    };
    let greeted = tokio::select! {
        greeted = greet(&mut wire, proofs) => greeted.map_err(|error| error.to_string()),
        _ = control.stopped() => Err("the guest stopped".to_owned()),
    };
    match greeted {
        Ok(()) => Ok(Machine { monitor, control, wire, complaints }),
        Err(why) => {
            let console = last_words(&mut control).await;
            let said = complaints.read().await;
            Err(died(format!("{why} before it was up: {} {said}", console.unwrap_or_default()).trim_end().to_owned()))
        }
    }
}

/// Waits for the guest, and makes it another one.
async fn greet(wire: &mut Wire, proofs: &Proofs) -> Result<(), WireError> {
    match of_machine(wire).await? {
        FromGuest::Up { link: LINK_VERSION } => {}
        other => return Err(WireError::Nonsense(format!("{other:?} instead of a greeting"))),
    }
    wire.put(MACHINE, &ToGuest::Renew(renewal()?))?;
    match of_machine(wire).await? {
        FromGuest::Renewed { proof } if proofs.is_new(proof) => Ok(()),
        FromGuest::Renewed { .. } => Err(WireError::Nonsense("a proof that another machine has given".into())),
        other => Err(WireError::Nonsense(format!("{other:?} instead of a proof"))),
    }
}

async fn of_machine(wire: &mut Wire) -> Result<FromGuest, WireError> {
    match wire.wait().await? {
        Packet::Machine(message) => {
            serde_json::from_slice(&message).map_err(|error| WireError::Nonsense(error.to_string()))
        }
        _ => Err(WireError::Nonsense("something before its greeting".into())),
    }
}

/// Entropy and time of this host.
fn renewal() -> io::Result<Renew> {
    let mut entropy = [0; 32];
    if getrandom(&mut entropy, GetRandomFlags::empty())? != entropy.len() {
        return Err(io::Error::other("the host's random number generator gave too little"));
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    Ok(Renew { entropy, seconds, nanoseconds: now.subsec_nanos() })
}

/// A server that runs in a machine.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) notes: Vec<Note>,
    /// The version of Landlock that holds it in the guest; 0 for none.
    pub(super) landlock: u32,
}

impl Machine {
    /// A machine whose parts a test plays.
    #[cfg(test)]
    pub(super) fn played(mut monitor: Sandbox, control: Qmp, wire: Wire) -> Self {
        let stderr = monitor.take_pipes().map(|pipes| pipes.stderr);
        let complaints = stderr.and_then(|stderr| Complaints::new(stderr).ok()).unwrap_or_else(|| unreachable!());
        Self { monitor, control, wire, complaints }
    }

    /// Gives init its order, and waits until the server runs.
    pub(super) async fn begin(&mut self, order: StartOrder) -> Result<Begun, StartError> {
        let too_large =
            |error: WireError| StartError::InvalidSpec { what: format!("command, environment and files: {error}") };
        self.wire.put(frame::CONTROL, &ToInit::Start(Box::new(order))).map_err(too_large)?;
        let answer = tokio::select! {
            answer = self.wire.wait() => answer.map_err(|error| error.to_string()),
            _ = self.control.stopped() => Err("the guest stopped".to_owned()),
        };
        let why = match answer {
            Ok(Packet::Control(message)) => match serde_json::from_slice(&message) {
                Ok(FromInit::Started { landlock, notes, .. }) => return Ok(Begun { notes, landlock }),
                Ok(FromInit::Refused(refusal)) => return Err(refusal.into()),
                Ok(FromInit::Exited { .. } | FromInit::Adopted { .. } | FromInit::Connected { .. }) => {
                    "its init ended".to_owned()
                }
                Err(error) => error.to_string(),
            },
            Ok(_) => "its init said nonsense".to_owned(),
            Err(why) => why,
        };
        let console = last_words(&mut self.control).await.unwrap_or_default();
        Err(died(format!("{why}: {console} {}", self.complaints.read().await).trim_end().to_owned()))
    }
}

/// The last lines of a machine's console, as one.
pub(super) async fn last_words(control: &mut Qmp) -> Option<String> {
    let console = control.console().await.ok()?;
    let lines: Vec<&str> = console.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    // What matters comes first of what a kernel says that gives up; then registers, and how it ends.
    let telling = lines.iter().position(|line| line.contains("panic") || line.contains("sessile-init"));
    let from = telling.unwrap_or_else(|| lines.len().saturating_sub(3));
    let words = lines.iter().skip(from).take(3).map(|line| printable(line)).collect::<Vec<_>>();
    Some(words.join("; "))
}

/// Text that cannot play with a terminal.
fn printable(line: &str) -> String {
    line.chars().filter(|letter| *letter == ' ' || letter.is_ascii_graphic()).take(200).collect()
}

fn died(why: impl Into<String>) -> StartError {
    StartError::InitDied { why: why.into() }
}

/// What QEMU says on standard error: rarely anything, and never much.
#[derive(Debug)]
struct Complaints(super::wire::Pipe);

impl Complaints {
    fn new(stderr: OwnedFd) -> Result<Self, StartError> {
        super::wire::reader(stderr).map(Self).map_err(StartError::host("watch the machine's monitor"))
    }

    /// What it has said so far, the beginning of it.
    async fn read(&mut self) -> String {
        let mut text = vec![0; COMPLAINT];
        let count = timeout(LAST_WORDS, super::wire::read(&self.0, &mut text)).await;
        let count = count.ok().and_then(Result::ok).unwrap_or(0);
        String::from_utf8_lossy(text.get(..count).unwrap_or_default())
            .lines()
            .map(printable)
            .collect::<Vec<_>>()
            .join("; ")
    }
}
