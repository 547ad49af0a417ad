//! A host that is upgraded while a session sleeps: it is woken with what it was made of.

use super::{Counted, files};
use rustix::process::Signal;
use sessile_tests::machines::{KERNEL, kernel, monitors_of};
use sessile_tests::node::{Start, table, words};
use sessile_tests::{Home, Node};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A host's QEMU and guest kernel, which can be upgraded: what is no program is the real host's.
struct Host {
    place: PathBuf,
}

impl Host {
    fn new(home: &Home) -> Self {
        let place = home.state().with_file_name("host");
        for directory in ["bin", "kernel/boot"] {
            fs::create_dir_all(place.join(directory)).expect("a directory can be made");
        }
        for (to, link) in [("/usr/lib", "lib"), ("/usr/share", "share")] {
            symlink(to, place.join(link)).expect("a link can be made");
        }
        symlink(Path::new(&kernel()).join("lib"), place.join("kernel/lib")).expect("a link can be made");
        let host = Self { place };
        host.upgrade(0);
        host
    }

    /// Installs what is installed here, as another version: with so many bytes behind its end.
    fn upgrade(&self, version: usize) {
        let boot = Path::new(&kernel()).join("boot");
        let kernel = fs::read_dir(&boot).expect("a kernel").flatten().map(|entry| entry.file_name());
        let kernel = kernel.into_iter().find(|name| name.to_string_lossy().starts_with("vmlinuz-")).expect("a kernel");
        let qemu = "qemu-system-x86_64";
        for (from, to) in [
            (Path::new("/usr/bin").join(qemu), self.place.join("bin").join(qemu)),
            (boot.join(&kernel), self.place.join("kernel/boot").join(&kernel)),
        ] {
            let beside = to.with_extension("new");
            fs::copy(from, &beside).expect("it can be copied");
            let mut file = File::options().append(true).open(&beside).expect("it can be opened");
            file.write_all(&vec![0; version]).expect("it can be written");
            fs::rename(&beside, &to).expect("it can be renamed");
        }
    }

    fn start(&self, home: Home) -> Node {
        let limits = "isolation = \"microvm\"\n\n[servers.it.limits]\nmemory = \"128MiB\"\nstart_timeout = \"2m\"\n";
        let manifest = table("it", &words(&home.fixture("counter"), &[]), limits);
        let path = format!("{}:/usr/bin:/bin", self.place.join("bin").display());
        let kernel = self.place.join("kernel").display().to_string();
        Start::serve(home, "sessile.toml", &manifest).env(KERNEL, &kernel).env("PATH", &path).start()
    }
}

/// The parts that machines of a node are made of, by kind: how many there are.
fn parts(node: &Node) -> [usize; 2] {
    let names: Vec<_> = fs::read_dir(node.home().state().join("microvm"))
        .expect("a node that has machines has a directory for them")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    ["qemu-", "kernel-"].map(|kind| names.iter().filter(|name| name.starts_with(kind)).count())
}

#[tokio::test]
async fn who_sleeps_is_woken_by_the_build_that_wrote_it() {
    let home = Home::new();
    let host = Host::new(&home);
    let node = host.start(home);
    let counted = Counted::open(&node).await;
    counted.sleep(&node).await;
    assert_eq!(parts(&node), [1, 1]);

    // Another QEMU, another kernel, and the image is cleared away.
    host.upgrade(1);
    let node = node.restart(Signal::TERM);
    let images = node.home().state().join("microvm/images");
    fs::remove_dir_all(&images).and_then(|()| fs::create_dir(&images)).expect("images can be removed");
    assert_eq!(parts(&node), [2, 2], "the old ones are kept for who sleeps");
    let mut counted = counted.at(&node);
    assert_eq!(counted.count().await, "2");
    // It can sleep again; and others run beside it in what is new.
    let mut other = Counted::open(&node).await;
    assert_eq!(other.count().await, "2");
    counted.sleep(&node).await;
    assert_eq!(counted.count().await, "3");

    // A node that takes it over as it runs leaves it what it needs as well.
    let node = node.restart(Signal::KILL);
    assert_eq!((parts(&node), monitors_of(&counted.name)), ([2, 2], 1));
    let mut counted = counted.at(&node);
    assert_eq!(counted.count().await, "4");
    counted.sleep(&node).await;
    assert_eq!(counted.count().await, "5");

    // Once nobody needs them, the old ones go.
    counted.client.close().await;
    other.at(&node).client.close().await;
    let node = node.restart(Signal::TERM);
    assert_eq!((parts(&node), files(&node)), ([1, 1], Vec::new()));
    node.stop();
}
