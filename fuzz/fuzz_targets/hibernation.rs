//! Whatever lies where a hibernated session should: it is refused, without a panic and without more memory than the file is long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile_store::{Label, read_any};

fuzz_target!(|bytes: &[u8]| {
    let label = Label { session: "s-1".into(), server: "files".into(), principal: "ada-1".into(), generation: 1 };
    let _ = read_any(bytes, &label);
});
