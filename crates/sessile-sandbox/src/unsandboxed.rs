//! `--isolation none`: the same interface over a plain process. It protects from nothing, and says so.
//!
//! The server sees the host as this process's user does; [`SandboxSpec::files`], network and host name are not looked at. What can
//! be done without isolation is done: a session and process group of its own, and a cgroup where there is one to be had,
//! with its limits and a kill that reaches everything.
#![allow(unsafe_code)]

use crate::cgroup::{Controller, Group};
use crate::driver::{BoxFuture, Driver};
use crate::process::node::Node;
use crate::sandbox::{Grip, Running};
use crate::{Capabilities, Capability, Ended, Exec, ExecError, ExecSpec, Exit, Feature, Pipes, Sandbox, SandboxSpec};
use crate::{StartError, Strength, Usage};
use crate::{process_tree, readiness};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};
use sessile_link::Loopback;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The driver without isolation.
#[derive(Debug)]
struct UnsandboxedDriver {
    node: Arc<Node>,
    capabilities: Capabilities,
}

/// Makes the driver without isolation.
#[must_use]
pub fn unsandboxed_driver() -> impl Driver + std::fmt::Debug + 'static {
    let node = Arc::new(Node::for_unsandboxed());
    let capabilities = capabilities(&node);
    UnsandboxedDriver { node, capabilities }
}

fn capabilities(node: &Node) -> Capabilities {
    let missing = || Strength::Missing {
        why: "`--isolation none` runs servers as plain processes".into(),
        fix: "use `--isolation process`".into(),
    };
    let cgroup = |controller: Controller| {
        if node.places.have(controller) {
            Strength::Enforced { how: format!("cgroup controller `{}`", controller.name()) }
        } else {
            missing()
        }
    };
    let kill_tree = if node.places.places.is_empty() {
        let why = "without a cgroup, a process that starts a session of its own escapes".into();
        Strength::Fallback { how: "signal to the process group and its descendants".into(), why }
    } else {
        Strength::Enforced { how: "all members of the cgroup".into() }
    };
    let orphans = if node.is_kept() {
        Strength::Enforced { how: "a keeper kills the members of the cgroups".into() }
    } else {
        missing()
    };
    let rows = [
        (Feature::Processes, missing()),
        (Feature::Files, missing()),
        (Feature::HostUser, missing()),
        (Feature::Privileges, missing()),
        (Feature::SystemCalls, missing()),
        (Feature::Landlock, missing()),
        (Feature::CoreDumps, missing()),
        (Feature::Network, missing()),
        (Feature::Names, missing()),
        (Feature::KillTree, kill_tree),
        (Feature::Orphans, orphans),
        (Feature::Memory, cgroup(Controller::Memory)),
        (Feature::OutOfMemory, cgroup(Controller::Memory)),
        (Feature::Pids, cgroup(Controller::Pids)),
        (Feature::Cpu, cgroup(Controller::Cpu)),
        (Feature::Disk, missing()),
        (Feature::Accounting, cgroup(Controller::CpuAccounting)),
    ];
    let rows = rows.into_iter().map(|(feature, strength)| Capability { feature, strength }).collect();
    Capabilities { driver: "none", rows }
}

