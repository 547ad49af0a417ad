use std::io::{Read, Write};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{Compression, Decompressed};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn read(bytes: &[u8], compression: Compression) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    Decompressed::new(bytes, compression).read_to_end(&mut read).map(|_| read)
}

#[test]
fn all_members_and_frames_are_read_and_frames_to_be_skipped_are() {
    let text: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let (one, other) = text.split_at(100_000);
    assert!(read(&[gzip(one), gzip(other)].concat(), Compression::Gzip).unwrap() == text);
    let skipped = [&0x184D_2A50_u32.to_le_bytes()[..], &5_u32.to_le_bytes(), b"hello"].concat();
    let frames = [skipped.clone(), zstd(one), skipped.clone(), zstd(other), skipped].concat();
    assert!(read(&frames, Compression::Zstd).unwrap() == text);
    assert!(read(&text, Compression::None).unwrap() == text);
    for compression in [Compression::None, Compression::Zstd] {
        assert_eq!(read(b"", compression).unwrap(), b"");
    }
}

#[test]
fn what_is_cut_off_or_damaged_is_an_error() {
    let text = vec![7; 100_000];
    for (bytes, compression) in [(gzip(&text), Compression::Gzip), (zstd(&text), Compression::Zstd)] {
        for end in [1, 5, bytes.len() / 2, bytes.len() - 1] {
            assert!(read(&bytes[..end], compression).is_err(), "{compression:?} {end}");
        }
        assert!(read(&[&bytes[..], b"rubbish"].concat(), compression).is_err(), "{compression:?}");
        assert!(read(b"rubbish", compression).is_err(), "{compression:?}");
    }
    let skipped = [&0x184D_2A50_u32.to_le_bytes()[..], &500_u32.to_le_bytes(), b"hello"].concat();
    assert!(read(&skipped, Compression::Zstd).is_err());
}

#[test]
fn a_window_that_would_take_all_memory_is_refused() {
    // A frame header with a window of 2 TiB.
    let header = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xFF, 0, 0, 0];
    assert!(read(&header, Compression::Zstd).is_err());
}
