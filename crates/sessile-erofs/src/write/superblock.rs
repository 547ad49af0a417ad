//! `struct erofs_super_block`.

use super::BLOCK;
use super::inode::nid;
use super::plan::Plan;

const OFFSET: usize = 1024;
const MAGIC: u32 = 0xE0F5_E1E2;
/// A checksum is there (`EROFS_FEATURE_COMPAT_SB_CHKSUM`), and inodes have the time of change, not of the change of their
/// state (`EROFS_FEATURE_COMPAT_MTIME`). No feature that a kernel could lack.
const COMPATIBLE: u32 = 0x1 | 0x2;
/// As a power of two.
const BLOCK_BITS: u8 = 12;

/// The first block.
pub(super) fn block(plan: &Plan, uuid: [u8; 16]) -> Vec<u8> {
    let root = plan.places.first().map_or(0, |root| nid(root.offset));
    let mut fields = Vec::with_capacity(128);
    fields.extend(MAGIC.to_le_bytes());
    fields.extend(0_u32.to_le_bytes()); // the checksum, below
    fields.extend(COMPATIBLE.to_le_bytes());
    fields.push(BLOCK_BITS);
    fields.push(0); // no further slots
    // The root is the first inode: its number is far below 65,536.
    fields.extend(u16::try_from(root).unwrap_or_default().to_le_bytes());
    fields.extend((plan.places.len() as u64).to_le_bytes());
    fields.extend(0_u64.to_le_bytes()); // no time of building: the same tree gives the same bytes
    fields.extend(0_u32.to_le_bytes());
    // The plan holds no more blocks than 32 bits count.
    fields.extend(u32::try_from(plan.blocks).unwrap_or_default().to_le_bytes());
    fields.extend(0_u32.to_le_bytes()); // inode numbers count from block 0
    fields.extend(0_u32.to_le_bytes()); // no extended attributes
    fields.extend(uuid);
    // Volume name, incompatible features, compression, devices, directory blocks, prefixes, packed inode: none.
    let mut block = vec![0; OFFSET];
    block.extend(fields);
    block.resize(BLOCK as usize, 0);
    let checksum = checksum(block.get(OFFSET..).unwrap_or_default());
    if let Some(place) = block.get_mut(OFFSET + 4..OFFSET + 8) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    block
}

/// CRC-32C from all ones and without the last inversion, as the kernel's `crc32c(~0, …)`. Over one block per image: no
/// tables.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_crc32c() {
        // The check value of CRC-32C, before its inversion.
        assert_eq!(!super::checksum(b"123456789"), 0xE306_9283);
    }
}
