//! A machine is written down, and another one made of the same goes on from there.

use crate::support::{blocking, driver, eventually, machine, monitors, read_all, read_line, start, tools, write_line};
use sessile_sandbox::{Driver, Exit, HibernateError, Pipes, Sandbox, SandboxSpec, WakeError, WrittenDown};
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWrite;

/// Keeps what is written to it, or fails after so many bytes.
#[derive(Clone, Default)]
struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    beside: Arc<Beside>,
    full_at: Option<usize>,
}

/// Where a directory may be made for what is kept beside a state, on the driver's own file system. Goes with what is in it.
struct Beside(PathBuf);

impl Default for Beside {
    fn default() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        std::fs::create_dir_all(tools()).unwrap();
        Self(tools().canonicalize().unwrap().join(format!("asleep-{}-{number}", std::process::id())))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl AsyncWrite for Kept {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, piece: &[u8]) -> Poll<io::Result<usize>> {
        let mut bytes = self.bytes.lock().unwrap();
        if self.full_at.is_some_and(|full| bytes.len() >= full) {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        }
        bytes.extend_from_slice(piece);
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Kept {
    /// Has a sandbox written down here.
    async fn write_down(&self, sandbox: &Sandbox) -> Result<String, HibernateError> {
        sandbox.hibernate(self.clone(), self.beside.0.clone()).await
    }

    fn state(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    /// For a driver that is to wake it.
    fn written(&self, asleep: &str) -> WrittenDown {
        self.with_state(asleep, self.state())
    }

    fn with_state(&self, asleep: &str, state: Vec<u8>) -> WrittenDown {
        let state = Box::new(io::Cursor::new(state));
        WrittenDown { asleep: asleep.to_owned(), state, beside: self.beside.0.clone() }
    }
}

/// Counts, and says what time it is and a random number; `last` leaves something unread behind.
const SERVER: &str = r#"n=0
while read line; do
  n=$((n+1))
  case $line in
    last) echo "said last $n"; echo "complained last" >&2;;
    time) read up rest < /proc/uptime; echo "$up";;
    random) read id < /proc/sys/kernel/random/uuid; echo $id;;
    *) echo "$line $n";;
  esac
done
echo "the end after $n""#;

struct Talk {
    sandbox: Sandbox,
    stdin: File,
    stdout: File,
}

fn talk(mut sandbox: Sandbox) -> Talk {
    let Pipes { stdin, stdout, stderr } = sandbox.take_pipes().unwrap();
    drop(stderr);
    Talk { sandbox, stdin: blocking(stdin), stdout: blocking(stdout) }
}

impl Talk {
    fn ask(&mut self, line: &str) -> String {
        write_line(&mut self.stdin, line);
        read_line(&mut self.stdout)
    }
}

