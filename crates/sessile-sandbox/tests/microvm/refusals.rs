//! What a microVM cannot be is said before one is made, with what to do instead.

use crate::support::{config, driver, machine};
use sessile_sandbox::{
    Driver, FileView, MicrovmConfig, MicrovmError, Network, ProcessConfig, SandboxSpec, microvm_driver, process_driver,
};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_a_way_out() {
    let driver = driver().await;
    type Change = fn(&mut SandboxSpec);
    let cases: [(Change, &str); 6] = [
        (|spec| spec.network = Network::Host, "never has the host's network"),
        (
            |spec| spec.files.push(FileView::Writable { source: "/tmp".into(), target: "/data".into() }),
            "no directory of the host can be written from a microVM",
        ),
        (|spec| spec.given = vec![Arc::new(tempfile::tempfile().unwrap().into())], "cannot be given descriptors"),
        (|spec| spec.limits.memory = Some(16 << 20), "give it 128 MiB or more"),
        (|spec| spec.command = vec!["/usr/bin/python3".into()], "give the server an image of its own"),
        (|spec| spec.command = vec!["nowhere-to-be-found".into()], "is not in the sandbox"),
    ];
    for (change, expected) in cases {
        let mut spec = machine("exit 0");
        change(&mut spec);
        let error = driver.start(spec).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.is_the_specs());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_kernel_is_said_with_the_command_that_fetches_one() {
    let walls = Arc::new(process_driver(ProcessConfig::default()).unwrap());
    let nowhere = tempfile::tempdir().unwrap();
    let config = MicrovmConfig { kernel: nowhere.path().to_owned(), ..config() };
    let Err(error) = microvm_driver(config, walls).await else { panic!("there is no kernel") };
    assert!(matches!(error, MicrovmError::Part(_)));
    assert!(error.to_string().contains("sessile microvm setup"), "{error}");
}
