//! What a process and its descendants use, summed from `/proc`: for sandboxes without a cgroup. Misses what processes used that
//! ended unseen.

use crate::Usage;
use std::fs;
use std::time::Duration;

/// More processes than this are not looked at one by one.
const MAX_PROCESSES: usize = 4096;

/// `pid` and its descendants, parents first.
pub(crate) fn members(pid: i32) -> Vec<i32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next).filter(|_| found.len() < MAX_PROCESSES) {
        next += 1;
        for task in fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        }
    }
    found
}

/// What `pid` and its descendants use.
pub(crate) fn usage(pid: i32) -> Usage {
    let tick = rustix::param::clock_ticks_per_second().max(1);
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let mut usage = Usage::default();
    let (mut ticks, mut memory, mut threads) = (0, 0, 0);
    for member in members(pid) {
        let Ok(stat) = fs::read_to_string(format!("/proc/{member}/stat")) else {
            continue; // it has ended meanwhile
        };
        // The name may hold anything, blanks and parentheses too; the numbers follow the last one (`proc_pid_stat(5)`).
        let numbers: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |number: usize| numbers.get(number - 3).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        ticks += field(14) + field(15) + field(16) + field(17);
        threads += field(20);
        memory += field(24) * page;
    }
    usage.cpu = Duration::from_millis(ticks.saturating_mul(1000) / tick);
    usage.memory = Some(memory);
    usage.pids = Some(threads);
    usage
}

/// When a process started, in ticks after boot, which together with its number names it for ever.
pub(crate) fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}
