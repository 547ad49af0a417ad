//! What the standard library would be: memory from the C library, and an end for what must never happen. With it, this program would
//! be half as large again, for unwinding, symbol names and formatting that init has no use for.
#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

/// The C library's memory.
struct Memory;

#[global_allocator]
static MEMORY: Memory = Memory;

/// What `malloc(3)` aligns to by itself.
const ALIGNED: usize = 2 * size_of::<usize>();

// SAFETY: each block comes from the C library, is at least as large and aligned as asked, and goes back to it once.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > ALIGNED {
            return core::ptr::null_mut(); // nothing in this program asks for it
        }
        // SAFETY: takes any size.
        unsafe { libc::malloc(layout.size()).cast() }
    }

    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: the caller gives back what `alloc` or `realloc` gave out.
        unsafe { libc::free(block.cast()) }
    }

    unsafe fn realloc(&self, block: *mut u8, _layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as for `dealloc`; the alignment stays what `alloc` accepted.
        unsafe { libc::realloc(block.cast(), size).cast() }
    }
}

/// Ends init, and with it the sandbox: the kernel clears up, and the runtime finds the sandbox lost.
#[panic_handler]
fn end(_: &PanicInfo<'_>) -> ! {
    // SAFETY: never returns, whatever state the program is in.
    unsafe { libc::abort() }
}

// Rust's and the C library's own code were compiled to unwind, and name these three. Nothing ever unwinds here: a panic aborts, and no
// thread is ever cancelled.

/// Would say what a frame wants of unwinding.
// SAFETY: nothing else in this program has the name.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The same for frames of C.
// SAFETY: nothing else in this program has the name.
#[unsafe(no_mangle)]
extern "C" fn __gcc_personality_v0() {}

/// Would go on unwinding.
// SAFETY: nothing else in this program has the name.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    // SAFETY: never returns, whatever state the program is in.
    unsafe { libc::abort() }
}
