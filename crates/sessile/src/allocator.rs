//! What the C library's allocator is told.
#![allow(unsafe_code)]

/// Bytes from which on freed memory goes back to the host at once (`M_MMAP_THRESHOLD`, mallopt(3)). Left alone, glibc raises that to what was
/// freed last, up to 32 MiB: a node that has written a few sessions to the disk would keep as much in each thread's arena.
#[cfg(target_env = "gnu")]
const RETURNED: i32 = 256 * 1024;

/// Sets it. For the beginning, before there are other threads.
pub(crate) fn settle() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number of the allocator, which no other thread uses yet. If it is refused, everything stays as it was.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, RETURNED);
    }
}
