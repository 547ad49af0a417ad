//! Whether a copy's memory is its template's until it is written to, as the kernel tells it (`/proc/PID/smaps`, proc(5)).

use super::NAME;
use std::fs;

/// Looks at the monitor below the process `pid`, whose machine has so many MiB.
pub(super) fn look(pid: i32, size: u64) -> Result<(), String> {
    let maps = family(pid).into_iter().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/smaps")).ok());
    let seen: Vec<Mapping> = maps.flat_map(|maps| mappings(&maps)).collect();
    judge(&seen, size)
}

fn judge(seen: &[Mapping], size: u64) -> Result<(), String> {
    let mapped: u64 = seen.iter().map(|mapping| mapping.size).sum();
    let own: u64 = seen.iter().map(|mapping| mapping.own).sum();
    if mapped != size << 10 {
        return Err(format!("{mapped} KiB of its template are mapped, of {size} MiB"));
    }
    if let Some(odd) = seen.iter().find(|mapping| mapping.access != "rw-p") {
        return Err(format!("its template is mapped as {}", odd.access));
    }
    // What it has written by now is a few MiB.
    if own > mapped / 2 {
        return Err(format!("{own} KiB of {mapped} are its own already"));
    }
    Ok(())
}

/// A process and all below it.
fn family(pid: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let below = children.split_whitespace().filter_map(|child| child.parse().ok()).flat_map(family);
    std::iter::once(pid).chain(below).collect()
}

/// A part of a template in a process.
#[derive(Debug, PartialEq)]
struct Mapping {
    access: String,
    /// In KiB.
    size: u64,
    /// What it has been written to since, in KiB.
    own: u64,
}

/// The parts of templates in a text of `smaps`.
fn mappings(smaps: &str) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = Vec::new();
    let mut is_inside = false;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let amount = || second.parse().unwrap_or(0);
        match (first, found.last_mut().filter(|_| is_inside)) {
            ("Size:", Some(mapping)) => mapping.size = amount(),
            ("Anonymous:", Some(mapping)) => mapping.own = amount(),
            // Everything else that names a value; an address has no colon at its end.
            (name, _) if name.ends_with(':') => {}
            _ => {
                is_inside = line.contains(&format!("/memfd:{NAME} "));
                if is_inside {
                    found.push(Mapping { access: second.to_owned(), size: 0, own: 0 });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
