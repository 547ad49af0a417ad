//! What a hostile server tries from inside of a machine, and what whoever got out of the machine would find in the monitor's sandbox.
//! docs/isolation.md has the table.

use crate::support::{config, driver, eventually, installed_image, machine, monitors, run, start};
use rustix::process::geteuid;
use sessile_sandbox::{
    BoxFuture, Capabilities, Driver, Exit, FileView, ProcessConfig, Sandbox, SandboxSpec, StartError, microvm_driver,
    process_driver,
};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Python, in its image.
fn python(program: String) -> SandboxSpec {
    let mut spec = machine("");
    spec.command = vec!["/usr/bin/python3".into(), "-c".into(), program];
    spec.limits.memory = Some(256 << 20);
    spec.files = vec![
        FileView::CopyOnWrite { source: installed_image("python"), target: "/".into() },
        FileView::Private { target: "/tmp".into() },
        FileView::Private { target: "/workspace".into() },
    ];
    spec
}

/// Every line is one attempt, and `held` or `DONE` with what came of it.
const ATTEMPTS: &str = r#"
import ctypes, os, socket, stat
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, act):
    try:
        print("DONE" if act() is not False else "held", name, flush=True)
    except OSError as error:
        print("held", name, os.strerror(error.errno), flush=True)
def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect(address)
def write(path, content=b"x"):
    with open(path, "r+b", buffering=0) as file:
        file.write(content)
attempt("the host, by its port", lambda: connect(socket.AF_INET, ("127.0.0.1", PORT)))
attempt("the host, by QEMU's name for it", lambda: connect(socket.AF_INET, ("10.0.2.2", PORT)))
attempt("metadata", lambda: connect(socket.AF_INET, ("169.254.169.254", 80)))
attempt("the network over IPv6", lambda: connect(socket.AF_INET6, ("2001:db8::1", 80)))
attempt("the hypervisor", lambda: connect(socket.AF_VSOCK, (2, 1024)))
attempt("a raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("a packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3))
for path in ["/dev/vda", "/dev/vport0p1", "/dev/hvc0", "/dev/mem", "/dev/kmsg", "/dev/port", "/proc/kcore", "/image", "/init"]:
    attempt(path, lambda: os.close(os.open(path, os.O_RDONLY)))
attempt("a device of its own", lambda: os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(254, 0)))
attempt("a program of the image", lambda: write("/usr/bin/python3"))
attempt("a sysctl", lambda: write("/proc/sys/kernel/core_pattern", b"|/tmp/x"))
attempt("the magic key", lambda: write("/proc/sysrq-trigger", b"c"))
attempt("ports of the machine", lambda: call(172, 3))
attempt("a reboot", lambda: call(169, 0xfee1dead, 672274793, 0x1234567, 0))
attempt("a module", lambda: call(313, 0, b"", 0))
attempt("another kernel", lambda: call(320, 0, 0, 0, 0, 0))
attempt("the clock", lambda: call(227, 0, ctypes.byref(ctypes.create_string_buffer(16))))
attempt("a mount", lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, 0))
attempt("a user namespace", lambda: call(272, 0x10000000))
attempt("init", lambda: os.kill(1, 9) if os.path.exists("/proc/1/stat") and os.readlink("/proc/1/exe") else False)
print("over", flush=True)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_server_stays_in_its_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let program = ATTEMPTS.replace("PORT", &listener.local_addr().unwrap().port().to_string());
    let said = run(&driver().await, python(program)).await;
    assert_eq!(said.ended.exit, Exit::Code(0), "{said:?}");
    let done: Vec<_> = said.stdout.lines().filter(|line| line.starts_with("DONE")).collect();
    assert!(done.is_empty(), "{done:?}");
    assert_eq!(said.stdout.lines().filter(|line| line.starts_with("held")).count(), 28, "{}", said.stdout);
    assert!(said.stdout.ends_with("over\n"));
    assert!(listener.accept().is_err(), "nobody came");
}

