//! The real registry: `npx -y` of the reference server, from nothing to an answer without a network.

mod workbench;

use std::time::Instant;

use workbench::{INITIALIZE, Refusing, Workbench, request};

const LINE: &str = "npx -y @modelcontextprotocol/server-everything stdio";

#[tokio::test(flavor = "multi_thread")]
async fn server_everything() {
    let bench = Workbench::new(&[]);
    let begun = Instant::now();
    let installed = bench.ensure(LINE).await.unwrap();
    println!("clean installation: {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(installed.name, "@modelcontextprotocol/server-everything");
    assert!(
        installed.packages.len() > 10 && installed.packages.iter().all(|package| package.hash.starts_with("sha512-"))
    );
    assert!(bench.said.count("fetching with npm") == 1 && bench.said.count("npm http fetch") > 0);
    assert!(bench.staging().is_empty());

    // A driver that starts nothing, and a host without npm: nothing of it is needed any more.
    let refusing = Refusing::like(bench.driver.as_ref());
    let (store, request) = (bench.store(), request(LINE));
    let begun = Instant::now();
    let again = store.ensure(&request, &refusing, &()).await.unwrap();
    let warm = begun.elapsed();
    println!("warm: {warm:?}");
    assert_eq!((again.command, again.digest), (installed.command.clone(), installed.digest.clone()));

    let begun = Instant::now();
    let answer = bench.first_line(&installed, None, INITIALIZE).await;
    println!("started offline, answered after {:?}", begun.elapsed());
    assert!(answer.contains("serverInfo"), "{answer}");
}
