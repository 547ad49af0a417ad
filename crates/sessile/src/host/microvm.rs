//! The microVM driver of this node, and `sessile microvm setup`.

mod setup;

use super::Failure;
use crate::cli::{MicrovmArgs, MicrovmCommand};
use sessile_sandbox::{
    AcceleratorChoice, Driver, MicrovmConfig, MicrovmError, TellTemplates, TemplateNews, TemplateTold,
};
use sessile_telemetry::{Event, Telemetry, TemplateOutcome};
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

/// Templates of a node: the memory they may take, in bytes, and where what becomes of them is told.
pub(super) struct Templates {
    pub(super) memory: u64,
    pub(super) telemetry: Telemetry,
}

/// The driver, with machines' monitors held by `walls`, the process driver.
pub(super) async fn driver(
    state_dir: &Path,
    walls: Arc<dyn Driver>,
    templates: Option<Templates>,
) -> Result<Arc<dyn Driver>, Failure> {
    let found = find(state_dir, walls, templates).await;
    found.map_err(|error| Failure::Host(format!("isolation \"microvm\": {error}")))
}

/// The same for `sessile check`, which says what is missing and goes on.
pub(super) async fn find(
    state_dir: &Path,
    walls: Arc<dyn Driver>,
    templates: Option<Templates>,
) -> Result<Arc<dyn Driver>, MicrovmError> {
    let accelerator = match std::env::var(ACCELERATOR) {
        Ok(name) if name == "emulation" => AcceleratorChoice::Emulation,
        _ => AcceleratorChoice::Auto,
    };
    let (template_memory, tell_templates) = match templates {
        Some(Templates { memory, telemetry }) => (memory, TellTemplates::new(move |told| tell(&telemetry, told))),
        None => (0, TellTemplates::default()),
    };
    let (directory, kernel) = (directory(state_dir), kernel(state_dir));
    let config = MicrovmConfig { directory, kernel, accelerator, template_memory, tell_templates };
    Ok(Arc::new(sessile_sandbox::microvm_driver(config, walls).await?))
}

fn tell(telemetry: &Telemetry, told: &TemplateTold<'_>) {
    let (outcome, detail) = match &told.news {
        TemplateNews::Made { took } => (TemplateOutcome::Made, format!("{} ms", took.as_millis())),
        TemplateNews::NotMade { why } => (TemplateOutcome::NotMade, why.clone()),
        TemplateNews::NotCopied { why } => (TemplateOutcome::NotCopied, why.clone()),
        TemplateNews::NotShared { why } => (TemplateOutcome::NotShared, why.clone()),
        TemplateNews::Gone => (TemplateOutcome::Gone, String::new()),
    };
    let stock = told.stock;
    telemetry.emit(&Event::Template {
        outcome,
        kind: told.kind,
        detail: &detail,
        kept: stock.kept,
        bytes: stock.bytes,
        limit: stock.limit,
    });
}
