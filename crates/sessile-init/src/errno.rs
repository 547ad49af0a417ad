//! The error of the last call into the C library.
#![allow(unsafe_code)]

use rustix::io::Errno;

/// Why the last call into the C library failed. To be asked at once.
pub(crate) fn last() -> Errno {
    // SAFETY: errno of this thread, the only one.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}
