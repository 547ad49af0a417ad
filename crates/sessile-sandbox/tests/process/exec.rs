//! A further command in a sandbox: it is held exactly as the server is, ends with whoever wants it and with the sandbox, and leaves
//! nothing.

use crate::support::commands::{
    Said, bytes_go_both_ways, ends_and_refusals_are_told_apart, pipes, refused, run_within, shell,
};
use crate::support::leaks::{children, processes_with, sandbox_cgroups_of};
use crate::support::{alone_in_background, blocking, driver, eventually, is_root, read_line, script, waiting};
use sessile_sandbox::{Driver, ExecError, ExecSpec, Exit, Sandbox, Streams, WindowSize, unsandboxed_driver};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

/// What invariant 3 allows.
const PROMPT: Duration = Duration::from_secs(2);

/// How long anything else may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whatever a shell can tell of how it is held.
const SITUATION: &str = "id; umask; pwd; env | sort | grep -v '^_='
    grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Seccomp_filters|SigBlk|SigIgn|NStgid|Cpus_allowed_list)' /proc/self/status | sed 's/^NStgid.*/NStgid/'
    for ns in cgroup ipc mnt net pid pid_for_children uts user; do readlink /proc/self/ns/$ns; done
    cat /proc/self/cgroup /proc/self/uid_map /proc/self/limits /proc/self/mountinfo /proc/self/oom_score_adj /proc/sys/kernel/hostname
    for fd in /proc/self/fd/*; do readlink $fd; done | grep -v '^/proc/' | cut -d: -f1
    ls -A / /dev /proc/self/fd | grep -v '^[0-9]*$'; stat -c %i / /proc /tmp";

/// Runs a command to its end, within [`PATIENCE`].
async fn exec(sandbox: &Sandbox, spec: ExecSpec) -> Said {
    run_within(PATIENCE, sandbox, spec).await
}

async fn line(file: &mut File) -> String {
    let mut copy = file.try_clone().unwrap();
    tokio::task::spawn_blocking(move || read_line(&mut copy)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_held_exactly_as_the_server_is() {
    let driver = driver();
    let mut spec = script(&format!("exec 2>&1; {SITUATION}; echo end; while :; do sleep 1000; done"));
    spec.env.push(("OF_THE_SERVER".into(), "a b".into()));
    let mut sandbox = driver.start(spec).await.unwrap();
    let pipes = sandbox.take_pipes().unwrap();
    let servers = tokio::task::spawn_blocking(move || {
        let mut stdout = blocking(pipes.stdout);
        let lines = std::iter::from_fn(|| Some(read_line(&mut stdout)).filter(|line| line != "end"));
        lines.collect::<Vec<_>>()
    });
    let servers = servers.await.unwrap();
    let said = exec(&sandbox, shell(&format!("exec 2>&1; {SITUATION}"))).await;
    assert_eq!(said.exit, Exit::Code(0), "{said:?}");
    let commands: Vec<_> = said.stdout.lines().map(str::to_owned).collect();
    assert!(servers.len() > 60, "the script says a lot: {servers:?}");
    for (servers, commands) in servers.iter().zip(&commands) {
        assert_eq!(servers, commands);
    }
    assert_eq!(servers.len(), commands.len());
    // So that equal does not mean equally bare.
    for held in
        ["Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000000000", "OF_THE_SERVER=a b", "uid=1000", "tester"]
    {
        assert!(servers.iter().any(|line| line.contains(held)), "{held}: {servers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_counts_in_the_sandboxs_cgroups() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "").await;
    let groups = sandbox_cgroups_of(std::process::id());
    let groups: Vec<_> = groups.iter().filter(|path| path.ends_with(sandbox.id().as_str())).collect();
    if groups.is_empty() {
        assert!(!is_root(), "root has cgroups here");
        return;
    }
    let mut exec = sandbox.exec(shell(": counted-here; echo up; read line")).await.unwrap();
    let pipes = pipes(&mut exec);
    assert_eq!(line(&mut blocking(pipes.stdout)).await, "up");
    let pid = processes_with("counted-here");
    assert_eq!(pid.len(), 1, "{pid:?}");
    for group in groups {
        let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
        assert!(members.lines().any(|member| member == pid[0].to_string()), "{}: {members}", group.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_and_the_working_directory_can_be_its_own() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "").await;
    let mut spec = shell("pwd; echo $PATH:$EXTRA");
    spec.cwd = Some("/tmp".into());
    spec.env = vec![("EXTRA".into(), "one".into()), ("PATH".into(), "/bin".into())];
    assert_eq!(exec(&sandbox, spec).await.stdout, "/tmp\n/bin:one\n");
    let mut spec = shell("true");
    spec.cwd = Some("/nowhere".into());
    let error = sandbox.exec(spec.clone()).await.unwrap_err();
    assert!(matches!(&error, ExecError::WorkingDirectory { path, .. } if path == "/nowhere"), "{error}");
    spec.cwd = Some("tmp".into());
    assert!(matches!(sandbox.exec(spec).await.unwrap_err(), ExecError::Invalid { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_and_signals_are_told_apart_and_a_missing_program_is_named() {
    let driver = driver();
    let (sandbox, _pipes) =
        waiting(&driver, "echo x > /workspace/text; printf '#!/no/such\n' > /tmp/script; chmod +x /tmp/script").await;
    ends_and_refusals_are_told_apart(PATIENCE, &sandbox, "/usr/bin:/bin").await;
    assert!(matches!(refused(&sandbox, "/tmp/script").await, ExecError::MissingInterpreter { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_and_the_end_of_input_is_passed_on() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "").await;
    bytes_go_both_ways(PATIENCE, &sandbox).await;
}

/// What a hostile program could do with what a joining process brings along, if it could get at it.
#[tokio::test(flavor = "multi_thread")]
async fn what_joins_the_sandbox_shows_the_server_nothing() {
    let driver = driver();
    // All that can be seen of any process, as long as it is not the shell's own.
    let spy = "while :; do
        for p in /proc/[0-9]*; do
            for f in exe cwd root; do
                to=$(readlink $p/$f 2>/dev/null) || continue
                case $to in /usr/bin/*|/bin/*|/workspace|/) ;; *) echo \"$p/$f: $to\" >> /workspace/seen;; esac
            done
            for fd in $p/fd/*; do
                to=$(readlink $fd 2>/dev/null) || continue
                case $to in pipe:*|/dev/null|/workspace/seen|/proc|/proc/*/fd) ;; *) echo \"$fd: $to\" >> /workspace/seen;; esac
            done
        done
    done";
    let mut spec = script(&format!("touch /workspace/seen; ({spy}) & ({spy}) & echo ready; wait"));
    spec.limits.cpu = None;
    let mut sandbox = driver.start(spec).await.unwrap();
    let pipes = sandbox.take_pipes().unwrap();
    let mut stdout = blocking(pipes.stdout.try_clone().unwrap());
    assert_eq!(line(&mut stdout).await, "ready");
    for _ in 0..60 {
        assert_eq!(exec(&sandbox, shell("exit 7")).await.exit, Exit::Code(7));
    }
    let said = exec(&sandbox, shell("cat /workspace/seen")).await;
    assert_eq!((said.stdout.as_str(), said.exit), ("", Exit::Code(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gets_no_further_than_the_server() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "").await;
    let leaked = rustix::fs::open("/etc/hostname", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let said = exec(
        &sandbox,
        shell(
            "for f in environ maps mem root cwd fd; do ls -l /proc/1/$f >/dev/null 2>&1 && echo $f; done
             kill -9 1 2>/dev/null; kill -TERM 1 2>/dev/null
             for f in /x /usr/x /proc/sys/kernel/core_pattern /proc/self/oom_score_adj /dev/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done
             mount -t tmpfs none /tmp 2>/dev/null && echo mounted; umount /proc 2>/dev/null && echo unmounted
             unshare -U true 2>/dev/null && echo namespace; chroot / true 2>/dev/null && echo chrooted
             for d in . .. /proc/self/cwd/.. /proc/self/root; do ls -A $d/root $d/home $d/var $d/../../../etc/shadow 2>/dev/null; done
             for fd in /proc/self/fd/*; do readlink $fd; done | grep -v '^/proc/' | cut -d: -f1
             readlink /proc/self/exe /proc/$$/exe; (echo x > /proc/$$/exe) 2>/dev/null && echo overwrote",
        ),
    )
    .await;
    let shell = std::fs::canonicalize("/bin/sh").unwrap();
    let readlink = std::fs::canonicalize("/usr/bin/readlink").unwrap();
    let expected = format!("pipe\npipe\npipe\n{}\n{}\n", readlink.display(), shell.display());
    assert_eq!((said.stdout.as_str(), said.exit), (expected.as_str(), Exit::Code(2)), "{}", said.stderr);
    // Still there: it was not killed with what it tried.
    assert_eq!(exec(&sandbox, self::shell("exit 0")).await.exit, Exit::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_the_server_plants_open_nothing() {
    let driver = driver();
    // The way to a place that may be written is led elsewhere once the server runs: to what may not.
    let mut spec = script("mv /workspace/deep /workspace/moved && ln -s /usr /workspace/deep; echo ready; sleep 1000");
    spec.files.push(sessile_sandbox::FileView::Private { target: "/workspace/deep/bin".into() });
    let mut sandbox = driver.start(spec).await.unwrap();
    let pipes = sandbox.take_pipes().unwrap();
    let mut stdout = blocking(pipes.stdout.try_clone().unwrap());
    assert_eq!(line(&mut stdout).await, "ready");
    let said = exec(
        &sandbox,
        shell("readlink /workspace/deep; echo x > /workspace/ok && cat /workspace/ok; echo x > /usr/bin/x"),
    )
    .await;
    assert_eq!(said.stdout, "/usr\nx\n", "{}", said.stderr);
    assert!(said.stderr.contains("/usr/bin/x"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_the_commands_own() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "").await;
    let mut spec = shell(
        "stty size; tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo three; echo typed > /dev/tty; read line; echo got $line; trap 'stty size; exit 5' WINCH; echo again; while :; do sleep 0.05; done",
    );
    spec.terminal = Some(WindowSize { rows: 31, columns: 97 });
    let mut exec = sandbox.exec(spec).await.unwrap();
    let Streams::Terminal(terminal) = exec.take_streams().unwrap() else { panic!("no terminal") };
    let mut typing = File::from(terminal.try_clone().unwrap());
    typing.write_all(b"hello\n").unwrap();
    let mut screen = blocking(terminal);
    let mut reader = screen.try_clone().unwrap();
    let until_again = tokio::task::spawn_blocking(move || {
        let lines = std::iter::from_fn(|| Some(read_line(&mut reader))).map(|line| line.trim_end().to_owned());
        lines.take_while(|line| line != "again").collect::<Vec<_>>()
    });
    let seen = tokio::time::timeout(PATIENCE, until_again).await.unwrap().unwrap();
    for expected in ["31 97", "/dev/pts/0", "three", "typed", "got hello"] {
        assert!(seen.iter().any(|line| line == expected), "{expected}: {seen:?}");
    }
    exec.resize(WindowSize { rows: 7, columns: 8 });
    assert_eq!(tokio::time::timeout(PATIENCE, exec.ended()).await.unwrap(), Exit::Code(5));
    let mut rest = Vec::new();
    let _ = screen.read_to_end(&mut rest); // the end of a terminal is an error
    assert_eq!(String::from_utf8_lossy(&rest).trim(), "7 8");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_is_not_for_the_server() {
    if !is_root() {
        return; // an ordinary user has no other user to give the terminal to
    }
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "").await;
    let mut spec = shell("echo up; read line; exit 4");
    spec.terminal = Some(WindowSize { rows: 24, columns: 80 });
    let mut with_terminal = sandbox.exec(spec).await.unwrap();
    let Streams::Terminal(terminal) = with_terminal.take_streams().unwrap() else { panic!("no terminal") };
    let mut terminal = blocking(terminal);
    assert_eq!(line(&mut terminal).await.trim_end(), "up");
    let text = "ls /dev/pts; cat < /dev/pts/0
        for p in /proc/[0-9]*; do case $(readlink $p/fd/0) in /dev/pts/0) cat < $p/fd/0;; esac; done";
    let said = exec(&sandbox, shell(text)).await;
    assert_eq!(said.stdout, "0\nptmx\n", "{said:?}");
    assert!(said.stderr.contains("/dev/pts/0: Permission denied"), "{said:?}");
    terminal.write_all(b"secret\n").unwrap();
    assert_eq!(tokio::time::timeout(PATIENCE, with_terminal.ended()).await.unwrap(), Exit::Code(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_handle_kills_its_whole_terminal_session() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "").await;
    for terminal in [None, Some(WindowSize { rows: 24, columns: 80 })] {
        let marker = format!("session-{}-{}", std::process::id(), terminal.is_some());
        // Jobs in process groups of their own (`set -m`), that ignore what can be ignored.
        let job = format!("sh -c \"trap '' HUP TERM INT CONT; while :; do sleep 1000; done\" {marker}");
        let mut spec = shell(&format!("set -m; {job} & {job} & echo up; {job}"));
        spec.terminal = terminal;
        let mut exec = sandbox.exec(spec).await.unwrap();
        let streams = exec.take_streams();
        assert!(eventually(PATIENCE, || processes_with(&marker).len() >= 4), "{:?}", processes_with(&marker));
        let ended = exec.ended();
        drop(exec);
        assert_eq!(tokio::time::timeout(PROMPT, ended).await.expect("within 2 s"), Exit::Signal(9));
        assert!(eventually(PROMPT, || processes_with(&marker).is_empty()), "{:?}", processes_with(&marker));
        drop(streams);
    }
    assert_eq!(exec(&sandbox, shell("exit 0")).await.exit, Exit::Code(0), "the sandbox lives on");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_the_sandbox_and_does_not_hold_it() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "").await;
    let marker = format!("with-the-sandbox-{}", std::process::id());
    // One that left its session outlives its command, and ends here.
    let hidden = format!("(setsid sh -c \"trap '' TERM HUP; while :; do sleep 1000; done\" {marker} &) &");
    assert_eq!(exec(&sandbox, shell(&format!("({hidden}) <&- >&- 2>&-"))).await.exit, Exit::Code(0));
    let mut exec = sandbox
        .exec(shell(&format!(": {marker}; trap '' TERM HUP; echo up; while :; do sleep 1000; done")))
        .await
        .unwrap();
    let pipes = pipes(&mut exec);
    assert_eq!(line(&mut blocking(pipes.stdout.try_clone().unwrap())).await, "up");
    assert!(eventually(PATIENCE, || processes_with(&marker).len() >= 2));
    let before = std::time::Instant::now();
    sandbox.stop(Duration::from_millis(100)).await;
    assert!(before.elapsed() < PROMPT);
    assert_eq!(tokio::time::timeout(PROMPT, exec.ended()).await.unwrap(), Exit::Signal(9));
    assert_eq!(processes_with(&marker), [0; 0]);
    let id = sandbox.id().as_str();
    assert!(!sandbox_cgroups_of(std::process::id()).iter().any(|path| path.ends_with(id)));
    assert!(matches!(sandbox.exec(shell("true")).await, Err(ExecError::Ended)));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leaves_nothing_however_its_start_goes() {
    let driver = driver();
    let (sandbox, _pipes) = waiting(&driver, "").await;
    let marker = format!("abandoned-exec-{}", std::process::id());
    for wait in 0..20 {
        let start = sandbox.exec(shell(&format!(": {marker}; while :; do sleep 1000; done")));
        let _ = tokio::time::timeout(Duration::from_micros(wait * 300), start).await.map(drop);
    }
    assert!(eventually(PROMPT * 2, || processes_with(&marker).is_empty()), "{:?}", processes_with(&marker));
    let parents = || {
        let ours = children(std::process::id());
        processes_with("sessile-exec").into_iter().filter(|pid| ours.contains(pid)).collect::<Vec<_>>()
    };
    // Other tests of this process run commands too; but each of theirs ends.
    let left = parents();
    assert!(eventually(PATIENCE, || !parents().iter().any(|pid| left.contains(pid))), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_may_have_no_further_process_says_so() {
    let driver = driver();
    let enforced = driver.capabilities().of(sessile_sandbox::Feature::Pids).cloned();
    // Init, the shell and these four.
    let mut spec = script("for i in 1 2 3 4; do sleep 1000 & done; echo ready; wait");
    spec.limits.pids = Some(6);
    let mut sandbox = driver.start(spec).await.unwrap();
    let pipes = sandbox.take_pipes().unwrap();
    if !matches!(enforced, Some(sessile_sandbox::Strength::Enforced { .. })) {
        return; // counted by user there, and the shell gives up
    }
    let mut stdout = blocking(pipes.stdout.try_clone().unwrap());
    assert_eq!(line(&mut stdout).await, "ready");
    let error = sandbox.exec(shell("true")).await.map(drop).unwrap_err();
    assert!(matches!(error, ExecError::ProcessLimit), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_isolation_there_is_no_inside() {
    let driver = unsandboxed_driver();
    let mut spec = script("sleep 1000");
    spec.cwd = "/".into();
    let sandbox = driver.start(spec).await.unwrap();
    let error = sandbox.exec(shell("true")).await.map(drop).unwrap_err();
    assert!(matches!(error, ExecError::NotIsolated), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test below in a process of its own, to be killed"]
async fn holder() {
    let marker = std::env::var("SESSILE_TEST_MARKER").unwrap();
    let driver = driver();
    let mut spec = script(&format!(": {marker}-server; while :; do sleep 1000; done"));
    spec.orphan_grace = Duration::from_secs(8);
    let sandbox = driver.start(spec).await.unwrap();
    let command =
        format!("set -m; (trap '' HUP; : {marker}-job; while :; do sleep 1000; done) & : {marker}-command; wait");
    let exec = sandbox.exec(shell(&command)).await.unwrap();
    println!("holding");
    exec.ended().await;
}

#[test]
fn it_ends_with_a_runtime_that_is_killed_before_its_sandbox_does() {
    let marker = format!("exec-holder-{}", std::process::id());
    let mut holder = alone_in_background("exec::holder", &[("SESSILE_TEST_MARKER", &marker)]);
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("holding"))), "the holder came up");
    let (server, command) = (format!("{marker}-server"), format!("{marker}-command"));
    assert!(eventually(PROMPT, || processes_with(&command).len() >= 2), "the command and its job");
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(eventually(PROMPT, || processes_with(&command).is_empty()), "{:?}", processes_with(&command));
    assert!(!processes_with(&server).is_empty(), "the server lives on for its grace");
    let gone = eventually(Duration::from_secs(12), || processes_with(&marker).is_empty());
    assert!(gone, "{:?}", processes_with(&marker));
}
