use super::*;
use rustix::fs::fstat;

#[test]
fn a_templates_memory_is_there_before_anybody_writes_it() {
    let file = reserved(2).unwrap();
    let known = fstat(&file).unwrap();
    assert_eq!(known.st_size, 2 << 20);
    assert_eq!(known.st_blocks * 512, 2 << 20, "no hole that a copy would fill in for all");
}

#[test]
fn a_template_that_the_host_has_no_room_for_is_not_made() {
    let error = reserved(1 << 30).unwrap_err().to_string();
    assert!(error.contains("MiB are available; a template of 1073741824 MiB"), "{error}");
}

#[test]
fn what_is_available_is_read_as_the_kernel_writes_it() {
    assert_eq!(available("MemTotal:  100 kB\nMemAvailable:   23456789 kB\n"), Some(22_907));
    assert_eq!(available("MemTotal: 100 kB\n"), None);
}
