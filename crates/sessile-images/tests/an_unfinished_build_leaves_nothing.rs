//! Killed at any step, dropped, interrupted, out of room, twice at once: there is one whole image, or none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what is wrong by panicking"
)]

mod workbench;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use sessile_images::{Event, ImageError, ImageRef, State, Store};
use tokio_util::sync::CancellationToken;
use workbench::{Bench, Layout, Packed, archive, names};

/// Set for the process that builds and dies: the store, the image, and the event to die at.
const CHILD: &str = "SESSILE_TEST_BUILD";

/// A layout with a layer large enough to be told of in parts.
fn layout(bench: &Bench) -> ImageRef {
    let mut layout = Layout::new(&bench.state.path().join("layout"));
    let text: String = (0..2_000_000_u32).map(|n| char::from(b'a' + (n * 7 % 26) as u8)).collect();
    let files: Vec<_> = (0..6).map(|n| format!("file{n}")).collect();
    let files: Vec<_> = files.iter().map(|name| (name.as_str(), text.as_str())).collect();
    layout.layer(&archive(&files), Packed::Plain).layer(&archive(&[("x", "y")]), Packed::Gzip);
    layout.image(None, json!({}));
    layout.reference("")
}

/// Runs this very test again as a process that builds, and gives how it ended.
fn build_in_a_process(bench: &Bench, image: &ImageRef, die_at: usize, before: &[&str]) -> std::process::Output {
    let me = std::env::current_exe().unwrap();
    let mut words = before.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    words.push(me.display().to_string());
    let (program, arguments) = words.split_first().unwrap();
    Command::new(program)
        .args(arguments)
        .args(["--exact", "builds_as_a_process", "--nocapture"])
        .env(CHILD, format!("{}\n{image}\n{die_at}", bench.state.path().display()))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Not a test by itself: what the others run as a process.
#[tokio::test(flavor = "multi_thread")]
async fn builds_as_a_process() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let [state, image, die_at] = task.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let die_at: usize = die_at.parse().unwrap();
    let seen = AtomicUsize::new(0);
    let progress = Arc::new(move |_: &Event<'_>| {
        if seen.fetch_add(1, Ordering::SeqCst) == die_at {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
    });
    match Store::open(state).unwrap().build(&ImageRef::parse(image).unwrap(), progress).await {
        Ok(image) => println!("built {}", image.content_digest()),
        Err(error) => println!("failed: {error}"),
    }
}

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_it_leaves_nothing_that_counts_and_the_next_one_builds() {
    let bench = Bench::new();
    let image = layout(&bench);
    let mut killed = 0;
    loop {
        let output = build_in_a_process(&bench, &image, killed, &[]);
        // Before anything is swept: nothing half-made has a name, and what has one is whole.
        for name in bench.stored() {
            assert!(bench.state.path().join("images").join(name).join("meta.json").exists());
        }
        let store = bench.store();
        bench.assert_clean();
        let listed = store.list(true).unwrap();
        assert!(listed.iter().all(|stored| stored.state == State::Sound));
        if said(&output).contains("built sha256:") {
            assert_eq!(listed.len(), 1);
            break;
        }
        assert!(!output.status.success(), "{}", said(&output));
        killed += 1;
        if !listed.is_empty() {
            // It was killed after it was published: then there is nothing left to interrupt.
            std::fs::remove_dir_all(bench.state.path().join("images").join(&listed[0].key)).unwrap();
        }
    }
    assert!(killed >= 8, "only {killed} steps were told");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_ask_at_once_build_once() {
    let bench = Bench::new();
    let image = layout(&bench);
    let (one, other) = tokio::join!(bench.build(&image), bench.build(&image));
    assert_eq!(one.unwrap().key(), other.unwrap().key());
    assert_eq!(bench.said.count("built, "), 1, "{}", bench.said.all());
    assert_eq!(bench.said.count("waiting for another"), 1);
    bench.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_build_once() {
    let bench = Bench::new();
    let image = layout(&bench);
    let outputs = std::thread::scope(|scope| {
        let builds: Vec<_> =
            (0..3).map(|_| scope.spawn(|| said(&build_in_a_process(&bench, &image, usize::MAX, &[])))).collect();
        builds.into_iter().map(|build| build.join().unwrap()).collect::<Vec<_>>()
    });
    let built = |output: &String| output.lines().find(|line| line.starts_with("built ")).unwrap().to_owned();
    assert!(outputs.iter().all(|output| built(output) == built(&outputs[0])), "{outputs:?}");
    assert_eq!(bench.stored().len(), 1);
    bench.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_to_stop_says_so_and_has_cleaned_up() {
    let bench = Bench::new();
    let image = layout(&bench);
    for step in ["unpacking layer 1", "unpacking, ", "writing the image", "checking the image", "storing"] {
        let stop = CancellationToken::new();
        let store = bench.store().with_stop(stop.clone());
        let progress = move |event: &Event<'_>| {
            if event.to_string().contains(step) {
                stop.cancel();
            }
        };
        match store.build(&image, Arc::new(progress)).await {
            Err(ImageError::Cancelled { .. }) => assert_eq!(bench.stored(), Vec::<String>::new(), "{step}"),
            Ok(_) => assert_eq!(step, "storing", "the last step is not gone back on"),
            Err(error) => panic!("{step}: {error}"),
        }
        bench.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_build_ends_and_cleans_up_by_itself() {
    let bench = Bench::new();
    let image = layout(&bench);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let progress = move |event: &Event<'_>| {
        if event.to_string().contains("unpacking, ") {
            // Nobody may listen any more.
            let _ = tell.send(());
        }
    };
    let store = bench.store();
    tokio::select! {
        built = store.build(&image, Arc::new(progress)) => panic!("{built:?}"),
        _ = told.recv() => {}
    }
    let gone = async {
        while !names(&bench.state.path().join("images/.staging")).is_empty()
            || !names(&bench.state.path().join("images/.locks")).is_empty()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it cleans up");
    assert_eq!(bench.stored(), Vec::<String>::new());
    bench.build(&image).await.unwrap();
}

#[test]
fn a_full_disk_is_said_and_nothing_half_made_stays() {
    let bench = Bench::new();
    let image = layout(&bench);
    let images = bench.state.path().join("images");
    std::fs::create_dir_all(&images).unwrap();
    // A disk of its own, too small for the contents (12 MB), then for the image beside them.
    for megabytes in ["5", "16"] {
        let script = format!(
            "mount -t tmpfs -o size={megabytes}M tmpfs {0} && \"$@\" && find {0} -type f -size +64k && df --output=used {0}",
            images.display()
        );
        let map: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--map-root-user"] };
        let before = [&["unshare", "--mount"], map, &["sh", "-euc", &script, "sh"]].concat();
        let output = build_in_a_process(&bench, &image, usize::MAX, &before);
        let said = said(&output);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("failed: the disk that holds ") && said.contains("sessile images prune"), "{said}");
        assert!(!said.contains(".erofs\n") && !said.contains("/contents\n"), "{said}");
    }
    assert!(Path::new(&images).exists());
}
