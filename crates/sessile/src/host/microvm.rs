//! The microVM driver of this node, and `sessile microvm setup`.

mod setup;

use super::Failure;
use crate::cli::{MicrovmArgs, MicrovmCommand};
use sessile_sandbox::{AcceleratorChoice, Driver, MicrovmConfig, MicrovmError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Where the guest's kernel lies, instead of the state directory: for hosts that share one, and for tests.
const KERNEL: &str = "SESSILE_MICROVM_KERNEL";

/// Set to `emulation`, KVM is not tried.
const ACCELERATOR: &str = "SESSILE_MICROVM_ACCELERATOR";

/// `sessile microvm`.
pub(crate) fn microvm(args: &MicrovmArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        MicrovmCommand::Setup(args) => setup::setup(args),
    }
}

/// The directory of the state directory in which machines' parts are kept.
fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("microvm")
}

/// The guest's kernel, with its modules.
fn kernel(state_dir: &Path) -> PathBuf {
    std::env::var_os(KERNEL).map_or_else(|| directory(state_dir).join("kernel"), PathBuf::from)
}

/// The driver, with machines' monitors held by `walls`, the process driver.
pub(super) async fn driver(state_dir: &Path, walls: Arc<dyn Driver>) -> Result<Arc<dyn Driver>, Failure> {
    find(state_dir, walls).await.map_err(|error| Failure::Host(format!("isolation \"microvm\": {error}")))
}

/// The same for `sessile check`, which says what is missing and goes on.
pub(super) async fn find(state_dir: &Path, walls: Arc<dyn Driver>) -> Result<Arc<dyn Driver>, MicrovmError> {
    let accelerator = match std::env::var(ACCELERATOR) {
        Ok(name) if name == "emulation" => AcceleratorChoice::Emulation,
        _ => AcceleratorChoice::Auto,
    };
    let config = MicrovmConfig { directory: directory(state_dir), kernel: kernel(state_dir), accelerator };
    Ok(Arc::new(sessile_sandbox::microvm_driver(config, walls).await?))
}
