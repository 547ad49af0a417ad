//! The one thing that both sides read of a program: which loader it asks for.

/// What the segment that names the loader holds (`PT_INTERP`, `elf(5)`): a path, as a rule with a zero at its end. `head` is the beginning of a
/// file; `None` if that is no ELF program of 64 bits, little endian, or names none, or names it further on.
#[must_use]
pub fn loader(head: &[u8]) -> Option<&[u8]> {
    const INTERPRETER: u32 = 3;
    let u16_at = |at: usize| Some(u16::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let u64_at = |at: usize| usize::try_from(u64::from_le_bytes(*head.get(at..)?.first_chunk()?)).ok();
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (u64_at(32)?, usize::from(u16_at(54)?), usize::from(u16_at(56)?));
    for index in 0..count {
        let entry = table.checked_add(index.checked_mul(size)?)?;
        if u32_at(entry)? == INTERPRETER {
            let (from, length) = (u64_at(entry.checked_add(8)?)?, u64_at(entry.checked_add(32)?)?);
            return head.get(from..from.checked_add(length)?);
        }
    }
    None
}
