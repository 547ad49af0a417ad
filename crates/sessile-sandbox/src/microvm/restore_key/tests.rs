use super::*;
use crate::SandboxId;
use crate::microvm::command_line::{Beginning, Memory};
use crate::microvm::parts::Machinery;
use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// What the tests vary.
struct Case {
    id: &'static str,
    qemu: &'static str,
    kernel: &'static str,
    initramfs: &'static str,
    accelerator: Accelerator,
    disk: Option<PathBuf>,
    memory: u64,
    processors: u32,
    place: Memory<Arc<std::os::fd::OwnedFd>>,
    beginning: Beginning,
}

fn case(disk: &Path) -> Case {
    Case {
        id: "one",
        qemu: "qemu-1",
        kernel: "kernel-1",
        initramfs: "initramfs-1",
        accelerator: Accelerator::Emulation,
        disk: Some(disk.to_owned()),
        memory: 256,
        processors: 1,
        place: Memory::Own,
        beginning: Beginning::Boot,
    }
}

fn key(case: Case) -> RestoreKey {
    let [qemu, kernel, initramfs] = [case.qemu, case.kernel, case.initramfs].map(PathBuf::from);
    let machinery = Machinery::of(qemu, kernel, initramfs, "porter".into());
    let id = SandboxId::new(case.id).unwrap();
    let Case { accelerator, disk, memory, processors, .. } = case;
    let kind = Kind { machinery, accelerator, disk, memory, processors };
    let order = jail::Order { beginning: case.beginning, ..kind.order(&id, case.place) };
    RestoreKey::of(&order).unwrap()
}

#[test]
fn whatever_makes_a_machine_another_kind_makes_another_key() {
    let directory = tempfile::tempdir().unwrap();
    let [disk, other] = ["one", "other"].map(|name| directory.path().join(name));
    std::fs::write(&disk, "image").unwrap();
    std::fs::write(&other, "another image").unwrap();
    let first = key(case(&disk));
    type Change<'a> = &'a dyn Fn(&mut Case);
    let changes: [Change<'_>; 8] = [
        &|case| case.qemu = "qemu-2",
        &|case| case.kernel = "kernel-2",
        &|case| case.initramfs = "initramfs-2",
        &|case| case.accelerator = Accelerator::Kvm,
        &|case| case.disk = None,
        &|case| case.disk = Some(other.clone()),
        &|case| case.memory = 257,
        &|case| case.processors = 2,
    ];
    let mut keys: HashSet<_> = changes
        .iter()
        .map(|change| {
            let mut changed = case(&disk);
            change(&mut changed);
            key(changed)
        })
        .collect();
    keys.insert(first);
    assert_eq!(keys.len(), changes.len() + 1);

    // Another image in the same place.
    let file = File::options().write(true).open(&disk).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert!(keys.insert(key(case(&disk))));
}

#[test]
fn machines_of_one_kind_have_one_key_whatever_their_names_and_places() {
    let disk = tempfile::NamedTempFile::new().unwrap();
    let first = key(case(disk.path()));
    let memory = Arc::new(tempfile::tempfile().unwrap().into());
    let clone =
        Case { id: "other", place: Memory::CopyOf(memory), beginning: Beginning::Restored, ..case(disk.path()) };
    assert_eq!(key(clone), first);
    // Its image and its parts have other names once they are kept for one that sleeps.
    let link = disk.path().with_extension("link");
    std::fs::hard_link(disk.path(), &link).unwrap();
    assert_eq!(key(Case { qemu: "/elsewhere/qemu-1", ..case(&link) }), first);
    std::fs::remove_file(&link).unwrap();
    let words = first.to_string();
    assert!(
        words.starts_with("emulation, 256 MiB, 1 processors, qemu-1 kernel-1 initramfs-1, digest ") && words.len() > 64,
        "{words}"
    );
}

#[test]
fn of_the_hosts_processor_counts_what_its_guests_see() {
    let info = "processor\t: 0\nmodel name\t: One\ncpu MHz\t\t: 2400.1\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nmodel name\t: Two\n";
    assert_eq!(processor(info), "model name\t: One\nflags\t\t: fpu avx2");
    assert_eq!(processor(&info.replace("2400.1", "800.0")), processor(info));
    assert_ne!(processor(&info.replace(" avx2", "")), processor(info));
}
