//! A start that cannot be says why, and what to do.

use crate::support::{driver, host_directory, real, script, spec};
use sessile_sandbox::{Driver, FileView, SandboxSpec, StartError};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

async fn refused(spec: SandboxSpec) -> StartError {
    driver().start(spec).await.map(drop).unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_nowhere() {
    let error = refused(spec(&["no-such-program"])).await;
    assert!(error.is_the_specs());
    assert_eq!(
        error.to_string(),
        "command `no-such-program` is not in the sandbox (searched /usr/bin:/bin); make it visible with `--read PATH` or \
         `files.read_only`"
    );
    let error = refused(spec(&["/opt/nowhere/program"])).await;
    assert!(matches!(error, StartError::CommandNotFound { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_cannot_be_run() {
    let host = host_directory();
    fs::write(real(&host).join("plain"), "text").unwrap();
    let show = |command: &str| {
        let mut spec = spec(&[command]);
        spec.files.push(FileView::ReadOnly { source: real(&host), target: "/prog".into() });
        spec
    };
    let error = refused(show("/prog/plain")).await;
    assert!(matches!(error, StartError::NotExecutable { .. }), "{error}");

    let script = real(&host).join("script");
    fs::write(&script, "#!/opt/missing/interpreter -x\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let error = refused(show("/prog/script")).await;
    let StartError::MissingInterpreter { path, interpreter } = error else { panic!("{error}") };
    assert_eq!((path.as_str(), interpreter.as_str()), ("/prog/script", "/opt/missing/interpreter"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_working_directory_that_is_not_there() {
    let mut spec = script("true");
    spec.cwd = "/nowhere".into();
    let error = refused(spec).await;
    assert!(matches!(&error, StartError::WorkingDirectory { path, .. } if path == "/nowhere"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_there() {
    let mut spec = script("true");
    spec.files.push(FileView::ReadOnly { source: "/no/such/place".into(), target: "/x".into() });
    let error = refused(spec).await;
    assert!(error.to_string().starts_with("cannot show `/no/such/place` for the sandbox"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_specification_that_makes_no_sense() {
    for change in [
        (|spec| spec.hostname = String::new()) as fn(&mut SandboxSpec),
        |spec| spec.hostname = "x".repeat(65),
        |spec| spec.command.clear(),
        |spec| spec.command = vec![String::new()],
        |spec| spec.command.push("nul\0".into()),
        |spec| spec.cwd = "relative".into(),
        |spec| spec.files.push(FileView::Private { target: "/a/../b".into() }),
        |spec| spec.files.push(FileView::Private { target: "/".into() }),
        |spec| spec.files.push(FileView::Text { target: "/x".into(), content: "x".repeat(1 << 20) }),
    ] {
        let mut spec = script("true");
        change(&mut spec);
        let error = refused(spec).await;
        assert!(matches!(error, StartError::InvalidSpec { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_takes_too_long() {
    let mut spec = script("true");
    spec.start_timeout = Duration::from_micros(1);
    let error = refused(spec).await;
    assert!(matches!(error, StartError::Timeout { .. }) && !error.is_the_specs(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sandboxes_of_one_name_do_not_share_limits() {
    let driver = driver();
    let first = script("while :; do sleep 1000; done");
    let mut second = script("true");
    second.id = first.id.clone();
    let _first = driver.start(first).await.unwrap();
    if driver.start(second).await.is_ok() {
        // Without cgroups there is nothing that they could share.
        assert!(driver.capabilities().shortfalls().any(|row| row.feature == sessile_sandbox::Feature::Memory));
    }
}