impl Driver for UnsandboxedDriver {
    fn start(&self, spec: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>> {
        Box::pin(async move {
            let node = Arc::clone(&self.node);
            node.allow(spec.orphan_grace);
            let started = tokio::task::spawn_blocking(move || Plain::start(&spec, node).map(|plain| (plain, spec)));
            let ((plain, pipes), spec) = started.await.map_err(|e| StartError::host("start a process")(e.into()))??;
            plain.watch(pipes, spec)
        })
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

/// A plain process. Dropping it kills what can be found of its tree.
struct Plain {
    child: Child,
    grip: Arc<PlainGrip>,
    _node: Arc<Node>,
}

struct PlainGrip {
    pid: Pid,
    group: Group,
    killed: AtomicBool,
    /// Whether it has been reaped; then its number may be another process's. Whoever signals the number holds the lock.
    reaped: Mutex<bool>,
}

impl Plain {
    fn start(spec: &SandboxSpec, node: Arc<Node>) -> Result<(Self, Pipes), StartError> {
        let Some((program, arguments)) = spec.command.split_first() else {
            return Err(StartError::InvalidSpec { what: "the command is empty".into() });
        };
        if !spec.given.is_empty() {
            return Err(StartError::InvalidSpec { what: "without isolation no server is given descriptors".into() });
        }
        let group = Group::new(&node.places.places, spec.id.as_str(), &spec.limits)?;
        let joining = group.joining()?;
        let files = joining.files(false);
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(spec.env.iter().map(|(key, value)| (key, value)));
        command.current_dir(&spec.cwd).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: makes only system calls, on descriptors that `joining` keeps open until the child has run its program.
        unsafe {
            command.pre_exec(move || {
                for file in &files {
                    if libc::write(*file, c"0".as_ptr().cast(), 1) != 1 {
                        return Err(io::Error::last_os_error());
                    }
                }
                rustix::process::setsid()?;
                Ok(())
            })
        };
        let mut child = command.spawn().map_err(|source| not_started(spec, program, source))?;
        let ends = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (Some(pid), (Some(stdin), Some(stdout), Some(stderr))) = (pid, ends) else {
            let _ = child.kill();
            return Err(StartError::InitDied { why: "it has no pipes".into() });
        };
        let grip = PlainGrip { pid, group, killed: AtomicBool::new(false), reaped: Mutex::new(false) };
        let plain = Self { child, grip: Arc::new(grip), _node: node };
        let pipes = Pipes { stdin: stdin.into(), stdout: stdout.into(), stderr: stderr.into() };
        for end in [&pipes.stdin, &pipes.stdout, &pipes.stderr] {
            fcntl_setfl(end, OFlags::NONBLOCK).map_err(|e| StartError::host("set up a pipe")(e.into()))?;
        }
        Ok((plain, pipes))
    }

    fn watch(mut self, pipes: Pipes, spec: SandboxSpec) -> Result<Sandbox, StartError> {
        let pidfd: OwnedFd = pidfd_open(self.grip.pid, PidfdFlags::empty())
            .map_err(|error| StartError::host("watch the process")(error.into()))?;
        let pidfd = readiness::watch(pidfd).map_err(StartError::host("watch the process"))?;
        let (say_ended, ended) = watch::channel(None);
        let grip = Arc::clone(&self.grip);
        let limit = spec.limits.memory;
        // It ends by itself soon after the process does. If the tokio runtime goes first, dropping it kills the process.
        tokio::spawn(async move {
            let _ = pidfd.readable().await;
            let ended = tokio::task::spawn_blocking(move || self.bury(limit)).await;
            let _ = say_ended.send(ended.ok());
        });
        let pid = grip.pid.as_raw_nonzero().get();
        let notes = vec!["`--isolation none`: the server can do all that this user can".to_owned()];
        Ok(Sandbox::new(Running { id: spec.id, pid, notes, pipes, egress: None, grip, ended }))
    }

    /// Reaps the process, which has ended, and kills what it left.
    fn bury(&mut self, limit: Option<u64>) -> Ended {
        let grip = &self.grip;
        let usage = grip.usage();
        // Before it is reaped, while its number is still its own.
        grip.kill_tree();
        let mut reaped = grip.lock();
        let status = self.child.wait(); // at once: it has ended
        *reaped = true;
        drop(reaped);
        grip.group.remove();
        let starved = usage.out_of_memory_kills.is_some_and(|kills| kills > 0);
        let signal = status.as_ref().ok().and_then(ExitStatusExt::signal);
        let exit = match (status.ok().and_then(|status| status.code()), signal) {
            (Some(0), _) => Exit::Code(0),
            _ if starved => Exit::OutOfMemory { limit, peak: usage.memory_peak },
            (Some(code), _) => Exit::Code(code),
            (None, Some(libc::SIGKILL)) if grip.killed.load(Ordering::Relaxed) => Exit::Killed,
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Lost,
        };
        Ended { exit, usage }
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        if !*self.grip.lock() {
            self.grip.kill_tree();
            let mut reaped = self.grip.lock();
            let _ = self.child.wait();
            *reaped = true;
        }
    }
}

impl PlainGrip {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.reaped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kill_tree(&self) {
        let reaped = self.lock();
        if *reaped {
            return;
        }
        let members = process_tree::members(self.pid.as_raw_nonzero().get());
        let _ = kill_process_group(self.pid, Signal::KILL);
        for member in members.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(member, Signal::KILL);
        }
        self.group.kill();
    }
}

impl Grip for PlainGrip {
    fn close_stdin(&self) {} // nobody else holds a copy

    fn terminate(&self) {
        let reaped = self.lock();
        if !*reaped {
            let _ = kill_process(self.pid, Signal::TERM);
        }
    }

    fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        self.kill_tree();
    }

    fn usage(&self) -> Usage {
        if self.group.is_empty() { process_tree::usage(self.pid.as_raw_nonzero().get()) } else { self.group.usage() }
    }

    /// Its loopback is the host's.
    fn connect(&self, to: Loopback, port: u16) -> BoxFuture<'static, io::Result<OwnedFd>> {
        let (family, address) = match to {
            Loopback::V4 => (AddressFamily::INET, SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            Loopback::V6 => (AddressFamily::INET6, SocketAddr::from((Ipv6Addr::LOCALHOST, port))),
        };
        let connecting = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(family, SocketType::STREAM, flags, None)?;
            match connect(&socket, &address) {
                Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
                Err(errno) => Err(errno.into()),
            }
        };
        let socket = connecting();
        Box::pin(async { socket })
    }

    fn exec(&self, _: ExecSpec) -> BoxFuture<'static, Result<Exec, ExecError>> {
        Box::pin(async { Err(ExecError::NotIsolated) })
    }
}

fn not_started(spec: &SandboxSpec, program: &str, source: io::Error) -> StartError {
    let path = spec.env.iter().find(|(key, _)| key == "PATH").map(|(_, value)| value.as_str());
    match source.kind() {
        io::ErrorKind::NotFound if !spec.cwd.is_dir() => {
            StartError::WorkingDirectory { path: spec.cwd.display().to_string(), source }
        }
        io::ErrorKind::NotFound => StartError::CommandNotFound {
            command: program.to_owned(),
            searched: if program.contains('/') { program } else { path.unwrap_or_default() }.to_owned(),
        },
        io::ErrorKind::PermissionDenied => StartError::NotExecutable { path: program.to_owned(), source },
        _ => StartError::Host { what: "start the process", source },
    }
}
