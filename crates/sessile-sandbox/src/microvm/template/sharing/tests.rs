use super::*;

const SMAPS: &str =
    "7f0000000000-7f0010000000 rw-p 00000000 00:01 1234                       /memfd:sessile-template (deleted)
Size:             262144 kB
KernelPageSize:        4 kB
Rss:               25000 kB
Anonymous:          4100 kB
VmFlags: rd wr mr mw me ac sd
7f0010000000-7f0010021000 rw-p 00000000 00:00 0
Size:                132 kB
Anonymous:           132 kB
7f0020000000-7f0020001000 r--p 00000000 08:01 99                         /usr/lib/libc.so.6
Size:                  4 kB
";

#[test]
fn a_copy_that_shares_is_told_from_one_that_does_not() {
    assert_eq!(mappings(SMAPS), [Mapping { access: "rw-p".into(), size: 262_144, own: 4100 }]);
    let look = |smaps: &str| judge(&mappings(smaps), 256);
    assert_eq!(look(SMAPS), Ok(()));
    for (from, to, expected) in [
        ("rw-p 00000000 00:01", "rw-s 00000000 00:01", "mapped as rw-s"),
        ("memfd:sessile-template", "memfd:another", "0 KiB of its template are mapped"),
        ("262144 kB", "131072 kB", "131072 KiB of its template are mapped, of 256 MiB"),
        ("4100 kB", "250000 kB", "250000 KiB of 262144 are its own already"),
    ] {
        let why = look(&SMAPS.replace(from, to)).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn a_process_that_has_no_template_shares_none() {
    let pid = i32::try_from(std::process::id()).unwrap();
    assert_eq!(look(pid, 256), Err("0 KiB of its template are mapped, of 256 MiB".into()));
}
