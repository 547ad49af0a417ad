use super::needs;

#[test]
fn a_script_needs_the_program_of_its_first_line() {
    assert_eq!(needs(b"#!/usr/bin/env node\nx"), Some("/usr/bin/env".into()));
    assert_eq!(needs(b"#! /bin/sh"), Some("/bin/sh".into()));
    assert_eq!(needs(b"#!\n"), None);
    assert_eq!(needs(b"plain text"), None);
    assert_eq!(needs(b""), None);
}

#[test]
fn a_dynamic_program_needs_its_loader() {
    let mut head = vec![0; 120];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    head[32] = 64; // the table begins after the header,
    head[54] = 56; // its entries are 56 bytes,
    head[56] = 1; // and there is one
    head[64] = 3;
    head[64 + 8] = 120;
    head[64 + 32] = 15;
    head.extend(b"/lib/ld-test.so\0");
    assert_eq!(needs(&head), Some("/lib/ld-test.so".into()));
}

#[test]
fn a_file_that_lies_about_its_segments_needs_nothing() {
    let mut head = vec![0xff; 200];
    head[..6].copy_from_slice(b"\x7fELF\x02\x01");
    assert_eq!(needs(&head), None);
    assert_eq!(needs(&head[..40]), None);
}

#[test]
fn an_exchange_of_owners_covers_every_id_once() {
    assert_eq!(crate::userns::exchange(0, 7), "0 7 1\n1 1 6\n8 8 4294967287\n");
    assert_eq!(crate::userns::exchange(5, 7), "5 7 1\n0 0 5\n6 6 1\n8 8 4294967287\n");
}