fn spec() -> SandboxSpec {
    machine(SERVER)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_goes_on_where_it_was_written_down() {
    goes_on(&driver().await).await;
}

pub(crate) async fn goes_on(driver: &impl Driver) {
    assert!(driver.hibernates());
    let spec = spec();
    let id = spec.id.to_string();
    let mut talk = talk(start(driver, spec.clone()).await);
    assert_eq!(talk.ask("one"), "one 1");
    let before = talk.ask("random");
    for round in 1..=3_u32 {
        // What was said before, and is not read yet, is not lost.
        write_line(&mut talk.stdin, "last");
        let kept = Kept::default();
        let asleep = kept.write_down(&talk.sandbox).await.unwrap();
        assert_eq!(monitors(&id), [0; 0], "nothing of it runs");
        assert_eq!(talk.sandbox.ended().await.exit, Exit::Killed);
        let mut rest = String::new();
        io::Read::read_to_string(&mut talk.stdout, &mut rest).unwrap();
        let heard_before = rest == format!("said last {}\n", round * 3);
        assert!(heard_before || rest.is_empty(), "{rest}");
        let asleep_since = SystemTime::now();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let woken = driver.wake(spec.clone(), kept.written(&asleep)).await.unwrap_or_else(|error| panic!("{error}"));
        drop(std::mem::replace(&mut talk, self::talk(woken)));
        if !heard_before {
            assert_eq!(read_line(&mut talk.stdout), format!("said last {}", round * 3));
        }
        assert_eq!(talk.ask("again"), format!("again {}", round * 3 + 1));
        assert_ne!(talk.ask("random"), before);
        assert!(asleep_since.elapsed().unwrap() < Duration::from_secs(20));
    }
    let Talk { sandbox, stdin, stdout } = talk;
    drop(stdin);
    sandbox.close_stdin();
    let rest = tokio::task::spawn_blocking(move || read_all(std::os::fd::OwnedFd::from(stdout)));
    assert_eq!(rest.await.unwrap(), "the end after 11\n");
    assert_eq!(sandbox.ended().await.exit, Exit::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_are_woken_from_one_state_are_not_the_same() {
    let driver = driver().await;
    let spec = spec();
    let mut first = talk(start(&driver, spec.clone()).await);
    assert_eq!(first.ask("one"), "one 1");
    let kept = Kept::default();
    let asleep = kept.write_down(&first.sandbox).await.unwrap();
    let mut randoms = Vec::new();
    for _ in 0..3 {
        let mut woken = talk(driver.wake(spec.clone(), kept.written(&asleep)).await.unwrap());
        randoms.push(woken.ask("random"));
        // It is not to be in the way of the next one of its name.
        woken.sandbox.stop(Duration::ZERO).await;
    }
    randoms.sort();
    randoms.dedup();
    assert_eq!(randoms.len(), 3, "{randoms:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_cannot_be_kept_goes_on() {
    let driver = driver().await;
    let mut talk = talk(start(&driver, spec()).await);
    assert_eq!(talk.ask("one"), "one 1");
    for full_at in [0, 1 << 20, 8 << 20] {
        let kept = Kept { full_at: Some(full_at), ..Kept::default() };
        let error = kept.write_down(&talk.sandbox).await.unwrap_err();
        assert!(matches!(error, HibernateError::Failed { .. }), "{error}");
        assert!(error.to_string().contains("cannot be kept"), "{error}");
        assert!(talk.ask("still here").starts_with("still here "));
    }
    assert!(Kept::default().write_down(&talk.sandbox).await.is_ok(), "and can be written down later");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_or_of_another_kind_is_not_woken() {
    let driver = driver().await;
    let spec = spec();
    let id = spec.id.to_string();
    let mut talk = talk(start(&driver, spec.clone()).await);
    assert_eq!(talk.ask("one"), "one 1");
    let kept = Kept::default();
    let asleep = kept.write_down(&talk.sandbox).await.unwrap();

    // It keeps the memory that it had; but neither another QEMU nor another image will do.
    let mut larger = spec.clone();
    larger.limits.memory = Some(1 << 30);
    driver.wake(larger, kept.written(&asleep)).await.unwrap().stop(Duration::ZERO).await;
    for (of, to, expected) in
        [("digest ", "digest of ", "it was a machine of "), ("\"qemu-", "\"qemu-of-", "which it was made of, is gone")]
    {
        let asleep = asleep.replace(of, to);
        let mut written = kept.written(&asleep);
        // What was kept of it is not there any more either.
        written.beside.push("gone");
        let error = driver.wake(spec.clone(), written).await.unwrap_err();
        assert!(matches!(error, WakeError::Mismatch { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }

    for cut in [0, 100, 30_000, 1 << 20] {
        let mut state = kept.state();
        state.truncate(cut);
        let error = driver.wake(spec.clone(), kept.with_state(&asleep, state)).await.unwrap_err();
        assert!(matches!(error, WakeError::Damaged { .. }), "{cut}: {error}");
    }
    let error = driver.wake(spec.clone(), kept.written("{}")).await.unwrap_err();
    assert!(matches!(error, WakeError::Damaged { .. }), "{error}");
    assert!(eventually(Duration::from_secs(20), || monitors(&id).is_empty()), "nothing is left of them");
    assert!(driver.wake(spec, kept.written(&asleep)).await.is_ok(), "it has not been used by any of that");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_meanwhile_has_ended() {
    let driver = driver().await;
    let talk = talk(start(&driver, machine("exit 3")).await);
    talk.sandbox.ended().await;
    let error = Kept::default().write_down(&talk.sandbox).await.unwrap_err();
    assert!(matches!(error, HibernateError::Ended(ended) if ended.exit == Exit::Code(3)));
}
