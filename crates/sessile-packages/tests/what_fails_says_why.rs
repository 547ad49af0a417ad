//! Each way that an installation fails has its own error, with the end of what npm or pip said.

mod workbench;

use std::time::{Duration, Instant};

use sessile_packages::InstallError;
use workbench::registry::Registry;
use workbench::{Workbench, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_npm_or_python() {
    let bench = Workbench::new(&[("PATH", "/no/such/directory")]);
    let error = bench.ensure("npx probe").await.unwrap_err().to_string();
    assert!(error.starts_with("npm:probe needs npm on this host: command not found: npm"), "{error}");
    assert!(error.ends_with("(on Debian: `apt install nodejs npm`)"), "{error}");
    let error = bench.ensure("uvx probe").await.unwrap_err().to_string();
    assert!(error.starts_with("pypi:probe needs python3 on this host"), "{error}");
    let error = bench.ensure("uvx --python 3.999 probe").await.unwrap_err().to_string();
    assert!(error.contains("needs python3.999 on this host"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_or_version_that_does_not_exist() {
    let registry = Registry::start(Duration::ZERO);
    let bench = Workbench::new(&[("npm_config_registry", &registry.url)]);
    for line in ["npx no-such-package", "npx probe@9"] {
        let error = bench.ensure(line).await.unwrap_err();
        assert!(matches!(error, InstallError::NotFound { .. }), "{error}");
        assert!(error.to_string().contains("npm error"), "the registry's own words: {error}");
        assert!(!error.is_transient());
    }
    assert!(bench.store().list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_distribution_that_does_not_exist() {
    let wheels = tempfile::tempdir().unwrap();
    let bench = Workbench::new(&[("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", wheels.path().to_str().unwrap())]);
    let error = bench.ensure("uvx no-such-package").await.unwrap_err();
    assert!(matches!(error, InstallError::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("No matching distribution found for no-such-package"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_cannot_be_reached() {
    // Nothing listens on port 9 of this machine.
    let bench = Workbench::new(&[
        ("npm_config_registry", "http://127.0.0.1:9"),
        ("PIP_INDEX_URL", "http://127.0.0.1:9/simple"),
        ("PIP_RETRIES", "1"),
        ("PIP_FIND_LINKS", ""),
    ]);
    for line in ["npx probe", "uvx probe"] {
        let begun = Instant::now();
        let error = bench.ensure(line).await.unwrap_err();
        assert!(matches!(error, InstallError::NoNetwork { .. }), "{error}");
        assert!(error.is_transient());
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_never_answers() {
    let registry = Registry::start(Duration::from_secs(600));
    let bench = Workbench::new(&[("npm_config_registry", &registry.url)]);
    let store = bench.store().with_patience(Duration::from_secs(3));
    let begun = Instant::now();
    let error = store.ensure(&request("npx probe"), bench.driver.as_ref(), &()).await.unwrap_err();
    assert!(matches!(error, InstallError::Timeout { .. }), "{error}");
    assert!(
        error.to_string().starts_with("npm:probe was not installed within 3 s, during fetching with npm"),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(30));
}
