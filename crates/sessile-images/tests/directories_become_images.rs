//! Directories: what is read is what is built, also where somebody writes meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../../sessile-erofs/tests/mounted/mod.rs"]
mod mounted;
mod workbench;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sessile_images::{Event, ImageError, ImageRef};
use workbench::Bench;

/// A directory with a file large enough that reading it is told of.
fn directory(bench: &Bench) -> (PathBuf, ImageRef) {
    let path = bench.state.path().join("rootfs");
    fs::create_dir_all(path.join("etc")).unwrap();
    fs::write(path.join("etc/first"), "1").unwrap();
    fs::write(path.join("large"), vec![7; 6 << 20]).unwrap();
    let reference = ImageRef::Directory(path.clone());
    (path, reference)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_changes_while_it_is_read_is_read_again() {
    let bench = Bench::new();
    let (path, reference) = directory(&bench);
    let (inside, times) = (path.clone(), Arc::new(AtomicUsize::new(0)));
    let progress = move |event: &Event<'_>| {
        let is_reading = matches!(event, Event::Bytes { step: "reading the directory", .. });
        if is_reading && times.fetch_add(1, Ordering::SeqCst) == 0 {
            fs::write(inside.join("etc/second"), "2").unwrap();
        }
    };
    let image = bench.store().build(&reference, Arc::new(progress)).await.unwrap();
    let out = bench.state.path().join("out");
    mounted::extract(image.path(), &out);
    assert_eq!(fs::read_to_string(out.join("etc/second")).unwrap(), "2", "what came meanwhile is there as well");
    assert_eq!(bench.build(&reference).await.unwrap().key(), image.key(), "and nothing is built again");
    assert_eq!(bench.said.count("built, "), 0);
    bench.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_come_to_rest_is_refused() {
    for step in ["reading the directory", "writing the image"] {
        let bench = Bench::new();
        let (path, reference) = directory(&bench);
        let times = AtomicUsize::new(0);
        let progress = move |event: &Event<'_>| {
            if matches!(event, Event::Bytes { step: now, .. } if *now == step) {
                let now = times.fetch_add(1, Ordering::SeqCst);
                fs::write(path.join("large"), vec![u8::try_from(now).unwrap(); 6 << 20]).unwrap();
            }
        };
        let error = bench.store().build(&reference, Arc::new(progress)).await.unwrap_err();
        assert!(matches!(&error, ImageError::Changed { path, .. } if path.ends_with("large")), "{step}: {error}");
        assert!(error.is_transient());
        assert_eq!(bench.stored(), Vec::<String>::new());
        bench.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_kernel_sees_of_the_image_is_what_was_in_the_directory() {
    if !mounted::is_root() {
        // Only root may mount; the contents are compared elsewhere.
        return;
    }
    let bench = Bench::new();
    let (path, reference) = directory(&bench);
    std::os::unix::fs::symlink("etc/first", path.join("link")).unwrap();
    fs::hard_link(path.join("large"), path.join("etc/hard")).unwrap();
    std::os::unix::fs::chown(path.join("etc/first"), Some(1234), Some(70_000)).unwrap();
    let image = bench.build(&reference).await.unwrap();
    // Sizes and links of directories are the file system's own business, and fractions of seconds are not kept.
    let plain = |listing: mounted::Listing| {
        let line = |line: String| {
            let words: Vec<&str> = line.split(' ').collect();
            let time = words[4].split('.').next().unwrap().to_owned();
            let kept = if words[0] == "d" { Vec::new() } else { words[5..].to_vec() };
            format!("{} {time} {kept:?}", words[..4].join(" "))
        };
        listing.into_iter().map(|(path, text)| (path, line(text))).collect::<Vec<_>>()
    };
    assert_eq!(plain(mounted::listing(image.path())), plain(mounted::listing_of(&path)));
}
