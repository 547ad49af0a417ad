//! From a specification to the order that init understands.

use crate::{FileView, Network, SandboxSpec, StartError};
#[cfg(feature = "weaken")]
use sessile_link::Protection;
use sessile_link::{HostUsers, LeftOut, MAX_GIVEN, Program, Rlimits, StartOrder, View};
use std::path::Path;

/// The longest host name, in bytes (`HOST_NAME_MAX`).
const MAX_HOSTNAME: usize = 64;

/// Which limits no cgroup enforces, so that each process is limited by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WithoutCgroup {
    pub(crate) memory: bool,
    pub(crate) pids: bool,
}

/// Writes the order for `spec`.
pub(crate) fn write(spec: &SandboxSpec, users: HostUsers, without: WithoutCgroup) -> Result<StartOrder, StartError> {
    write_with(spec, users, without, false)
}

/// Writes the order for the init of a guest, whose root may be an image: a copy-on-write view at `/`.
pub(crate) fn write_for_guest(
    spec: &SandboxSpec,
    users: HostUsers,
    without: WithoutCgroup,
) -> Result<StartOrder, StartError> {
    write_with(spec, users, without, true)
}

fn write_with(
    spec: &SandboxSpec,
    users: HostUsers,
    without: WithoutCgroup,
    image: bool,
) -> Result<StartOrder, StartError> {
    if !(1..=MAX_HOSTNAME).contains(&spec.hostname.len()) {
        return Err(invalid(format!("the host name `{}` has not 1 to {MAX_HOSTNAME} bytes", spec.hostname)));
    }
    if spec.command.is_empty() {
        return Err(invalid("the command is empty".into()));
    }
    if image && !spec.given.is_empty() {
        return Err(invalid("a server in a machine cannot be given descriptors of the host".into()));
    }
    if spec.given.len() > MAX_GIVEN {
        return Err(invalid(format!("a server is given {MAX_GIVEN} descriptors at most, not {}", spec.given.len())));
    }
    let program = Program::Server { command: spec.command.clone(), env: spec.env.clone(), cwd: absolute(&spec.cwd)? };
    let mut views = spec.files.iter().map(view).collect::<Result<Vec<_>, _>>()?;
    let is_root = |view: &View| matches!(view, View::CopyOnWrite { target, .. } if target == "/");
    if !image && views.iter().any(is_root) {
        return Err(invalid("nothing can be shown as `/`: show the directories in it".into()));
    }
    // A mount hides what lies below it: parents first. Links last of their depth would do, but a stable order is simpler.
    views.sort_by_key(depth);
    Ok(StartOrder {
        program,
        hostname: spec.hostname.clone(),
        views,
        disk: spec.limits.disk,
        rlimits: Rlimits {
            open_files: spec.limits.open_files,
            data: spec.limits.memory.filter(|_| without.memory),
            processes: spec.limits.pids.filter(|_| without.pids).map(u64::from),
        },
        loopback: spec.network != Network::Host,
        gate: spec.network == Network::Gate,
        orphan_grace_ms: u64::try_from(spec.orphan_grace.as_millis()).unwrap_or(u64::MAX),
        users,
        bequest: None,
        given: spec.given.len(),
        without: LeftOut::default(),
    })
}

/// The order without some protections.
#[cfg(feature = "weaken")]
pub(crate) fn weakened(mut order: StartOrder, without: &[Protection]) -> StartOrder {
    order.without = LeftOut(without.to_vec());
    order.loopback &= order.keeps(Protection::OwnNetwork);
    order.gate &= order.loopback; // the host's ports are not the sandbox's
    if let Program::Server { env, .. } = &mut order.program
        && without.contains(&Protection::OwnEnvironment)
    {
        env.extend(std::env::vars());
    }
    order
}

fn invalid(what: String) -> StartError {
    StartError::InvalidSpec { what }
}

fn absolute(path: &Path) -> Result<String, StartError> {
    let text = path.to_str().ok_or_else(|| invalid(format!("`{}` is not UTF-8", path.display())))?;
    let plain = !text.contains('\0') && !path.components().any(|c| c == std::path::Component::ParentDir);
    if path.is_absolute() && plain {
        Ok(text.to_owned())
    } else {
        Err(invalid(format!("`{text}` is not an absolute path without `..`")))
    }
}

fn view(view: &FileView) -> Result<View, StartError> {
    let target = absolute(view.target())?;
    if target.trim_matches('/').is_empty() && !matches!(view, FileView::CopyOnWrite { .. }) {
        return Err(invalid("nothing can be shown as `/`: show the directories in it".into()));
    }
    Ok(match view {
        FileView::ReadOnly { source, .. } => View::ReadOnly { source: absolute(source)?, target },
        FileView::Writable { source, .. } => View::Writable { source: absolute(source)?, target },
        FileView::CopyOnWrite { source, .. } => View::CopyOnWrite { source: absolute(source)?, target },
        FileView::Device { source } => View::Device { source: absolute(source)? },
        FileView::Private { .. } => View::Private { target },
        FileView::Text { content, .. } => View::Text { target, content: content.clone() },
        FileView::Symlink { to, .. } => {
            let to = to.to_str().ok_or_else(|| invalid(format!("`{}` is not UTF-8", to.display())))?;
            View::Symlink { target, to: to.to_owned() }
        }
    })
}

/// How many components a view's target has.
fn depth(view: &View) -> usize {
    let target = match view {
        View::ReadOnly { target, .. }
        | View::Writable { target, .. }
        | View::CopyOnWrite { target, .. }
        | View::Device { source: target }
        | View::Private { target }
        | View::Text { target, .. }
        | View::Symlink { target, .. } => target,
    };
    target.split('/').filter(|part| !part.is_empty()).count()
}
