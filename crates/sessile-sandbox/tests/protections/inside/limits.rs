//! Attempts to use up more than was given.

use crate::outcome::{Outcome, done, held};
use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

/// More than the tests give of each, and little enough for any host.
const FILES: usize = 200;
const PROCESSES: usize = 40;
const DISK: usize = 8 << 20;
const MEMORY: usize = 128 << 20;

pub(super) fn attempt(name: &str) -> Option<Outcome> {
    Some(match name {
        "open_many_files" => count((0..FILES).map(|_| File::open("/dev/null")).collect::<Result<Vec<_>, _>>()),
        "start_many_processes" => {
            // They go with their sandbox, which ends with this program.
            count((0..PROCESSES).map(|_| Command::new("/bin/sleep").arg("20").spawn()).collect::<Result<Vec<_>, _>>())
        }
        "take_much_memory" => {
            let taken = vec![1_u8; MEMORY];
            done(format!("{} bytes", std::hint::black_box(&taken).len()))
        }
        "fill_the_disk" => count(File::create("/tmp/full").and_then(|mut file| file.write_all(&vec![1; DISK]))),
        "make_many_files" => count((0..5000).try_for_each(|name| fs::write(format!("/tmp/{name}"), ""))),
        _ => return None,
    })
}

fn count<T>(all: std::io::Result<T>) -> Outcome {
    match all {
        Ok(_) => done("all of it"),
        Err(error) => held(error),
    }
}
