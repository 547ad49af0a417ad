//! Starting a machine, from its specification to a guest that has proved to be another one than all before.

use super::control::Control;
use super::jail;
use super::wire::{Wire, WireError, Word, understood};
use crate::driver::Driver;
use crate::{Pipes, Sandbox, StartError};
use complaints::Complaints;
use rustix::rand::{GetRandomFlags, getrandom};
use sessile_link::guest::{FromGuest, LINK_VERSION, Renew, ToGuest};
use sessile_link::porter::FromPorter;
use sessile_link::{FromInit, Note, StartOrder, ToInit};
use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

mod complaints;
#[cfg(test)]
mod tests;

/// The proofs of machines that are remembered, to be compared with new ones.
const PROOFS: usize = 65_536;

/// How long QEMU's last words are waited for: it may be the host that is slow.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Proofs that machines have given, to notice two that are the same.
#[derive(Debug, Default)]
pub(super) struct Proofs(Mutex<HashSet<[u8; 16]>>);

impl Proofs {
    /// Takes a proof. `false` if another machine has given it, or if it is none.
    pub(super) fn is_new(&self, proof: [u8; 16]) -> bool {
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
    /// QEMU's sandbox, and its porter's.
    pub(super) monitor: Sandbox,
    /// What will be the server's.
    pub(super) pipes: Pipes,
    pub(super) control: Control,
    pub(super) wire: Wire,
    /// What QEMU complains about.
    complaints: Complaints,
}

/// Boots a machine, until its init waits for an order.
pub(super) async fn boot(walls: &dyn Driver, order: &jail::Order<'_>, proofs: &Proofs) -> Result<Machine, StartError> {
    let mut machine = up(walls, order).await?;
    machine.become_another(proofs).await.map(|()| machine)
}

/// Boots a machine, until it is like every other one of its kind that was just booted, and waits to be made another one.
///
/// Under emulation, on a host that is very busy, a few kernels in a hundred give up before they have a console to say why. Nothing of a
/// server has run then, so each gets another try.
pub(super) async fn up(walls: &dyn Driver, order: &jail::Order<'_>) -> Result<Machine, StartError> {
    match try_up(walls, order).await {
        Err(NotUp::Mute) => try_up(walls, order).await.map_err(|not_up| match not_up {
            NotUp::Mute => died("twice, the guest's kernel stopped without a word before it was up"),
            NotUp::Died(error) => error,
        }),
        Err(NotUp::Died(error)) => Err(error),
        Ok(machine) => Ok(machine),
    }
}

/// Why a machine did not come up. Nothing is left of it.
enum NotUp {
    /// Its kernel has stopped, and said nothing.
    Mute,
    Died(StartError),
}

async fn try_up(walls: &dyn Driver, order: &jail::Order<'_>) -> Result<Machine, NotUp> {
    let mut machine = launch(walls, order).await.map_err(NotUp::Died)?;
    let Machine { wire, control, .. } = &mut machine;
    let why = tokio::select! {
        greeted = greeted(wire) => match greeted {
            Ok(()) => return Ok(machine),
            Err(error) => error.to_string(),
        },
        () = control.stopped() => match console(control).await {
            Some(words) if words.is_empty() => {
                machine.end().await;
                return Err(NotUp::Mute);
            }
            words => {
                let words = words.unwrap_or_default();
                return Err(NotUp::Died(machine.died_saying("the guest stopped before it was up", &words).await));
            }
        },
    };
    Err(NotUp::Died(machine.died(&format!("{why} before it was up")).await))
}

/// What a machine's console said last, if its monitor tells. It tells it once.
async fn console(control: &mut Control) -> Option<String> {
    timeout(LAST_WORDS, last_words(control)).await.ok().flatten()
}

/// Starts a monitor, and its porter.
pub(super) async fn launch(walls: &dyn Driver, order: &jail::Order<'_>) -> Result<Machine, StartError> {
    let host = StartError::host;
    let (ours, theirs) = UnixStream::pair().map_err(host("make the machine's control socket"))?;
    let kept = ours.try_clone().map_err(host("make the machine's control socket"))?;
    let control = Control::over(ours.into()).map_err(host("watch the machine's control socket"))?;
    let mut monitor = walls.start(jail::around(order, theirs.into(), kept.into())).await?;
    let pipes = monitor.take_pipes().ok_or_else(|| died("its monitor has no pipes"))?;
    let stderr = pipes.stderr.try_clone().map_err(host("watch the machine's monitor"))?;
    let mut complaints = Complaints::new(stderr)?;
    let ended = monitor.ended();
    let wire = tokio::select! {
        wire = timeout(order.start_timeout, Wire::take(&monitor)) => {
            wire.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
        }
        _ = ended => Err(WireError::Closed),
    };
    match wire {
        Ok(wire) => Ok(Machine { monitor, pipes, control, wire, complaints }),
        // What it says on standard error tells more.
        Err(WireError::Closed) => {
            let ended = monitor.ended().await;
            Err(died(format!("QEMU ended ({}): {}", ended.exit, complaints.read().await)))
        }
        Err(error) => {
            monitor.kill();
            monitor.ended().await;
            Err(died(error.to_string()))
        }
    }
}

/// Waits for the guest's first word.
async fn greeted(wire: &mut Wire) -> Result<(), WireError> {
    match of_machine(wire).await? {
        FromGuest::Up { link: LINK_VERSION } => Ok(()),
        other => Err(WireError::Nonsense(format!("{other:?} instead of a greeting"))),
    }
}

/// Makes a guest another one than all before, which ends its rest if it had one.
pub(super) async fn renew(wire: &mut Wire, proofs: &Proofs) -> Result<(), WireError> {
    say_renew(wire).await?;
    match of_machine(wire).await? {
        FromGuest::Renewed { proof } if proofs.is_new(proof) => Ok(()),
        FromGuest::Renewed { .. } => Err(WireError::Nonsense("a proof that another machine has given".into())),
        other => Err(WireError::Nonsense(format!("{other:?} instead of a proof"))),
    }
}

/// Tells a guest to be another machine. It answers with a proof.
pub(super) async fn say_renew(wire: &mut Wire) -> Result<(), WireError> {
    wire.say_to_guest(&ToGuest::Renew(renewal()?)).await
}

async fn of_machine(wire: &mut Wire) -> Result<FromGuest, WireError> {
    match wire.next().await? {
        Word::Machine(message) => understood(&message),
        Word::Porter(FromPorter::Broken(why)) => Err(WireError::Nonsense(why)),
        other => Err(WireError::Nonsense(format!("{other:?} before its greeting"))),
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
    /// A machine whose server runs already.
    pub(super) fn adopted(mut monitor: Sandbox, control: OwnedFd, wire: Wire) -> Result<Self, StartError> {
        let control = Control::over(control).map_err(StartError::host("watch the machine's control socket"))?;
        let pipes = monitor.take_pipes().ok_or_else(|| died("its monitor has no pipes"))?;
        let stderr = pipes.stderr.try_clone().map_err(StartError::host("watch the machine's monitor"))?;
        Ok(Self { monitor, pipes, control, wire, complaints: Complaints::new(stderr)? })
    }

    /// Makes it another machine than all before, or ends it.
    pub(super) async fn become_another(&mut self, proofs: &Proofs) -> Result<(), StartError> {
        let Self { wire, control, .. } = self;
        let renewed = tokio::select! {
            renewed = renew(wire, proofs) => renewed.map_err(|error| error.to_string()),
            () = control.stopped() => Err("the guest stopped".to_owned()),
        };
        match renewed {
            Ok(()) => Ok(()),
            Err(why) => Err(self.died(&format!("{why} before it was another machine")).await),
        }
    }

    /// Gives init its order, and waits until the server runs.
    pub(super) async fn begin(&mut self, order: StartOrder) -> Result<Begun, StartError> {
        let too_large =
            |error: WireError| StartError::InvalidSpec { what: format!("command, environment and files: {error}") };
        self.wire.say_to_init(&ToInit::Start(Box::new(order))).await.map_err(too_large)?;
        let answer = tokio::select! {
            answer = self.wire.next() => answer.map_err(|error| error.to_string()),
            () = self.control.stopped() => Err("the guest stopped".to_owned()),
        };
        let why = match answer {
            Ok(Word::Control(message)) => match understood(&message) {
                Ok(FromInit::Started { landlock, notes, .. }) => return Ok(Begun { notes, landlock }),
                Ok(FromInit::Refused(refusal)) => return Err(refusal.into()),
                Ok(FromInit::Exited { .. } | FromInit::Adopted { .. } | FromInit::Connected { .. }) => {
                    "its init ended".to_owned()
                }
                Err(error) => error.to_string(),
            },
            Ok(Word::Porter(FromPorter::Broken(why))) => why,
            Ok(_) => "its init said nonsense".to_owned(),
            Err(why) => why,
        };
        Err(self.died(&why).await)
    }

    /// Ends it. Once that is done, nothing of it is left.
    pub(super) async fn end(&mut self) {
        self.monitor.kill();
        self.monitor.ended().await;
    }

    /// Why it did not come to anything, with what it said last. Ends it.
    pub(super) async fn died(&mut self, why: &str) -> StartError {
        let words = console(&mut self.control).await.unwrap_or_default();
        self.died_saying(why, &words).await
    }

    /// The same of a machine whose console's last `words` were read already.
    async fn died_saying(&mut self, why: &str, words: &str) -> StartError {
        let said = self.complaints.read().await;
        self.end().await;
        died(format!("{why}: {words} {said}").trim_end().to_owned())
    }
}

/// The last lines of a machine's console, as one.
pub(super) async fn last_words(control: &mut Control) -> Option<String> {
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

/// Why a machine did not start, where it is known that it is a machine.
pub(super) fn reason(error: StartError) -> String {
    match error {
        StartError::InitDied { why } => why,
        other => other.to_string(),
    }
}

fn died(why: impl Into<String>) -> StartError {
    StartError::InitDied { why: why.into() }
}
