//! npm's install scripts run, once, and see neither `.npmrc` nor the variables that it refers to.

mod workbench;

use std::fs;
use std::time::Duration;

use workbench::Workbench;
use workbench::registry::Registry;

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_looks_for_them() {
    let registry = Registry::start(Duration::ZERO);
    let home = tempfile::tempdir().unwrap();
    let host = registry.url.trim_start_matches("http:");
    fs::write(home.path().join(".npmrc"), format!("registry={}\n{host}/:_authToken=${{NPM_TOKEN}}\n", registry.url))
        .unwrap();
    let bench = Workbench::new(&[("HOME", home.path().to_str().unwrap()), ("NPM_TOKEN", "top-secret")]);
    let installed = bench.ensure("npx probe one --two").await.unwrap();

    let directory = bench.state.path().join("packages").join(&installed.key);
    let seen = fs::read_to_string(directory.join("node_modules/probe/seen.json")).expect("the script ran");
    assert!(seen.contains("\"npmrc\":\"ENOENT\""), "{seen}");
    assert!(!seen.contains("top-secret") && !seen.contains("NPM_TOKEN"), "{seen}");
    for hidden in ["\"root\"", "\"srv\"", "\"boot\""] {
        let root = seen.split("\"home\":").nth(1).unwrap();
        assert!(!root.contains(hidden), "{hidden} of the host is visible: {root}");
    }
    let lock = fs::read_to_string(directory.join("sessile.lock.json")).unwrap();
    assert!(!lock.contains("top-secret"), "{lock}");

    let line = bench.first_line(&installed, None, "go").await;
    assert_eq!(line, "{\"args\":[\"one\",\"--two\"],\"written\":\"read-only\"}\n");
}
