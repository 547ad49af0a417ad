//! Init as the first process of a virtual machine: no kernel of the host is below it, and everything that the runtime says comes over a
//! serial port.
//!
//! The machine is made ready ([`machine`]: modules, devices, a root that can be left), becomes another one than all before
//! ([`renewal`]), and then the order is carried out as it is in every sandbox: the same code builds the root and starts the server. What
//! differs is that no pipe can be handed over: [`relay`] carries them. When init ends, the kernel resets the machine.

mod machine;
mod modules;
mod port;
mod relay;
mod renewal;

use crate::life;
use alloc::format;
use alloc::string::String;
use port::Port;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use sessile_link::guest::{FromGuest, LINK_VERSION, ToGuest};
use sessile_link::{FromInit, Packet, ToInit};

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
    let mut port = Port::open().map_err(cannot("open the link"))?;
    port.say_of_machine(&FromGuest::Up { link: LINK_VERSION }).map_err(cannot("speak over the link"))?;
    let order = loop {
        match port.wait().map_err(cannot("hear from the runtime"))? {
            Packet::Machine(message) => {
                let Ok(ToGuest::Renew(renew)) = serde_json::from_slice(&message) else { return Ok(()) };
                let proof = renewal::renew(&renew).map_err(cannot("become another machine"))?;
                port.say_of_machine(&FromGuest::Renewed { proof }).map_err(cannot("speak over the link"))?;
            }
            Packet::Control(message) => match serde_json::from_slice(&message) {
                Ok(ToInit::Start(order)) => break order,
                _ => return Ok(()),
            },
            _ => return Ok(()), // nothing else makes sense before the start
        }
    };
    let counters = machine::leave_initramfs().map_err(cannot("leave the initial file system"))?;
    // From here on a failure can be told.
    match life::begin(&order) {
        Ok(begun) => relay::watch(port, begun, counters),
        Err(refusal) => {
            port.say(&FromInit::Refused(refusal)).map_err(cannot("speak over the link"))?;
            port.wait_for_the_end();
        }
    }
    Ok(())
}

/// Says something where the host looks when a machine ended without a word.
fn tell_the_console(text: &str) {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    if let Ok(log) = rustix::fs::open("/dev/kmsg", flags, Mode::empty()) {
        let line: String = format!("<0>{text}\n");
        let _ = rustix::io::write(&log, line.as_bytes());
    }
}
