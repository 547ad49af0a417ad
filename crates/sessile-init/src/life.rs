//! Init's life: take the order, build, start, then [watch](crate::watch) until the server or the patience for a lost runtime ends.

use crate::bequest::Bequest;
use crate::link::{Heard, Link};
use crate::root::Built;
use crate::server::Server;
use crate::watch::Watch;
use crate::{given, held, memory, network, privileges, root, seccomp, server, signals};
use alloc::vec::Vec;
use core::time::Duration;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use sessile_link::{FromInit, Note, Protection, Refusal, StartOrder, ToInit};

/// Runs one sandbox. The exit code means nothing to anybody: the report goes over the link.
pub(crate) fn run() -> i32 {
    let mut link = Link::<ToInit>::inherited();
    held::keep();
    let Heard::Message(ToInit::Start(order)) = link.wait() else {
        return 1; // the runtime went away before it said what it wants
    };
    let begun = begin(&order).and_then(|begun| privileges::resign(order.users).map(|()| begun));
    match begun {
        Ok(begun) => {
            let patience = Duration::from_millis(order.orphan_grace_ms);
            drop(order);
            watch(link, begun, patience)
        }
        Err(refusal) => {
            let _ = link.say(&FromInit::Refused(refusal), &[]);
            1
        }
    }
}

/// A sandbox whose server runs.
pub(crate) struct Begun {
    pub(crate) server: Server,
    pub(crate) signals: OwnedFd,
    pub(crate) built: Built,
    /// What listens for the gate, until it is handed over.
    pub(crate) gate: Option<OwnedFd>,
    bequest: Option<Bequest>,
}

/// Wraps the kernel's answer, for use with `map_err`.
pub(crate) fn kernel(what: &'static str) -> impl FnOnce(Errno) -> Refusal {
    move |errno| Refusal::Kernel { what: what.into(), errno: errno.raw_os_error() }
}

/// Everything up to the server running. Whoever calls this is to [resign](privileges::resign).
pub(crate) fn begin(order: &StartOrder) -> Result<Begun, Refusal> {
    // First of all: nothing else may open descriptors where these lie.
    let given = given::take_over(order).map_err(kernel("take what is for the server"))?;
    let bequest = Bequest::inherited(order).map_err(kernel("keep what is for the next runtime"))?;
    let signals = signals::as_descriptor().map_err(kernel("take signals"))?;
    rustix::process::umask(rustix::fs::Mode::empty());
    if order.keeps(Protection::OwnHostname) {
        rustix::system::sethostname(order.hostname.as_bytes()).map_err(kernel("set the host name"))?;
    }
    if order.loopback {
        network::raise_loopback().map_err(kernel("bring up the loopback interface"))?;
    }
    let gate = order.gate.then(network::listen_for_gate).transpose().map_err(kernel("listen for the gate"))?;
    let hidden = if order.keeps(Protection::OwnCgroup) { privileges::hide_cgroup() } else { Ok(()) };
    let mut built = root::build(order)?;
    // That gives nothing away but the sandbox's id: no reason not to start.
    built.notes.extend(hidden.err().map(|errno| Note::CgroupShown { errno: errno.raw_os_error() }));
    let server = server::start(order, given, &built.proc, &mut built.notes)?;
    Ok(Begun { server, signals, built, gate, bequest })
}

/// Reports the start, gives up what only the start needed, and watches.
fn watch(link: Link<ToInit>, begun: Begun, patience: Duration) -> i32 {
    let Begun { server, signals, built: Built { proc, notes }, gate, mut bequest } = begun;
    let kept_notes = if bequest.is_some() { notes.clone() } else { Vec::new() };
    let started = FromInit::Started { pid: server.pid, landlock: server.landlock, notes };
    let descriptors: Vec<_> = server.host_ends().into_iter().chain(gate.as_ref().map(AsFd::as_fd)).collect();
    let heard = link.say(&started, &descriptors).is_ok();
    // After the report, not before: the kernel takes its time over the end of a mount.
    drop(descriptors);
    drop((started, proc));
    // Nobody inside holds on to it, unless another runtime is to have it.
    match &mut bequest {
        Some(bequest) => bequest.keep(gate, kept_notes),
        None => drop(gate),
    }
    let code = memory::Code::find();
    // Where the kernel has no filters, the server's was refused as well, which has been said.
    let _ = seccomp::confine_init();
    code.give_back();
    Watch::new(link, server, signals, bequest, patience, heard).run()
}
