//! Giving back memory that was needed for the start only.
#![allow(unsafe_code)]

use rustix::mm::{Advice, madvise};
use rustix::param::page_size;

unsafe extern "C" {
    /// Where this program begins in memory, and where its code ends. Laid down by the linker; only their addresses mean something.
    static __executable_start: u8;
    static etext: u8;
}

/// The pages of this program's code.
pub(crate) struct Code {
    from: *const u8,
    length: usize,
}

impl Code {
    /// Finds them, which may take more calls than init has later.
    pub(crate) fn find() -> Self {
        let (from, to) = (&raw const __executable_start, &raw const etext);
        Self { from, length: (to.addr().saturating_sub(from.addr())) & !(page_size() - 1) }
    }

    /// Lets go of them. Those that are needed again, few of them, come back from the page cache.
    pub(crate) fn give_back(self) {
        // SAFETY: code and constants, which this program never writes: what is dropped is read again from the file.
        let _ = unsafe { madvise(self.from.cast_mut().cast(), self.length, Advice::LinuxDontNeed) };
    }
}
