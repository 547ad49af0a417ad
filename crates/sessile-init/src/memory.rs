//! Giving back memory that was needed for the start only.
#![allow(unsafe_code)]

use rustix::mm::{Advice, madvise};
use rustix::param::page_size;

unsafe extern "C" {
    /// Where this program begins in memory, and where its code ends. Laid down by the linker; only their addresses mean something.
    static __executable_start: u8;
    static etext: u8;
}

/// Lets go of the pages of this program's code. Those that are needed again, few of them, come back from the page cache.
pub(crate) fn give_back_code() {
    let (from, to) = (&raw const __executable_start, &raw const etext);
    let whole_pages = (to.addr().saturating_sub(from.addr())) & !(page_size() - 1);
    // SAFETY: code and constants, which this program never writes: what is dropped is read again from the file.
    let _ = unsafe { madvise(from.cast_mut().cast(), whole_pages, Advice::LinuxDontNeed) };
}
