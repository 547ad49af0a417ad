//! Memory that outlives this process: a file without a name, mapped here and held open by the sandbox's init too.
#![allow(unsafe_code)]

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// A mapped file. Pages that were never touched cost nothing. The size never changes (the file is sealed), so that no access can miss.
///
/// All access is by copying, and by atomic words; nothing in it is ever borrowed, except as [`spare`](Self::spare) says.
#[derive(Debug)]
pub(super) struct Memory {
    start: NonNull<u8>,
    size: usize,
    file: Arc<OwnedFd>,
}

// SAFETY: the mapping is shared memory that belongs to this value until it is dropped, and is accessed as the methods say.
unsafe impl Send for Memory {}
// SAFETY: as above; what concurrent users may touch is kept apart by the callers (each region has one writer).
unsafe impl Sync for Memory {}

impl Memory {
    /// New memory of `size` bytes, all zero.
    pub(super) fn new(size: usize) -> io::Result<Self> {
        let file = memfd_create("sessile-estate", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, size as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Self::map(file, size)
    }

    /// The memory of a process that is gone.
    pub(super) fn open(file: OwnedFd) -> io::Result<Self> {
        let seals = rustix::fs::fcntl_get_seals(&file)?;
        if !seals.contains(SealFlags::SHRINK) {
            return Err(io::Error::other("it may change its size"));
        }
        let size = usize::try_from(fstat(&file)?.st_size).map_err(io::Error::other)?;
        Self::map(file, size)
    }

    fn map(file: OwnedFd, size: usize) -> io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches nobody's memory, and the file cannot shrink below it.
        let start = unsafe { mmap(std::ptr::null_mut(), size, protection, MapFlags::SHARED, &file, 0)? };
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped nowhere"))?;
        Ok(Self { start, size, file: Arc::new(file) })
    }

    /// The file, to be held open by others.
    pub(super) fn file(&self) -> &Arc<OwnedFd> {
        &self.file
    }

    /// How large it is.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The word of this number, counted from the start.
    pub(super) fn word(&self, number: usize) -> &AtomicU64 {
        assert!((number + 1) * WORD <= self.size, "words lie in the header");
        // SAFETY: inside the mapping, which is aligned to pages; whoever uses a word uses it as an atomic.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().add(number * WORD).cast()) }
    }

    /// Whether `length` bytes from `at` are in it.
    fn holds(&self, at: usize, length: usize) -> bool {
        at.checked_add(length).is_some_and(|end| end <= self.size)
    }

    /// Copies bytes in. `false`, with nothing done, where they do not fit.
    pub(super) fn put(&self, at: usize, bytes: &[u8]) -> bool {
        let fits = self.holds(at, bytes.len());
        if fits {
            // SAFETY: inside the mapping, and `bytes` is not: nothing in it is ever lent as shared.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(at), bytes.len()) };
        }
        fits
    }

    /// Copies bytes out; none where they are not in it.
    pub(super) fn get(&self, at: usize, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; if self.holds(at, length) { length } else { 0 }];
        // SAFETY: inside the mapping, as just checked, and the vector is not.
        unsafe { std::ptr::copy_nonoverlapping(self.start.as_ptr().add(at), bytes.as_mut_ptr(), bytes.len()) };
        bytes
    }

    /// Sets bytes to zero.
    pub(super) fn clear(&self, at: usize, length: usize) {
        if self.holds(at, length) {
            // SAFETY: inside the mapping.
            unsafe { self.start.as_ptr().add(at).write_bytes(0, length) };
        }
    }

    /// Gives pages back to the system; they read as zero afterwards. `at` and `length` are whole pages.
    pub(super) fn release(&self, at: usize, length: usize) {
        // What cannot be given back is kept; it is only memory.
        let _ = fallocate(&*self.file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at as u64, length as u64);
    }

    /// Lends bytes to be read into; none where they are not in it.
    ///
    /// # Safety
    /// Nobody else may touch these bytes as long as the loan lasts, by any method.
    #[allow(clippy::mut_from_ref)] // the caller vouches for it
    pub(super) unsafe fn spare(&self, at: usize, length: usize) -> &mut [u8] {
        if !self.holds(at, length) {
            return &mut [];
        }
        // SAFETY: inside the mapping; that nobody else uses them is the caller's promise. Other processes hold the file, and never map it
        // while this one lives.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(at), length) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, which lends nothing any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.size) };
    }
}
