//! mise and Volta: their choice depends on settings in many forms, so they are asked (`mise which`, `volta which`).

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Choice, Shim, ViewError};

/// They answer in milliseconds; one that hangs must not hang a start.
const PATIENCE: Duration = Duration::from_secs(5);

/// A manager that can be asked.
#[derive(Debug)]
pub(super) struct Manager {
    name: &'static str,
    program: PathBuf,
}

/// Whose shim this is, if it is a link to one of their binaries.
pub(super) fn manager_of(shim: &Shim<'_>) -> Option<Manager> {
    let real = shim.path.is_symlink().then(|| shim.path.canonicalize().ok())??;
    match real.file_name()?.to_str()? {
        "mise" if shim.name != "mise" => Some(Manager { name: "mise", program: real }),
        "volta-shim" => Some(Manager { name: "Volta", program: real.with_file_name("volta") }),
        _ => None,
    }
}

/// Asks which program the shim would start.
pub(super) fn choose(shim: &Shim<'_>, manager: &Manager) -> Result<Choice, ViewError> {
    let question = format!("`{} which {}`", manager.program.display(), shim.name);
    let answer =
        ask(shim, manager).map_err(|reason| shim.leads_nowhere(manager.name, format!("{question} {reason}")))?;
    let path = PathBuf::from(answer.trim());
    if !path.is_absolute() || !path.is_file() {
        return Err(shim.leads_nowhere(manager.name, format!("{question} names no program")));
    }
    Ok(Choice { path, reason: manager.name.to_owned() })
}

fn ask(shim: &Shim<'_>, manager: &Manager) -> Result<String, String> {
    let mut child = Command::new(&manager.program)
        .args(["which", shim.name])
        .current_dir(shim.base)
        .env_clear()
        .envs(shim.host.iter())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot be asked: {error}"))?;
    let deadline = Instant::now() + PATIENCE;
    // The answer is one path: it fits into the pipe, so waiting before reading cannot block the child.
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(Some(status)) => return Err(format!("failed ({status})")),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                let ended = child.kill().and_then(|()| child.wait());
                return Err(format!("gave no answer within {} s ({ended:?})", PATIENCE.as_secs()));
            }
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    }
    let mut answer = String::new();
    if let Some(stdout) = child.stdout.take() {
        use std::io::Read;
        stdout.take(4096).read_to_string(&mut answer).map_err(|error| format!("gave no text: {error}"))?;
    }
    Ok(answer)
}
