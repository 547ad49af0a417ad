//! The smallest program there is: it ends with status 0.
//!
//! `/bin/true` spends most of its time in the dynamic loader. What is to be known is the cost of a process,
//! so the program is an ELF file of one header, one segment and one system call (elf(5)).

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where the segment is mapped.
const BASE: u64 = 0x40_0000;
const ELF_HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;

/// `exit(0)` in machine code and the ELF machine number.
#[cfg(target_arch = "x86_64")]
const PROGRAM: Option<(u16, &[u8])> = Some((62, b"\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05"));
#[cfg(target_arch = "aarch64")]
const PROGRAM: Option<(u16, &[u8])> = Some((183, b"\xa8\x0b\x80\xd2\x00\x00\x80\xd2\x01\x00\x00\xd4"));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const PROGRAM: Option<(u16, &[u8])> = None;

/// Writes the program into `folder`; on a machine it is not known for, the path of `true`.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(folder: &Path) -> std::io::Result<PathBuf> {
    let Some((machine, code)) = PROGRAM else { return Ok(PathBuf::from("/bin/true")) };
    let path = folder.join("exit");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(&path)?;
    file.write_all(&image(machine, code))?;
    Ok(path)
}

fn image(machine: u16, code: &[u8]) -> Vec<u8> {
    let start = ELF_HEADER + PROGRAM_HEADER;
    let size = start + code.len() as u64;
    let mut elf = Vec::with_capacity(size as usize);
    // Header: 64-bit, little-endian, version 1, System V; then an executable for `machine`.
    elf.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    elf.extend_from_slice(&2_u16.to_le_bytes());
    elf.extend_from_slice(&machine.to_le_bytes());
    elf.extend_from_slice(&1_u32.to_le_bytes());
    for word in [BASE + start, ELF_HEADER, 0] {
        elf.extend_from_slice(&word.to_le_bytes());
    }
    elf.extend_from_slice(&0_u32.to_le_bytes());
    for half in [ELF_HEADER as u16, PROGRAM_HEADER as u16, 1, 0, 0, 0] {
        elf.extend_from_slice(&half.to_le_bytes());
    }
    // One loaded segment, readable and executable: the whole file.
    elf.extend_from_slice(&1_u32.to_le_bytes());
    elf.extend_from_slice(&5_u32.to_le_bytes());
    for word in [0, BASE, BASE, size, size, 0x1000] {
        elf.extend_from_slice(&word.to_le_bytes());
    }
    elf.extend_from_slice(code);
    elf
}