/// It makes processes as fast as it can: its machine is full, the host counts none of them, and it ends when it is told to.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_stays_in_its_machine_and_ends_with_it() {
    let driver = driver().await;
    let mut spec = machine("bomb() { bomb | bomb & }; (while :; do bomb; done) & while :; do :; done");
    spec.limits.pids = Some(40);
    let id = spec.id.to_string();
    let sandbox = start(&driver, spec).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let monitor = monitors(&id)[0];
    let threads = fs::read_dir(format!("/proc/{monitor}/task")).unwrap().count();
    assert!(threads < 40, "the monitor has {threads} threads");
    sandbox.kill();
    let ended = tokio::time::timeout(Duration::from_secs(20), sandbox.ended()).await.unwrap();
    assert_eq!(ended.exit, Exit::Killed);
    assert!(eventually(Duration::from_secs(20), || monitors(&id).is_empty()));
}

/// The process driver, but that a shell is started where the monitor would be.
struct Intruder(Box<dyn Driver>, &'static str);

impl Driver for Intruder {
    fn start(&self, mut spec: SandboxSpec) -> BoxFuture<'_, Result<Sandbox, StartError>> {
        if spec.command.iter().any(|word| word.contains("guest=test-")) {
            spec.command = ["/intruder", "-c", self.1].map(str::to_owned).into();
            let shell = PathBuf::from("/bin/sh").canonicalize().unwrap();
            spec.files.push(FileView::ReadOnly { source: shell, target: "/intruder".into() });
        }
        self.0.start(spec)
    }

    fn capabilities(&self) -> &Capabilities {
        self.0.capabilities()
    }
}

/// All that a guest could do which has taken over QEMU is what QEMU could.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_gets_out_of_the_machine_is_in_the_next_one() {
    const SCRIPT: &str = "exec >&2; echo top /*; echo vmm /vmm/*; echo home /home/* /root/* /var/* /run/* /work/*; \
        while read -r line; do case $line in CapEff*|NoNewPrivs*|Seccomp:*|Uid*) echo $line;; esac; done < /proc/self/status; \
        (echo x > /vmm/disk) 2>/dev/null && echo WROTE disk; (echo x > /vmm/kernel) 2>/dev/null && echo WROTE kernel; \
        (echo x > /usr/lib/x) 2>/dev/null && echo WROTE lib; (read x < /etc/shadow) 2>/dev/null && echo READ shadow; \
        n=0; for p in /proc/[0-9]*; do n=$((n+1)); done; echo processes $n; \
        while read -r name rest; do echo net $name; done < /proc/net/dev; exit 1";
    let walls = Box::new(process_driver(ProcessConfig::default()).unwrap());
    let driver = microvm_driver(config(), Arc::new(Intruder(walls, SCRIPT))).await.unwrap();
    let spec = machine("exit 0");
    let said = driver.start(spec).await.unwrap_err().to_string();
    let words: Vec<&str> = said.split([';', ':', ' ', '\t']).filter(|word| !word.is_empty()).collect();
    let after = |key: &str| words.iter().position(|word| *word == key).and_then(|at| words.get(at + 1)).copied();
    assert!(said.contains("vmm /vmm/disk /vmm/initramfs /vmm/kernel /vmm/qemu /vmm/sessile-porter"), "{said}");
    assert!(said.contains("home /home/* /root/* /var/* /run/* /work/*"), "no directory of the host: {said}");
    assert!(!said.contains("WROTE") && !said.contains("READ"), "{said}");
    assert_eq!(after("CapEff").unwrap().trim_start_matches('0'), "", "{said}");
    assert_eq!((after("NoNewPrivs"), after("Seccomp")), (Some("1"), Some("2")), "{said}");
    assert!(after("processes").unwrap().parse::<u32>().unwrap() < 4, "{said}");
    let interfaces: Vec<_> = words.windows(2).filter(|pair| pair[0] == "net").map(|pair| pair[1]).collect();
    assert_eq!(interfaces.iter().filter(|name| !["Inter-|", "face"].contains(*name)).collect::<Vec<_>>(), [&"lo"]);
    if geteuid().is_root() {
        let own = fs::metadata("/proc/self").unwrap().uid();
        assert_ne!(after("Uid"), Some(own.to_string().as_str()), "{said}");
    }
}
