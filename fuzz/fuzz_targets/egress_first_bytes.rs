//! The first bytes of a tunnel, read in any portions, come to one verdict; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile_egress::{ClientHello, FirstBytes};

fuzz_target!(|data: &[u8]| {
    let _ = (ClientHello::peek(data), FirstBytes::read(data, true));
    let Some((cut, bytes)) = data.split_first() else { return };
    let early = bytes.get(..usize::from(*cut)).unwrap_or(bytes);
    if let Ok(Some(verdict)) = FirstBytes::read(early, false) {
        assert_eq!(FirstBytes::read(bytes, false), Ok(Some(verdict)));
    }
});
