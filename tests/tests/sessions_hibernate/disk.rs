//! What sessions take of the disk, and what becomes of them when there is no more.

use super::{Counted, bedroom, file_of, files, node, sleepers};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use sessile_tests::Home;
use sessile_tests::machines::{self, monitors_of};
use std::ffi::CString;
use std::path::{Path, PathBuf};

#[tokio::test]
async fn when_there_is_no_more_room_the_one_that_sleeps_longest_goes() {
    // How much one takes that booted: who comes from a template takes half of it.
    const BOOTED: &str = "template_memory = \"0GiB\"";
    let node = machines::start(Home::new(), "counter", "", BOOTED);
    let counted = Counted::open(&node).await;
    counted.sleep(&node).await;
    let bytes = file_of(&node, &counted.name).metadata().expect("it is there").len();
    node.stop();

    // Room for two and a half.
    let budget = format!("{BOOTED}\nhibernation_disk = \"{}KiB\"", bytes * 5 / 2 / 1024);
    let node = machines::start(Home::new(), "counter", "", &budget);
    let mut all = Vec::new();
    for _ in 0..3 {
        let counted = Counted::open(&node).await;
        counted.sleep(&node).await;
        all.push(counted);
    }
    let [first, second, third] = &mut all[..] else { panic!("three") };
    let end = first.is_over(&node, "evicted").await;
    assert_eq!(end["exit"], "hibernated; others needed its room on the disk");
    assert_eq!(sleepers(&node).len(), 2);
    assert_eq!((second.count().await, third.count().await), ("2".to_owned(), "2".to_owned()));
    node.stop();

    // Room for half of one: it stays awake, and says why.
    let budget = format!("{BOOTED}\nhibernation_disk = \"{}KiB\"", bytes / 2 / 1024);
    let node = machines::start(Home::new(), "counter", "", &budget);
    let mut counted = Counted::open(&node).await;
    let (status, told) = node.admin().rest(&counted.name, "hibernate").await;
    assert_eq!(status, 409, "{told}");
    assert!(told["error"]["message"].as_str().is_some_and(|said| said.contains("node.hibernation_disk")), "{told}");
    assert_eq!((monitors_of(&counted.name), files(&node).len()), (1, 0));
    assert_eq!(counted.count().await, "2");
    counted.client.close().await;
    node.stop();
}

/// A small file system. It goes when this does.
struct Small(PathBuf);

impl Small {
    fn at(path: &Path, bytes: u64) -> Self {
        let options = CString::new(format!("size={bytes},mode=0700")).expect("no NUL");
        mount("tmpfs", path, "tmpfs", MountFlags::empty(), Some(options.as_c_str())).expect("root mounts a tmpfs");
        Self(path.to_owned())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[tokio::test]
async fn on_a_full_disk_a_session_goes_on() {
    let node = node("");
    let mut counted = Counted::open(&node).await;
    counted.sleep(&node).await;
    let bytes = file_of(&node, &counted.name).metadata().expect("it is there").len();
    assert_eq!(counted.count().await, "2");
    // It is full at once, in the middle, with the last part, and for what there is to be said of the session.
    for (round, room) in [64 * 1024, bytes / 2, bytes - 600 * 1024, bytes + 16 * 1024].into_iter().enumerate() {
        let small = Small::at(&bedroom(&node), room);
        let (status, told) = node.admin().rest(&counted.name, "hibernate").await;
        let said = told["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 409 && said.contains("no room on the disk"), "{room}: {status} {told}");
        assert_eq!((monitors_of(&counted.name), files(&node).len()), (1, 0), "{room}");
        drop(small);
        assert_eq!(counted.count().await, (round + 3).to_string(), "{room}");
    }
    counted.sleep(&node).await;
    assert_eq!(counted.count().await, "7");
    node.stop();
}
