//! What there is on the host that a server must not get at, laid out for it to try.
#![allow(unsafe_code)]

use crate::outcome::Outcome;
use crate::support::{is_root, read_all, run, spec};
use sessile_sandbox::{Driver, ExecSpec, Exit, FileView, SandboxSpec, Streams};
use std::fs;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// `KEYCTL_GET_KEYRING_ID`, `KEYCTL_JOIN_SESSION_KEYRING` and the session keyring.
const KEYRING_ID: libc::c_long = 0;
const JOIN_KEYRING: libc::c_long = 1;
const SESSION_KEYRING: libc::c_long = -3;

/// The host as these tests lay it out. Goes when dropped.
pub(crate) struct Host {
    place: TempDir,
    program: PathBuf,
    _tcp: TcpListener,
    _abstract: UnixListener,
    shared_memory: i32,
    _leaked: OwnedFd,
    facts: Vec<(String, String)>,
}

impl Host {
    /// Changes the session keyring of this thread, and of those that it makes from now on.
    pub(crate) fn new() -> Self {
        let place = tempfile::Builder::new().prefix("sessile-attempts-").tempdir_in("/tmp").unwrap();
        open_to_all(place.path(), 0o755);
        let program = place.path().join("attempts");
        // By another process: written here, the file would be held open by whatever another test forks at the same time.
        assert!(Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status().unwrap().success());
        open_to_all(&program, 0o755);
        fs::write(place.path().join("marker"), "of the host").unwrap();
        lay_out_what_is_shown(&place.path().join("shown"));

        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let abstract_name = place.path().to_str().unwrap().to_owned();
        let address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        let leaked = leak(&fs::File::create(place.path().join("leaked")).unwrap());
        let key = new_key();
        // SAFETY: makes a small segment of its own, which is removed when the host goes.
        let shared_memory = unsafe { libc::shmget(key, 4096, libc::IPC_CREAT | 0o666) };
        assert!(shared_memory >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: takes numbers and a null name.
        let keyring = unsafe {
            libc::syscall(libc::SYS_keyctl, JOIN_KEYRING, std::ptr::null::<libc::c_char>());
            libc::syscall(libc::SYS_keyctl, KEYRING_ID, SESSION_KEYRING, 0)
        };
        // Any variable that the runtime, here this test, has and no server is given.
        let variable = std::env::vars().map(|(name, _)| name).find(|name| name != "PATH").unwrap();
        let facts = vec![
            ("HOST_VARIABLE".into(), variable),
            ("HOST_PLACE".into(), abstract_name),
            ("HOST_PORT".into(), tcp.local_addr().unwrap().port().to_string()),
            ("HOST_PID".into(), std::process::id().to_string()),
            ("HOST_KEY".into(), key.to_string()),
            ("HOST_KEYRING".into(), keyring.to_string()),
            ("HOST_NAME".into(), rustix::system::uname().nodename().to_str().unwrap().to_owned()),
            ("HOST_LEAK".into(), leaked.as_raw_fd().to_string()),
        ];
        Self { place, program, _tcp: tcp, _abstract: listener, shared_memory, _leaked: leaked, facts }
    }

    /// A sandbox whose server makes the attempt `name`.
    pub(crate) fn spec(&self, name: &str) -> SandboxSpec {
        let program = self.program.to_str().unwrap();
        let mut spec = spec(&[program, "--exact", "inside::attempt", "--ignored", "--nocapture"]);
        spec.cwd = "/tmp".into(); // the host has it too
        spec.env.extend(self.facts.iter().cloned());
        spec.env.push(("ATTEMPT".into(), name.into()));
        let (program, shown) = (self.program.clone(), self.place.path().join("shown"));
        // At the same place as on the host, so that it is there even where the host's root is.
        spec.files.push(FileView::ReadOnly { source: program.clone(), target: program });
        spec.files.push(FileView::ReadOnly { source: shown, target: "/shown".into() });
        spec
    }

    /// Has a server of `driver` make the attempt `name`.
    pub(crate) fn try_it(&self, driver: &impl Driver, name: &str) -> Outcome {
        self.outcome(driver, self.spec(name))
    }

    /// Has a further command beside a server of `driver` make the attempt `name`.
    pub(crate) fn try_it_beside(&self, driver: &impl Driver, name: &str) -> Outcome {
        let mut spec = self.spec(name);
        let command = std::mem::replace(&mut spec.command, vec!["/bin/sleep".into(), "1000".into()]);
        let tokio = tokio::runtime::Runtime::new().unwrap();
        let (stdout, exit) = tokio.block_on(async {
            let sandbox = driver.start(spec).await.unwrap_or_else(|error| panic!("{error}"));
            let order = ExecSpec { command, ..ExecSpec::default() };
            let mut exec = sandbox.exec(order).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let Some(Streams::Pipes(pipes)) = exec.take_streams() else { panic!("no pipes") };
            let reading = tokio::task::spawn_blocking(move || read_all(pipes.stdout));
            (reading.await.unwrap(), exec.ended().await)
        });
        let told = stdout.lines().find_map(|line| line.split_once("outcome: "));
        match (told, exit) {
            (Some((_, outcome)), _) => outcome.parse().unwrap(),
            (None, Exit::Signal(_)) => Outcome::Held(format!("{exit:?}")),
            (None, _) => panic!("{name} said nothing: {stdout} ({exit:?})"),
        }
    }

    /// What came of the attempt that `spec` makes.
    pub(crate) fn outcome(&self, driver: &impl Driver, spec: SandboxSpec) -> Outcome {
        let tokio = tokio::runtime::Runtime::new().unwrap();
        let said = tokio.block_on(run(driver, spec));
        let told = said.stdout.lines().find_map(|line| line.split_once("outcome: "));
        match (told, &said.ended.exit) {
            (Some((_, outcome)), _) => outcome.parse().unwrap(),
            (None, Exit::OutOfMemory { .. } | Exit::Signal(_)) => Outcome::Held(format!("{:?}", said.ended.exit)),
            (None, _) => panic!("it said nothing: {said:?}"),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: removes the segment that `new` made.
        unsafe { libc::shmctl(self.shared_memory, libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

/// `file` once more, where every program that this process starts has it, unless somebody sees to it. Its number is none of the low
/// ones that init is given descriptors at: there, it would be replaced, and held by that.
fn leak(file: &fs::File) -> OwnedFd {
    let leaked = rustix::io::fcntl_dupfd_cloexec(file, 100).unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    leaked
}

/// A key that no other test uses at the same time.
fn new_key() -> i32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id() << 4 | NEXT.fetch_add(1, Ordering::Relaxed) & 0xf;
    0x5000_0000 | i32::try_from(number & 0x0fff_ffff).unwrap()
}

/// A directory for servers to see: a file that anybody may write, and as root a device and a program that makes its user root.
fn lay_out_what_is_shown(shown: &Path) {
    fs::create_dir(shown).unwrap();
    fs::write(shown.join("file"), "of the host").unwrap();
    open_to_all(&shown.join("file"), 0o666);
    if !is_root() {
        return;
    }
    let zero = rustix::fs::makedev(1, 5);
    let mode = rustix::fs::Mode::from_raw_mode(0o666);
    rustix::fs::mknodat(rustix::fs::CWD, shown.join("zero"), rustix::fs::FileType::CharacterDevice, mode, zero)
        .unwrap();
    open_to_all(&shown.join("zero"), 0o666);
    let id = shown.join("id");
    assert!(Command::new("cp").arg("/usr/bin/id").arg(&id).status().unwrap().success());
    open_to_all(&id, 0o4755);
}

fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
