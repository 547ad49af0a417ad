//! Init as the first process of a virtual machine: no kernel of the host is below it, and everything that the runtime says comes over a
//! serial port.
//!
//! The machine is made ready ([`machine`]: modules, devices, a root that can be left), becomes another one than all before
//! ([`renewal`]), and then the order is carried out as it is in every sandbox: the same code builds the root and starts the server. What
//! differs is that no pipe can be handed over: [`relay`] carries them. When init ends, the kernel resets the machine.

mod door;
mod machine;
mod modules;
mod relay;
mod renewal;

use crate::carry::Port;
use crate::{clock, life, privileges};
use alloc::format;
use alloc::string::String;
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use sessile_link::guest::{FromGuest, LINK_VERSION, ToGuest};
use sessile_link::streams::MACHINE;
use sessile_link::{FromInit, Packet, ToInit, frame};

/// The first port of the machine's only serial bus; 0 is the console's.
const PORT: &str = "/dev/vport0p1";

/// How long the kernel may take to show it, and how often it is looked for; and how long the host may take to hear what is said.
const PATIENCE: Duration = Duration::from_secs(20);
const PACE: Duration = Duration::from_millis(1);

/// How long init waits to be switched off once it has said everything.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Runs one machine. The kernel takes the end of its first process for a disaster and resets the machine, which is what is wanted.
pub(crate) fn run() -> i32 {
    match live() {
        Ok(()) => 0,
        Err(Fault { what, errno }) => {
            tell_the_console(&format!("sessile-init: cannot {what}: errno {}", errno.raw_os_error()));
            1
        }
    }
}

/// Why there is no sandbox, where nobody could be told over the link.
struct Fault {
    what: &'static str,
    errno: Errno,
}

/// Wraps the kernel's answer, for use with `map_err`.
fn cannot(what: &'static str) -> impl FnOnce(Errno) -> Fault {
    move |errno| Fault { what, errno }
}

fn live() -> Result<(), Fault> {
    machine::show_devices().map_err(cannot("mount /dev"))?;
    modules::load()?;
    let mut port = open_port().map_err(cannot("open the link"))?;
    // What is the same in all machines of one kind is done before the first word: templates are taken then.
    let counters = machine::leave_initramfs().map_err(cannot("leave the initial file system"))?;
    say_of_machine(&mut port, &FromGuest::Up { link: LINK_VERSION })?;
    let order = loop {
        match port.wait().map_err(|_| Errno::PROTO).map_err(cannot("hear from the runtime"))? {
            Packet::Machine(message) => {
                let Ok(ToGuest::Renew(renew)) = serde_json::from_slice(&message) else { return Ok(()) };
                let proof = renewal::renew(&renew).map_err(cannot("become another machine"))?;
                say_of_machine(&mut port, &FromGuest::Renewed { proof })?;
            }
            Packet::Control(message) => match serde_json::from_slice(&message) {
                Ok(ToInit::Start(order)) => break order,
                _ => return Ok(()),
            },
            _ => return Ok(()), // nothing else makes sense before the start
        }
    };
    // From here on a failure can be told.
    let begun = life::begin(&order).and_then(|begun| {
        let door = door::Door::open().map_err(|errno| life::kernel("keep a door")(errno))?;
        privileges::resign(order.users)?;
        Ok((begun, door))
    });
    match begun {
        Ok((begun, door)) => relay::watch(port, begun, counters, door),
        Err(refusal) => {
            say(&mut port, &FromInit::Refused(refusal)).map_err(cannot("speak over the link"))?;
            wait_for_the_end(&mut port);
        }
    }
    Ok(())
}

/// Opens the port, which comes into being a moment after its driver.
fn open_port() -> Result<Port, Errno> {
    let deadline = clock::now() + PATIENCE;
    loop {
        match open(PORT, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            Ok(fd) => {
                let to = rustix::io::fcntl_dupfd_cloexec(&fd, 0)?;
                return Ok(Port::new(fd, to));
            }
            Err(Errno::NOENT) if clock::now() < deadline => clock::sleep(PACE),
            Err(errno) => return Err(errno),
        }
    }
}

/// Says what init says, at once.
fn say(port: &mut Port, message: &FromInit) -> Result<(), Errno> {
    port.put(frame::CONTROL, message)?;
    port.flush_until(clock::now() + PATIENCE)
}

/// Says something about the machine, at once.
fn say_of_machine(port: &mut Port, message: &FromGuest) -> Result<(), Fault> {
    let said = port.put(MACHINE, message).and_then(|()| port.flush_until(clock::now() + PATIENCE));
    said.map_err(cannot("speak over the link"))
}

/// Waits to be switched off: what was said last is on its way until the host has it, and a reset would lose it.
fn wait_for_the_end(port: &mut Port) {
    let deadline = clock::now() + LAST_WAIT;
    let _ = port.flush_until(deadline);
    while clock::now() < deadline {
        let left = clock::timespec(deadline.saturating_sub(clock::now()));
        let from = port.from();
        let _ = poll(&mut [PollFd::from_borrowed_fd(from, PollFlags::IN)], left.as_ref());
        if port.fill().is_err() {
            return;
        }
    }
}

/// Says something where the host looks when a machine ended without a word.
fn tell_the_console(text: &str) {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    if let Ok(log) = rustix::fs::open("/dev/kmsg", flags, Mode::empty()) {
        let line: String = format!("<0>{text}\n");
        let _ = rustix::io::write(&log, line.as_bytes());
    }
}
