//! QEMU with the very command line of a session's monitor, and nothing of Sessile around it: no sandbox, no porter. This program says to
//! the guest's init what the runtime would.

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};
use sessile_link::frame::{self, CONTROL, Frame, FrameDecoder};
use sessile_link::guest::{Renew, ToGuest};
use sessile_link::streams::{MACHINE, Stream};
use sessile_link::{HostUsers, LeftOut, Program, Rlimits, StartOrder, ToInit, View};
use std::fs::File;
use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// A template's files, as the driver in this process holds them.
pub(crate) struct Template {
    pub(crate) memory: File,
    pub(crate) state: File,
}

/// The files called `sessile-template` and `sessile-state` that this process has open.
pub(crate) fn template() -> Option<Template> {
    let find = |name: &str| {
        let open = std::fs::read_dir("/proc/self/fd").ok()?.flatten();
        let is_it = |path: &std::path::PathBuf| {
            std::fs::read_link(path).is_ok_and(|link| link.to_string_lossy().starts_with(&format!("/memfd:{name}")))
        };
        let path = open.map(|entry| entry.path()).find(is_it)?;
        File::options().read(true).write(name == "sessile-template").open(path).ok()
    };
    Some(Template { memory: find("sessile-template")?, state: find("sessile-state")? })
}

/// How long after its start a machine had got how far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    /// QEMU runs the guest: it boots, or goes on.
    pub(crate) runs: Duration,
    /// The guest's init has proved that it is another machine.
    pub(crate) renewed: Duration,
    pub(crate) answered: Duration,
}

