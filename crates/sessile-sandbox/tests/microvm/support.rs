//! What the tests share: one driver's directory, so that one trial serves all, and the helpers of the process driver's tests.

#[path = "../process/support/mod.rs"]
#[allow(dead_code, unreachable_pub)]
mod process;

pub(crate) use process::{Said, blocking, eventually, read_all, read_line, run, script, write_line};
pub(crate) use process::{commands, leaks};

use sessile_images::{ImageRef, Store};
use sessile_sandbox::{
    AcceleratorChoice, Driver, Limits, MicrovmConfig, ProcessConfig, Sandbox, SandboxSpec, TellTemplates,
    microvm_driver, process_driver,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where `scripts/microvm-kernel` puts the guest's kernel, and where these tests keep what a node would.
pub(crate) fn tools() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    root.join("target/tools")
}

/// A configuration whose trial is remembered from test to test.
pub(crate) fn config() -> MicrovmConfig {
    MicrovmConfig {
        directory: tools().join("microvm-state"),
        kernel: tools().join("microvm"),
        accelerator: AcceleratorChoice::Auto,
        template_memory: 4 << 30,
        tell_templates: TellTemplates::default(),
    }
}

/// The driver under test.
pub(crate) async fn driver() -> impl Driver {
    let walls = Arc::new(process_driver(ProcessConfig::default()).expect("this host can isolate processes"));
    let made = microvm_driver(config(), walls).await;
    made.unwrap_or_else(|error| panic!("{error} (for the tests: scripts/microvm-kernel)"))
}

/// The image of a directory, as the product makes it: by path, as no driver knows more of it.
pub(crate) fn image_of(directory: &Path) -> PathBuf {
    let reference = ImageRef::Directory(directory.to_owned());
    let build = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = Store::open(tools().join("microvm-state")).unwrap();
        let built = runtime.block_on(store.build(&reference, Arc::new(())));
        built.unwrap_or_else(|error| panic!("{error}")).path().to_owned()
    };
    // Whoever asks may be a task.
    std::thread::scope(|scope| scope.spawn(build).join().unwrap())
}

/// One of the images that `tests/images/install` makes directories for.
pub(crate) fn installed_image(name: &str) -> PathBuf {
    let directory = tools().join("images").join(name);
    image_of(&directory.canonicalize().unwrap_or_else(|error| panic!("{error}; run tests/images/install")))
}

/// A specification for a shell script in a machine of 192 MiB.
pub(crate) fn machine(text: &str) -> SandboxSpec {
    let mut spec = script(text);
    spec.limits = Limits { memory: Some(192 << 20), ..spec.limits };
    spec.start_timeout = Duration::from_secs(120);
    spec
}

/// Starts `spec`, or says why not.
pub(crate) async fn start(driver: &impl Driver, spec: SandboxSpec) -> Sandbox {
    driver.start(spec).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The monitors' processes of this test's machines named `id`.
pub(crate) fn monitors(id: &str) -> Vec<u32> {
    let is_porter = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"/vmm/sessile-porter\0")
    };
    leaks::processes_with(&format!("guest={id},")).into_iter().filter(|pid| !is_porter(pid)).collect()
}
