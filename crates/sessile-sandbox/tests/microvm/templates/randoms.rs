//! Copies of one machine have nothing in common that is to be random.

use super::Copies;
use crate::support::{driver, installed_image, machine, run};
use sessile_sandbox::{Exit, FileView, SandboxSpec};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::task::JoinSet;

/// What a server in Rust takes for random: run in machines, where it says `random name: value`. On the host it shows the same and proves nothing.
#[test]
#[ignore = "is the server in the machines of the test below"]
fn what_a_server_takes_for_random() {
    let read = |path: &str| fs::read_to_string(path).unwrap().trim().to_owned();
    println!("random machine-id: {}", read("/etc/machine-id"));
    println!("random boot-id: {}", read("/proc/sys/kernel/random/boot_id"));
    println!("random uuid: {}", read("/proc/sys/kernel/random/uuid"));
    let mut bytes = [0_u8; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).unwrap();
    println!("random getrandom: {bytes:?}");
    File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    println!("random urandom: {bytes:?}");
    println!("random hash: {}", RandomState::new().hash_one("same"));
    println!("random at-random: {:?}", at_random());
    assert_eq!(read("/proc/sys/kernel/hostname"), std::env::var("HOSTNAME").unwrap(), "and not its template's");
    let maps = read("/proc/self/maps");
    let library = maps.lines().find(|line| line.contains("libc.so")).unwrap();
    println!("random address: {}", library.split('-').next().unwrap());
}

/// The 16 random bytes that the kernel gave this process (`AT_RANDOM`, getauxval(3)).
fn at_random() -> [u8; 16] {
    const AT_RANDOM: u64 = 25;
    let vector = fs::read("/proc/self/auxv").unwrap();
    let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap());
    let entry = vector.chunks_exact(16).find(|entry| word(&entry[..8]) == AT_RANDOM).unwrap();
    let mut bytes = [0; 16];
    File::open("/proc/self/mem").unwrap().read_exact_at(&mut bytes, word(&entry[8..])).unwrap();
    bytes
}

/// Set to a number, so many copies are compared whatever runs in them: `SESSILE_CLONES=50`.
const COPIES: &str = "SESSILE_CLONES";

/// Runs `count` copies of `spec`'s kind, some at once, and compares what they print: no value may come twice.
async fn never_repeats(count: usize, names: usize, spec: impl Fn() -> SandboxSpec) {
    let count = std::env::var(COPIES).map_or(count, |count| count.parse().expect("a number of copies"));
    let driver = Arc::new(Copies(driver().await));
    let mut running = JoinSet::new();
    let mut seen: HashMap<String, HashSet<String>> = HashMap::new();
    let mut ended = 0;
    for started in 0..count {
        // The first has the template made.
        if started > 3 || started == 1 {
            take(running.join_next().await, &mut seen, &mut ended);
        }
        let (driver, spec) = (Arc::clone(&driver), spec());
        running.spawn(async move { run(&*driver, spec).await });
    }
    while let Some(said) = running.join_next().await {
        take(Some(said), &mut seen, &mut ended);
    }
    assert_eq!((ended, seen.len()), (count, names), "{seen:?}");
    for (name, values) in seen {
        assert_eq!(values.len(), count, "{name} came twice");
    }
}

fn take(
    said: Option<Result<crate::support::Said, tokio::task::JoinError>>,
    seen: &mut HashMap<String, HashSet<String>>,
    ended: &mut usize,
) {
    let Some(said) = said else { return };
    let said = said.unwrap();
    assert_eq!(said.ended.exit, Exit::Code(0), "{said:?}");
    *ended += 1;
    for (name, value) in said.stdout.lines().filter_map(|line| line.strip_prefix("random ")?.split_once(": ")) {
        seen.entry(name.to_owned()).or_default().insert(value.to_owned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_copies_of_a_machine_have_no_random_in_common() {
    let program = std::env::current_exe().unwrap().canonicalize().unwrap();
    let test = "templates::randoms::what_a_server_takes_for_random";
    let spec = || {
        let mut spec = machine("");
        let words = [program.to_str().unwrap(), test, "--exact", "--ignored", "--nocapture", "--quiet"];
        spec.command = words.map(str::to_owned).into();
        spec.hostname = "another".into();
        spec.env.push(("HOSTNAME".into(), spec.hostname.clone()));
        spec.files.push(FileView::ReadOnly { source: program.clone(), target: program.clone() });
        spec
    };
    never_repeats(50, 8, spec).await;
}

/// A specification for a program in an image that `tests/images/install` made.
fn in_image(image: &str, memory: u64, command: &[&str]) -> SandboxSpec {
    let mut spec = machine("");
    spec.command = command.iter().map(|word| (*word).to_owned()).collect();
    spec.limits.memory = Some(memory);
    spec.files = vec![
        FileView::CopyOnWrite { source: installed_image(image), target: "/".into() },
        FileView::Private { target: "/tmp".into() },
        FileView::Private { target: "/workspace".into() },
    ];
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_run_python_have_no_random_in_common() {
    let program = "import os, random, secrets, uuid\n\
                   print('random uuid:', uuid.uuid4(), flush=True)\nprint('random random:', random.random())\n\
                   print('random urandom:', os.urandom(16).hex())\nprint('random secrets:', secrets.token_hex(16))\nprint('random hash:', hash('same'))";
    never_repeats(8, 5, || in_image("python", 256 << 20, &["/usr/bin/python3", "-c", program])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_run_node_have_no_random_in_common() {
    let program = "const crypto = require('crypto'); console.log('random uuid:', crypto.randomUUID()); console.log('random random:', Math.random()); \
                   console.log('random bytes:', crypto.randomBytes(16).toString('hex'));";
    never_repeats(4, 3, || in_image("base", 512 << 20, &["/usr/bin/node", "-e", program])).await;
}
