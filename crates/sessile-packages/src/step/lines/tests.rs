use std::io::Write;
use std::os::fd::OwnedFd;

use super::Lines;
use crate::tail::LONGEST_LINE;

fn pipe() -> (Lines, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&reader, true).unwrap();
    (Lines::new(OwnedFd::from(reader)).unwrap(), writer)
}

#[tokio::test]
async fn lines_end_with_either_return_and_the_last_one_with_the_stream() {
    let (mut lines, mut writer) = pipe();
    writer.write_all(b"one\rtwo\nthr").unwrap();
    assert_eq!(lines.next().await.unwrap(), ["one", "two"]);
    writer.write_all(b"ee\nrest").unwrap();
    assert_eq!(lines.next().await.unwrap(), ["three"]);
    drop(writer);
    assert_eq!(lines.next().await.unwrap(), ["rest"]);
    assert_eq!(lines.next().await, None);
}

#[tokio::test]
async fn a_line_without_an_end_takes_bounded_memory() {
    let (mut lines, mut writer) = pipe();
    let flood = std::thread::spawn(move || {
        for _ in 0..64 {
            writer.write_all(&[b'x'; 8192]).unwrap();
        }
        writer.write_all(b"\n").unwrap();
    });
    let mut seen = Vec::new();
    while let Some(some) = lines.next().await {
        assert!(lines.unfinished.len() <= LONGEST_LINE);
        seen.extend(some);
    }
    flood.join().unwrap();
    assert_eq!(seen.iter().map(String::len).collect::<Vec<_>>(), [LONGEST_LINE]);
}