/// A machine whose server has answered. Killed when it is dropped.
pub(crate) struct Bare {
    _share: Share,
    pub(crate) child: Child,
    pub(crate) steps: Steps,
    to: ChildStdin,
    from: Link,
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `line`, the command line of a session's monitor whose parts lie below `parts`, up to the first answer of `cat`.
pub(crate) fn start(line: &[String], parts: &str, template: Option<&Template>) -> Bare {
    let begun = Instant::now();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let given = [Some(theirs.as_fd()), template.map(|template| template.memory.as_fd())];
    for file in given.into_iter().flatten() {
        fcntl_setfd(file, FdFlags::empty()).unwrap();
    }
    let memory = template.map_or(-1, |template| template.memory.as_raw_fd());
    let word = |word: &String| match word.as_str() {
        "socket,id=control,fd=3" => format!("socket,id=control,fd={}", theirs.as_raw_fd()),
        word => word
            .replace("/proc/self/fd/4", &format!("/proc/self/fd/{memory}"))
            .replace("/vmm/", &format!("{parts}/vmm/")),
    };
    let mut command = Command::new(word(&line[0]));
    command.env("QEMU_MODULE_DIR", format!("{parts}/vmm/qemu/modules"));
    command.args(line[1..].iter().map(word)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let share = Share::of(&child);
    for file in given.into_iter().flatten() {
        fcntl_setfd(file, FdFlags::CLOEXEC).unwrap();
    }
    drop(theirs);
    let (mut to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut from = Link { from, frames: FrameDecoder::new(), piece: vec![0; 65536] };
    let mut steps = Steps::default();
    match template {
        Some(template) => {
            let mut qmp = Qmp::over(ours);
            qmp.restore(template);
            steps.runs = begun.elapsed();
        }
        None => {
            from.next(MACHINE); // it is up
            steps.runs = begun.elapsed();
        }
    }
    say(&mut to, MACHINE, &serde_json::to_vec(&ToGuest::Renew(renewal())).unwrap());
    from.next(MACHINE);
    steps.renewed = begun.elapsed();
    say(&mut to, CONTROL, &serde_json::to_vec(&ToInit::Start(Box::new(order()))).unwrap());
    let started = from.next(CONTROL);
    assert!(started.starts_with(b"{\"Started\""), "{}", String::from_utf8_lossy(&started));
    say(&mut to, Stream::STDIN.channel(), b"hello\n");
    assert_eq!(from.next(Stream::STDOUT.channel()), b"hello\n");
    steps.answered = begun.elapsed();
    Bare { _share: share, child, steps, to, from }
}

impl Bare {
    /// Times one round trip.
    pub(crate) fn trip(&mut self) -> Duration {
        let begun = Instant::now();
        say(&mut self.to, Stream::STDIN.channel(), b"hello\n");
        assert_eq!(self.from.next(Stream::STDOUT.channel()), b"hello\n");
        begun.elapsed()
    }
}

/// As the group of a node's sandboxes has: it weighs more than one process.
const SHARES: &str = "8192";

/// A cgroup of its own, as each sandbox has one: on a busy host it would otherwise get a smaller share of the processors.
struct Share(std::path::PathBuf);

impl Share {
    fn of(child: &Child) -> Self {
        let group = std::path::PathBuf::from(format!("/sys/fs/cgroup/cpu/bare-{}", child.id()));
        // Where there is no such hierarchy, it goes without.
        if std::fs::create_dir(&group).is_ok() {
            let _ = std::fs::write(group.join("cpu.shares"), SHARES);
            let _ = std::fs::write(group.join("cgroup.procs"), child.id().to_string());
        }
        Self(group)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// What comes of a guest.
struct Link {
    from: ChildStdout,
    frames: FrameDecoder,
    piece: Vec<u8>,
}

impl Link {
    /// The next frame of a channel; credit and the like is passed over.
    fn next(&mut self, wanted: u8) -> Vec<u8> {
        loop {
            while let Some(Frame { channel, payload }) = self.frames.next().unwrap() {
                if channel == wanted {
                    return payload;
                }
            }
            let count = self.from.read(&mut self.piece).unwrap();
            assert!(count > 0, "QEMU ended");
            self.frames.push(&self.piece[..count]);
        }
    }
}

fn say(to: &mut ChildStdin, channel: u8, payload: &[u8]) {
    let mut bytes = Vec::new();
    frame::encode(channel, payload, &mut bytes).unwrap();
    to.write_all(&bytes).unwrap();
}

fn renewal() -> Renew {
    let mut entropy = [0; 32];
    rustix::rand::getrandom(&mut entropy, rustix::rand::GetRandomFlags::empty()).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Renew { entropy, seconds: i64::try_from(now.as_secs()).unwrap(), nanoseconds: now.subsec_nanos() }
}

/// The order for `cat`, as the runtime writes it.
fn order() -> StartOrder {
    let (server, init) = (1000, 1001);
    StartOrder {
        program: Program::Server { command: vec!["/usr/bin/cat".into()], env: Vec::new(), cwd: "/tmp".into() },
        hostname: "bench".into(),
        views: vec![
            View::CopyOnWrite { source: "/image".into(), target: "/".into() },
            View::Private { target: "/tmp".into() },
        ],
        disk: Some(16 << 20),
        rlimits: Rlimits { open_files: 256, data: None, processes: Some(64) },
        loopback: true,
        gate: false,
        orphan_grace_ms: 0,
        bequest: None,
        given: 0,
        users: HostUsers::Root { server, init },
        without: LeftOut::default(),
    }
}

/// QEMU's control, as much of it as restores a machine.
struct Qmp {
    from: BufReader<UnixStream>,
    to: UnixStream,
}

impl Qmp {
    fn over(socket: UnixStream) -> Self {
        let mut qmp = Self { from: BufReader::new(socket.try_clone().unwrap()), to: socket };
        qmp.line();
        qmp.command("qmp_capabilities", &Value::Null);
        qmp
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.from.read_line(&mut line).unwrap() > 0, "QEMU ended");
        serde_json::from_str(&line).unwrap()
    }

    fn command(&mut self, name: &str, arguments: &Value) -> Value {
        let mut command = json!({ "execute": name });
        if !arguments.is_null() {
            command["arguments"] = arguments.clone();
        }
        writeln!(self.to, "{command}").unwrap();
        self.answer(name)
    }

    fn answer(&mut self, name: &str) -> Value {
        loop {
            let line = self.line();
            assert!(line.get("error").is_none(), "{name}: {line}");
            if let Some(answer) = line.get("return") {
                return answer.clone();
            }
        }
    }

    fn restore(&mut self, template: &Template) {
        let capability = |state| json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": state }] });
        self.command("migrate-set-capabilities", &capability(true));
        // The offset is shared with whoever read it before.
        let state = File::open(format!("/proc/self/fd/{}", template.state.as_raw_fd())).unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let files = [state.as_fd()];
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&files)));
        let command = json!({ "execute": "getfd", "arguments": { "fdname": "state" } }).to_string() + "\n";
        sendmsg(&self.to, &[IoSlice::new(command.as_bytes())], &mut ancillary, SendFlags::empty()).unwrap();
        self.answer("getfd");
        self.command("migrate-incoming", &json!({ "uri": "fd:state" }));
        while self.command("query-migrate", &Value::Null)["status"] != "completed" {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.command("cont", &Value::Null);
    }
}
