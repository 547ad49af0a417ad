//! A sandbox that would be weaker than the driver said at the start is refused.
#![allow(unsafe_code)]

use crate::support::{alone, driver, script};
use sessile_sandbox::{Driver, Feature, StartError, Strength};

/// The kernel stacks this many sets of Landlock rules and no more.
const LAYERS: usize = 16;

/// Takes all room for further rules, on this thread and those that it makes: with rules that only keep signals inside.
fn exhaust_landlock() {
    /// `struct landlock_ruleset_attr`.
    #[repr(C)]
    struct Handled {
        files: u64,
        network: u64,
        scopes: u64,
    }
    let handled = Handled { files: 0, network: 0, scopes: 2 };
    // SAFETY: the attributes are valid and of the size given; the rest takes numbers.
    unsafe {
        let rules = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const handled, size_of::<Handled>(), 0);
        assert!(rules >= 0, "{}", std::io::Error::last_os_error());
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        for layer in 0..LAYERS {
            let answer = libc::syscall(libc::SYS_landlock_restrict_self, rules, 0);
            assert_eq!(answer, 0, "layer {layer}: {}", std::io::Error::last_os_error());
        }
    }
}

#[test]
fn a_sandbox_without_the_landlock_that_was_promised_does_not_start() {
    alone("downgrade::without_landlock", &[]);
}

#[test]
#[ignore = "run by the test above in a process of its own, which it takes rights from"]
fn without_landlock() {
    let driver = driver();
    let scopes = |how: &String| how.contains("signals");
    if !matches!(driver.capabilities().of(Feature::Landlock), Some(Strength::Enforced { how }) if scopes(how)) {
        return; // nothing was promised, or nothing that can be used up
    }
    exhaust_landlock();
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let error = tokio.block_on(driver.start(script("true"))).map(drop).unwrap_err();
    assert!(matches!(error, StartError::Confine { .. }) && error.to_string().contains("Landlock"), "{error}");
}
