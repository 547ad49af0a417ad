//! A further command in a machine: held exactly as the server is, with streams or a terminal as on the host, and gone with whoever
//! wanted it.

use crate::support::commands::{Said, bytes_go_both_ways, ends_and_refusals_are_told_apart, pipes, run_within, shell};
use crate::support::{blocking, driver, machine, read_line, start};
use sessile_sandbox::{Exec, ExecError, ExecSpec, Exit, FileView, Pipes, Sandbox, SandboxSpec, Streams, WindowSize};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// How long anything may take, on a busy machine that is emulated.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a command goes on at most that nobody wants any more: the two seconds of a session's end, and the time to look, which on a busy
/// machine that is emulated is most of it.
const GONE: Duration = Duration::from_secs(15);

/// Whatever a shell can tell of how it is held, with one program beside it.
const SITUATION: &str = "umask; pwd; echo $OF_THE_SERVER
    while IFS= read -r line; do
        case $line in Uid:*|Gid:*|Groups:*|Cap*|NoNewPrivs:*|Seccomp*|SigBlk:*|SigIgn:*) echo \"$line\";; esac
    done < /proc/self/status
    for ns in cgroup ipc mnt net pid pid_for_children uts user; do readlink /proc/self/ns/$ns; done
    for file in uid_map limits mountinfo oom_score_adj cgroup; do
        while IFS= read -r line; do echo \"$line\"; done < /proc/self/$file
    done
    for fd in /proc/self/fd/*; do readlink $fd; done | while IFS=: read -r kind rest; do case $kind in /*) ;; *) echo $kind;; esac; done
    echo /* /dev/*";

/// A machine that runs `text` and then waits, with a few programs to be run in it.
fn spec(text: &str) -> SandboxSpec {
    let mut spec = machine(&format!("{text}\necho ready; read line"));
    for program in ["cat", "sleep", "stty", "readlink", "tty", "wc", "yes"] {
        let source = Path::new("/usr/bin").join(program);
        spec.files.push(FileView::ReadOnly { source, target: Path::new("/tools").join(program) });
    }
    spec.env = vec![("PATH".into(), "/tools:/usr/bin:/bin".into())];
    spec
}

/// A machine whose server waits, with the pipes that keep it waiting, and what it said first.
async fn waiting(spec: SandboxSpec) -> (Sandbox, Pipes, Vec<String>) {
    let driver = driver().await;
    let mut sandbox = start(&driver, spec).await;
    let pipes = sandbox.take_pipes().unwrap();
    let mut stdout = blocking(pipes.stdout.try_clone().unwrap());
    let said = std::iter::from_fn(move || Some(read_line(&mut stdout)).filter(|line| line != "ready"));
    let said = tokio::task::spawn_blocking(move || said.collect::<Vec<_>>());
    (sandbox, pipes, said.await.unwrap())
}

fn at_terminal(text: &str) -> ExecSpec {
    ExecSpec { terminal: Some(WindowSize { rows: 31, columns: 97 }), ..shell(text) }
}

fn terminal(exec: &mut Exec) -> File {
    match exec.take_streams().unwrap() {
        Streams::Terminal(terminal) => blocking(terminal),
        Streams::Pipes(_) => panic!("no terminal"),
    }
}

async fn end(exec: &Exec) -> Exit {
    tokio::time::timeout(PATIENCE, exec.ended()).await.expect("it ends")
}

/// Runs a command to its end, within [`PATIENCE`].
async fn exec(sandbox: &Sandbox, spec: ExecSpec) -> Said {
    run_within(PATIENCE, sandbox, spec).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_held_exactly_as_the_server_is() {
    let mut spec = spec(&format!("exec 2>&1; {SITUATION}"));
    spec.env.push(("OF_THE_SERVER".into(), "a b".into()));
    let (sandbox, _pipes, servers) = waiting(spec).await;
    let said = exec(&sandbox, shell(&format!("exec 2>&1; {SITUATION}"))).await;
    assert_eq!(said.exit, Exit::Code(0), "{said:?}");
    let commands: Vec<_> = said.stdout.lines().map(str::to_owned).collect();
    assert!(servers.len() > 50, "the script says a lot: {servers:?}");
    assert_eq!(servers, commands);
    // So that equal does not mean equally bare.
    for held in ["Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000000000", "Uid:\t1000", "a b", "300"] {
        assert!(servers.iter().any(|line| line.starts_with(held)), "{held}: {servers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gets_no_further_than_the_server_and_nobody_reaches_what_runs_it() {
    // The server tries it while commands come and go.
    let hostile =
        "(while :; do p=2; while [ $p -lt 60 ]; do [ $p = $$ ] || kill -9 $p; p=$((p+1)); done; done) 2>/dev/null &";
    let (sandbox, _pipes, _) = waiting(spec(hostile)).await;
    let said = exec(
        &sandbox,
        shell(
            "for f in /x /usr/x /proc/sys/kernel/core_pattern /proc/self/oom_score_adj /dev/x /tools/x; do (echo x > $f) 2>/dev/null && echo wrote $f; done
             for f in /dev/vda /dev/vport0p1 /dev/kmsg /image /base /sys/kernel; do [ -e $f ] && echo $f; done
             for p in /proc/[0-9]*; do case $(readlink $p/exe) in */init) echo $p;; esac; done
             for p in 1 2 3 4 5 6 7 8 9; do for f in environ mem root cwd exe; do readlink /proc/$p/$f >/dev/null 2>&1 && [ $p != $$ ] && echo $p/$f; done; done
             echo x > /workspace/ok && cat /workspace/ok; kill -9 1; exit 0",
        ),
    )
    .await;
    assert_eq!((said.stdout.as_str(), said.exit), ("x\n", Exit::Code(0)), "{}", said.stderr);
    for _ in 0..5 {
        assert_eq!(exec(&sandbox, shell("exit 7")).await.exit, Exit::Code(7));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_signals_and_what_cannot_be_run_are_told_apart() {
    let (sandbox, _pipes, _) = waiting(spec("echo x > /workspace/text")).await;
    ends_and_refusals_are_told_apart(PATIENCE, &sandbox, "/tools:/usr/bin:/bin").await;
    let mut spec = shell("pwd; echo $PATH:$EXTRA");
    spec.cwd = Some("/tmp".into());
    spec.env = vec![("EXTRA".into(), "one".into()), ("PATH".into(), "/bin".into())];
    assert_eq!(exec(&sandbox, spec.clone()).await.stdout, "/tmp\n/bin:one\n");
    spec.cwd = Some("/nowhere".into());
    let error = sandbox.exec(spec.clone()).await.unwrap_err();
    assert!(matches!(&error, ExecError::WorkingDirectory { path, .. } if path == "/nowhere"), "{error}");
    spec.cwd = Some("tmp".into());
    assert!(matches!(sandbox.exec(spec.clone()).await.unwrap_err(), ExecError::Invalid { .. }));
    spec.env = vec![("LONG".into(), "x".repeat(2 << 20))];
    spec.cwd = None;
    assert!(matches!(sandbox.exec(spec).await.unwrap_err(), ExecError::Invalid { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_and_nobody_waits_for_who_does_not_read() {
    let (sandbox, _pipes, _) = waiting(spec("")).await;
    // What nobody reads, and what never reads, hold up nobody else.
    let mut unread = sandbox.exec(shell("yes unread")).await.unwrap();
    let _unread = pipes(&mut unread);
    bytes_go_both_ways(PATIENCE, &sandbox).await;
    // A reader that has enough ends the command, as a closed pipe does.
    let mut enough = sandbox.exec(shell("yes; echo $? > /workspace/status")).await.unwrap();
    let Pipes { stdout, stdin: _stdin, stderr: _stderr } = pipes(&mut enough);
    drop(stdout);
    end(&enough).await;
    assert_eq!(self::exec(&sandbox, shell("cat /workspace/status")).await.stdout, "141\n");
    // What is left behind holds the output, and not the end.
    let mut left = sandbox.exec(shell("sleep 1000 & echo first; exit 9")).await.unwrap();
    let Pipes { stdout, .. } = pipes(&mut left);
    assert_eq!(end(&left).await, Exit::Code(9));
    assert_eq!(tokio::task::spawn_blocking(move || read_line(&mut blocking(stdout))).await.unwrap(), "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_the_commands_own() {
    let (sandbox, _pipes, _) = waiting(spec("")).await;
    let text = "stty size; tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo three; echo typed > /dev/tty; read line; echo got $line
        trap 'stty size; exit 5' WINCH; echo again; while :; do sleep 0.05; done";
    let mut exec = sandbox.exec(at_terminal(text)).await.unwrap();
    let mut screen = terminal(&mut exec);
    screen.write_all(b"hello\n").unwrap();
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
    assert_eq!(end(&exec).await, Exit::Code(5));
    let mut rest = Vec::new();
    screen.read_to_end(&mut rest).unwrap();
    assert_eq!(String::from_utf8_lossy(&rest).trim(), "7 8");

    // What closes the terminal and goes on is not ended by that; hanging up ends what waits for it.
    let closed = sandbox.exec(at_terminal("exec <&- >&- 2>&-; sleep 1; exit 6")).await.unwrap();
    assert_eq!(end(&closed).await, Exit::Code(6));
    let mut hung = sandbox.exec(at_terminal("echo up; read line; exit 4")).await.unwrap();
    drop(terminal(&mut hung));
    assert_eq!(end(&hung).await, Exit::Signal(1));
}

/// Whether a file of the sandbox grows no more, soon.
async fn falls_silent(sandbox: &Sandbox, file: &str) -> bool {
    let text = format!("wc -c < {file}; sleep 0.5; wc -c < {file}");
    let until = std::time::Instant::now() + GONE;
    while std::time::Instant::now() < until {
        let said = exec(sandbox, shell(&text)).await.stdout;
        let (before, after) = said.trim().split_once('\n').unwrap_or_else(|| panic!("{said}"));
        if before == after {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_handle_kills_its_whole_terminal_session() {
    let (sandbox, _pipes, _) = waiting(spec("")).await;
    for terminal in [None, Some(WindowSize { rows: 24, columns: 80 })] {
        let beat = "while :; do echo x >> /workspace/beat; sleep 0.05; done";
        let text = format!("set -m; (trap '' HUP TERM; {beat}) & {beat}");
        let exec = sandbox.exec(ExecSpec { terminal, ..shell(&text) }).await.unwrap();
        let ended = exec.ended();
        assert!(!falls_silent_at_once(&sandbox).await, "it beats");
        drop(exec);
        // With the handle goes the terminal: hanging that up may be faster.
        let how = tokio::time::timeout(GONE, ended).await.expect("it is told");
        assert!(how == Exit::Signal(9) || terminal.is_some() && how == Exit::Signal(1), "{how:?}");
        assert!(falls_silent(&sandbox, "/workspace/beat").await);
    }
    // Hanging up alone says the same.
    let mut hung = sandbox
        .exec(at_terminal(
            "set -m; (trap '' HUP; while :; do echo x >> /workspace/beat; sleep 0.05; done) & sleep 1000",
        ))
        .await;
    let hung = hung.as_mut().unwrap();
    assert!(!falls_silent_at_once(&sandbox).await, "it beats");
    drop(terminal(hung));
    assert_eq!(end(hung).await, Exit::Signal(1));
    assert!(falls_silent(&sandbox, "/workspace/beat").await);
    // A start that is given up leaves nothing either.
    let start = sandbox.exec(shell("while :; do echo x >> /workspace/given-up; sleep 0.05; done"));
    let _ = tokio::time::timeout(Duration::from_millis(5), start).await.map(drop);
    exec(&sandbox, shell("echo x >> /workspace/given-up")).await;
    assert!(falls_silent(&sandbox, "/workspace/given-up").await);
}

async fn falls_silent_at_once(sandbox: &Sandbox) -> bool {
    let said =
        exec(sandbox, shell("sleep 0.3; wc -c < /workspace/beat; sleep 1; wc -c < /workspace/beat")).await.stdout;
    said.trim().split_once('\n').is_some_and(|(before, after)| before == after)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machines_end_is_the_commands() {
    let (sandbox, pipes, _) = waiting(spec("")).await;
    let mut exec = sandbox.exec(shell("echo up; while :; do sleep 1; done")).await.unwrap();
    let Pipes { stdout, .. } = self::pipes(&mut exec);
    let up = tokio::task::spawn_blocking(move || read_line(&mut blocking(stdout)));
    assert_eq!(up.await.unwrap(), "up");
    drop(pipes.stdin);
    sandbox.close_stdin();
    let ended = tokio::time::timeout(PATIENCE, sandbox.ended()).await.unwrap();
    assert!(matches!(ended.exit, Exit::Code(_)), "{ended:?}");
    assert!(matches!(end(&exec).await, Exit::Signal(9) | Exit::Lost));
    let error = sandbox.exec(shell("true")).await.map(drop).unwrap_err();
    assert!(matches!(error, ExecError::Ended), "{error}");
}
