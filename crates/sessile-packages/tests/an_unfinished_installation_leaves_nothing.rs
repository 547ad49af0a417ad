//! Dropped, killed, twice at once: there is one whole installation, or none.

mod workbench;

use std::time::Duration;

use sessile_packages::{Event, Program};
use workbench::registry::Registry;
use workbench::{Workbench, request};

fn bench(registry: &Registry) -> Workbench {
    Workbench::new(&[("npm_config_registry", &registry.url)])
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_ask_at_once_install_once() {
    let registry = Registry::start(Duration::from_millis(300));
    let bench = bench(&registry);
    let (one, other) = tokio::join!(bench.ensure("npx probe"), bench.ensure("npx probe --flag"));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.key, one.digest), (other.key, other.digest));
    assert_eq!(registry.fetched(), 1);
    assert_eq!(bench.said.count("waiting for another installation"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_installation_leaves_a_staging_directory_that_the_next_start_removes() {
    let registry = Registry::start(Duration::from_secs(2));
    let bench = bench(&registry);
    let fetching = async {
        while registry.fetched() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        result = bench.ensure("npx probe") => panic!("{result:?}"),
        () = fetching => {}
    }
    assert_eq!(bench.store().list().len(), 0, "nothing half-made is listed");
    assert!(bench.store().installed(&request("npx probe")).unwrap().is_none());
    assert_eq!(bench.staging().len(), 1);
    // What still ran in the sandbox is killed in the background, and may write until then.
    let gone = async {
        while !bench.staging().is_empty() {
            bench.store().sweep();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the next start removes it");
    bench.ensure("npx probe").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_installation_is_made_anew_in_its_version() {
    let registry = Registry::start(Duration::ZERO);
    let bench = bench(&registry);
    let first = bench.ensure("npx probe").await.unwrap();
    let program = first.command.last().unwrap().clone();
    drop(first);
    std::fs::remove_file(&program).unwrap();
    let second = bench.ensure("npx probe").await.unwrap();
    assert_eq!(second.version, "1.0.0");
    assert!(std::path::Path::new(&program).exists());
    assert_eq!(registry.fetched(), 2);
    assert!(bench.staging().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_is_resolved_anew() {
    let registry = Registry::start(Duration::ZERO);
    let bench = bench(&registry);
    let installed = bench.ensure("npx probe").await.unwrap();
    let key = installed.key.clone();
    assert!(bench.store().remove(&key).is_err(), "it is in use");
    drop(installed);
    assert!(bench.store().remove(&key).unwrap());
    let finished = |event: &Event<'_>| assert!(!event.to_string().contains("waiting"));
    let missing = sessile_packages::PackageRequest { program: Program::Named("nope".into()), ..request("npx probe") };
    let error = bench.store().ensure(&missing, bench.driver.as_ref(), &finished).await.unwrap_err();
    assert_eq!(error.to_string(), "npm:probe has no program nope; it has probe");
    assert_eq!(registry.fetched(), 2);
}
