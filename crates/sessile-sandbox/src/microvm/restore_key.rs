//! What a machine is, to the last thing that its saved state depends on: it can be restored as a machine of the very same kind, and as no
//! other. QEMU itself notices next to nothing of that: it loads the state of another machine, and the guest is dead or worse.

use super::command_line::Memory;
use super::error::PartError;
use super::jail;
use super::parts::hex;
use super::template::Kind;
use super::trial::Accelerator;
use crate::SandboxId;
use sessile_link::guest::LINK_VERSION;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// In words what an operator may have changed, and a digest of everything that must be the same: QEMU and its whole command line (accelerator, processor, memory, devices in order,
/// the kernel's arguments), kernel, initramfs, image, the version of the link, and with KVM the host's processor, which is the
/// guest's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RestoreKey(String);

impl RestoreKey {
    /// Of the machines of a kind, with the image that lies there now.
    pub(super) fn of_kind(kind: &Kind) -> Result<Self, PartError> {
        // Names are no part of it.
        let id = SandboxId::new("kind")
            .map_err(|error| PartError::io("name", Path::new("kind"))(io::Error::other(error)))?;
        Self::of(&kind.order(&id, Memory::Own))
    }

    /// Of `order`'s machine.
    pub(super) fn of(order: &jail::Order<'_>) -> Result<Self, PartError> {
        let image = order.disk.map(image).transpose()?;
        let processor = match order.accelerator {
            Accelerator::Kvm => processor(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            Accelerator::Emulation => String::new(),
        };
        let line = jail::kind(order);
        let link = LINK_VERSION.to_string();
        let build = order.machinery.build().to_string();
        let words = [&build, &link, &processor, image.as_deref().unwrap_or_default()];
        let mut digest = Sha256::new();
        for word in words.into_iter().chain(line.iter().map(String::as_str)) {
            digest.update(word.len().to_le_bytes());
            digest.update(word);
        }
        let jail::Order { accelerator, memory, processors, .. } = order;
        let digest = hex(&digest.finalize());
        Ok(Self(format!("{accelerator}, {memory} MiB, {processors} processors, {build}, digest {digest}")))
    }
}

impl fmt::Display for RestoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which image it is, under whatever name. Images are written once: whatever replaces one is another file, of another time.
fn image(path: &Path) -> Result<String, PartError> {
    let known = fs::metadata(path).map_err(PartError::read(path))?;
    Ok(format!("{} {}.{}", known.size(), known.mtime(), known.mtime_nsec()))
}

/// What of the host's first processor a guest sees that is given the host's.
fn processor(cpuinfo: &str) -> String {
    let first = cpuinfo.split("\n\n").next().unwrap_or_default();
    let told = ["vendor_id", "cpu family", "model", "model name", "stepping", "microcode", "flags"];
    let lines = first.lines().filter(|line| line.split_once(':').is_some_and(|(name, _)| told.contains(&name.trim())));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;

/// Keys for tests that need different ones.
#[cfg(test)]
pub(super) fn numbered(number: usize) -> RestoreKey {
    RestoreKey(format!("{number:064x}"))
}
