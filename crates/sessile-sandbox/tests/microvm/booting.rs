//! A kernel that gives up before it can say why gets another try, and one only.

use crate::spoiled::{self, without};
use crate::support::{config, machine};
use sessile_sandbox::{Driver, MicrovmConfig, StartError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A driver of which the first so many machines have no initramfs: their kernels find no root, and no driver for a console.
async fn mute(first: usize) -> (impl Driver, Arc<AtomicUsize>) {
    let config = MicrovmConfig { template_memory: 0, ..config() };
    // Whatever tries out what works here is none of a session's.
    let of_a_session = |command: &[String]| command.iter().any(|word| word.starts_with("guest=test-"));
    let damage = move |earlier, command: &mut Vec<String>| {
        if earlier < first {
            without("-initrd", command);
        }
    };
    spoiled::driver(config, of_a_session, damage).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_stops_without_a_word_gets_another_try() {
    let (driver, count) = mute(1).await;
    let sandbox = driver.start(machine("while :; do read line; done")).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(count.load(Ordering::Relaxed), 2);
    sandbox.kill();
    sandbox.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_so_twice_is_given_up() {
    let (driver, count) = mute(usize::MAX).await;
    let error = driver.start(machine("while :; do read line; done")).await.expect_err("it has no initramfs");
    assert!(matches!(&error, StartError::InitDied { why } if why.contains("twice")), "{error}");
    assert_eq!(count.load(Ordering::Relaxed), 2);
}
