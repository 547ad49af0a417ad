//! What a server finds inside: itself, loopback, and what it was given.

use crate::support::{driver, is_root, run, script, spec};
use sessile_sandbox::{Exit, FileView};

/// Runs a shell script and gives back what it printed.
async fn printed(text: &str) -> String {
    let said = run(&driver(), script(text)).await;
    assert_eq!(said.ended.exit, Exit::Code(0), "{said:?}");
    said.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_user_1000_without_groups_or_privileges() {
    let out = printed("id -u; id -g; grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status").await;
    let mut lines = out.lines();
    assert_eq!((lines.next(), lines.next()), (Some("1000"), Some("1000")));
    let mut seen = 0;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let expected = match name {
            "NoNewPrivs" => "1",
            "Groups" if is_root() => "",
            "Groups" => continue, // an ordinary user cannot give its groups up
            _ => "0000000000000000",
        };
        assert_eq!(value.trim(), expected, "{name}");
        seen += 1;
    }
    assert!(seen >= 6, "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sandbox_is_another_user_of_the_host() {
    if !is_root() {
        return; // an ordinary user can be nobody but itself
    }
    let user = async || {
        let map = printed("cat /proc/self/uid_map").await;
        let numbers: Vec<u32> = map.split_whitespace().map(|number| number.parse().unwrap()).collect();
        assert_eq!((numbers[0], numbers[2]), (1000, 1), "nobody but the server is mapped");
        numbers[1]
    };
    let (one, two) = (user().await, user().await);
    assert!(one >= 0x7000_0000, "{one}");
    assert_ne!(one, two);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_own_processes_are_there() {
    let out =
        printed("ls /proc | grep -E '^[0-9]+$' | while read p; do cat /proc/$p/comm 2>/dev/null; done | sort -u").await;
    for name in out.lines() {
        assert!(["sh", "ls", "grep", "sort", "cat"].contains(&name), "{out}");
    }
    assert!(!out.contains("init"), "init can be seen: {out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn init_cannot_be_looked_into_or_killed() {
    let out = printed(
        "for f in environ maps mem root cwd fd; do ls -l /proc/1/$f >/dev/null 2>&1 && echo $f; cat /proc/1/$f >/dev/null 2>&1 && echo read $f; done
         kill -9 1 2>/dev/null; kill -TERM 1 2>/dev/null; kill -STOP 1 2>/dev/null; sleep 0.05; echo alive",
    )
    .await;
    assert_eq!(out, "alive\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_is_loopback_and_nothing_else() {
    let out = printed("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; cat /proc/net/route | tail -n +2").await;
    assert_eq!(out, "lo\n");
    let text = "import socket
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(server.getsockname())
print('loopback works')
try:
    socket.create_connection(('192.0.2.1', 80), 2)
except OSError as error:
    print(error.errno)";
    let mut spec = spec(&["/bin/sh", "-c", "exec python3 -c \"$CODE\""]);
    spec.env.push(("CODE".into(), text.into()));
    if std::path::Path::new("/usr/bin/python3").exists() {
        let said = run(&driver(), spec).await;
        assert_eq!(said.stdout, format!("loopback works\n{}\n", libc::ENETUNREACH), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_host_is_there_that_was_not_given() {
    let out = printed("ls -A /; ls -A /dev; cat /proc/mounts | cut -d' ' -f2 | grep -v ^/proc/ | sort -u").await;
    for absent in ["home", "root", "var", "sys", "boot", "srv", "mnt", ".stage", "sda", "mem", "kmsg", "/etc"] {
        assert!(!out.lines().any(|line| line == absent), "{absent} in {out}");
    }
    let out = printed("cat /proc/self/cgroup; wc -c < /proc/cmdline; ls /proc/1 2>&1 | head -1").await;
    assert!(out.lines().next().is_some_and(|line| line.ends_with(":/")), "{out}");
    assert!(out.lines().any(|line| line.trim() == "0"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn system_files_and_proc_cannot_be_written() {
    let out = printed(
        "for f in /x /usr/x /bin/x /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/self/oom_score_adj /dev/x; do
           (echo x > $f) 2>/dev/null && echo written $f; done
         mount -t tmpfs none /tmp 2>/dev/null && echo mounted; umount /proc 2>/dev/null && echo unmounted
         chroot / true 2>/dev/null && echo chrooted; mknod /tmp/null c 1 3 2>/dev/null && echo made; echo end",
    )
    .await;
    assert_eq!(out, "end\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_descriptors_and_no_more_come_in() {
    // Descriptors that are inherited by accident: these two are left open on purpose, without close-on-exec.
    let leaked = rustix::fs::open("/etc/hostname", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let out = printed("for fd in /proc/self/fd/*; do readlink $fd; done | grep -v '^/proc/' | cut -d: -f1").await;
    assert_eq!(out, "pipe\npipe\npipe\n", "the shell's own descriptors are these three");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtimes_keyring_stays_outside() {
    const GET_KEYRING_ID: i64 = 0;
    const SESSION: i64 = -3;
    #[allow(unsafe_code)]
    // SAFETY: asks for a number.
    let outside = unsafe { libc::syscall(libc::SYS_keyctl, GET_KEYRING_ID, SESSION, 0) };
    if outside < 0 || !std::path::Path::new("/usr/bin/perl").exists() {
        return;
    }
    let inside = printed(&format!("perl -e 'print syscall({}, 0, -3, 0)'", libc::SYS_keyctl)).await;
    assert!(inside.parse::<i64>().is_ok_and(|inside| inside != outside), "{inside} inside, {outside} outside");
}

#[tokio::test(flavor = "multi_thread")]
async fn init_takes_little_memory() {
    let driver = driver();
    let (sandbox, _pipes) = crate::support::waiting(&driver, "").await;
    let kib = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", sandbox.pid())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    // Init tidies up after it has reported the start.
    let little = crate::support::eventually(std::time::Duration::from_secs(20), || kib() <= 400);
    assert!(little, "{} KiB are more than the design allows", kib());
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_terminals_and_shared_memory_work() {
    let out = printed(
        "echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c && echo x > /dev/shm/x && cat /dev/shm/x
         ls /dev/pts; test -c /dev/ptmx && echo ptmx",
    )
    .await;
    assert_eq!(out, "4\n4\nx\nptmx\nptmx\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_and_umask_are_as_a_program_expects() {
    let out = printed("umask; grep -E '^Sig(Blk|Ign)' /proc/self/status").await;
    assert_eq!(out, "0022\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn interpreters_start() {
    for (program, arguments, expected) in [
        ("/usr/bin/node", ["-e", "console.log(require('os').cpus().length > 0)"], "true\n"),
        ("/usr/bin/python3", ["-c", "import os, tempfile; print(tempfile.mkdtemp() != '')"], "True\n"),
    ] {
        if !std::path::Path::new(program).exists() {
            continue;
        }
        let mut spec = spec(&[program, arguments[0], arguments[1]]);
        spec.limits.memory = Some(1 << 30);
        spec.files
            .push(FileView::Text { target: "/etc/passwd".into(), content: "s:x:1000:1000::/tmp:/bin/sh\n".into() });
        let said = run(&driver(), spec).await;
        assert_eq!((said.stdout.as_str(), said.ended.exit), (expected, Exit::Code(0)), "{said:?}");
    }
}
