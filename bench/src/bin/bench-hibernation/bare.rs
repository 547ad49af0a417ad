//! QEMU alone, with the command line, the files and the state of one of the node's machines: what waking is held against.

use super::node::Node;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sessile_store::{Hibernation, Label};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Command;
use tokio::time::sleep;

/// How long QEMU may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked.
const PACE: Duration = Duration::from_millis(1);

/// See the module.
pub(super) struct Bare {
    /// Its command line, but for how it is controlled.
    words: Vec<String>,
    folder: PathBuf,
}

impl Bare {
    /// Copies what the machine of the session `name` is made of, which runs.
    pub(super) fn copy(scratch: &Path, name: &str) -> anyhow::Result<Self> {
        let folder = scratch.join("bare");
        fs::create_dir_all(folder.join("hibernated"))?;
        let mark = format!("guest={name},");
        let of = |(_, words): &(u32, Vec<String>)| words.iter().any(|word| word.starts_with(&mark));
        let (pid, words) = machines().find(of).context("the machine is not there")?;
        let mut bare = Self { words: Vec::new(), folder };
        let mut words = words.into_iter();
        let program = words.next().context("the machine has no command line")?;
        bare.words.push(bare.qemu(pid, &program)?);
        let mut number = 0;
        while let Some(word) = words.next() {
            match word.as_str() {
                "-kernel" | "-initrd" => {
                    let file = bare.file(pid, &words.next().unwrap_or_default(), &mut number)?;
                    bare.words.extend([word, file]);
                }
                "-drive" => {
                    let value = words.next().unwrap_or_default();
                    let path = value.split("file=").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default();
                    let file = bare.file(pid, path, &mut number)?;
                    bare.words.extend([word, value.replace(&format!("file={path}"), &format!("file={file}"))]);
                }
                "-L" => {
                    words.next();
                    bare.words.extend([word, bare.folder.join("qemu/firmware").display().to_string()]);
                }
                // It is controlled in another way, and takes its state from a descriptor at once.
                "-mon" | "-incoming" => drop(words.next()),
                // A copy of a template has its memory in a file; one that wakes has its own.
                "-object" => {
                    let value = words.next().unwrap_or_default();
                    let memory = value.split(",mem-path=").next().unwrap_or_default();
                    bare.words.extend([word, memory.replace("memory-backend-file", "memory-backend-ram")]);
                }
                "-chardev" => {
                    let value = words.next().unwrap_or_default();
                    if !value.contains("id=control") {
                        bare.words.extend([word, value]);
                    }
                }
                _ => bare.words.push(word),
            }
        }
        ensure!(number == 3, "the machine has another command line than this program knows");
        Ok(bare)
    }

    /// Copies its QEMU out of the machine's jail: program, modules and firmware. Returns where the program is.
    fn qemu(&self, pid: u32, program: &str) -> anyhow::Result<String> {
        let (from, to) = (format!("/proc/{pid}/root{program}"), self.folder.join("qemu"));
        let (from, name) =
            Path::new(&from).parent().zip(Path::new(program).file_name()).context("QEMU lies nowhere")?;
        for part in ["", "modules", "firmware"] {
            fs::create_dir_all(to.join(part))?;
            for entry in fs::read_dir(from.join(part))?.flatten().filter(|entry| entry.path().is_file()) {
                fs::copy(entry.path(), to.join(part).join(entry.file_name()))?;
            }
        }
        Ok(to.join(name).display().to_string())
    }

    /// Copies a file out of the machine's jail.
    fn file(&self, pid: u32, path: &str, number: &mut usize) -> anyhow::Result<String> {
        let to = self.folder.join(format!("part-{number}"));
        *number += 1;
        fs::copy(format!("/proc/{pid}/root{path}"), &to).with_context(|| format!("cannot copy {path}"))?;
        Ok(to.display().to_string())
    }

    /// Unseals the state of the session `name`, which is on the disk. Returns how long reading it to its end took.
    pub(super) fn take_state(&mut self, node: &Node, name: &str) -> anyhow::Result<Duration> {
        let find = fs::read_dir(node.state().join("hibernated"))?.flatten().map(|entry| entry.path());
        let of = |path: &PathBuf| {
            path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)) && path.is_file()
        };
        let file = find.into_iter().find(of).context("the session is not on the disk")?;
        let generation = file.file_stem().and_then(|stem| stem.to_str()?.rsplit_once('-')?.1.parse().ok());
        let label = Label {
            session: name.to_owned(),
            server: "counter".to_owned(),
            principal: "anonymous".to_owned(),
            generation: generation.context("a file of another name")?,
        };
        // A copy: what is taken here is woken by nobody.
        fs::copy(node.state().join("hibernation.key"), self.folder.join("hibernation.key"))?;
        fs::copy(&file, self.folder.join("hibernated").join(file.file_name().unwrap_or_default()))?;
        fs::set_permissions(&self.folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        let began = Instant::now();
        let mut claimed = Hibernation::open(&self.folder)?.claim(&label)?;
        let mut took = began.elapsed();
        let mut state = File::create(self.folder.join("state"))?;
        loop {
            let began = Instant::now();
            let chunk = claimed.next_chunk()?;
            took += began.elapsed();
            match chunk {
                Some(chunk) => state.write_all(chunk)?,
                None => return Ok(took),
            }
        }
    }

    /// Starts QEMU and lets it take the state in; from its start until the machine runs.
    pub(super) async fn restore(&self) -> anyhow::Result<Duration> {
        let (socket, state) = (self.folder.join("qmp"), self.folder.join("state"));
        let _ = fs::remove_file(&socket);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "state=$1; shift; exec \"$@\" 9<\"$state\"", "sh"]).arg(&state).args(&self.words);
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", socket.display())).args(["-incoming", "fd:9"]);
        command.env("QEMU_MODULE_DIR", self.folder.join("qemu/modules"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let began = Instant::now();
        let mut child = command.spawn()?;
        let running = tokio::time::timeout(PATIENCE, async {
            let mut monitor = Monitor::reach(&socket).await?;
            // It was stopped when it was written down, and so it comes back.
            while monitor.ask("query-status").await?.pointer("/return/status") != Some(&json!("paused")) {
                sleep(PACE).await;
            }
            monitor.ask("cont").await?;
            anyhow::Ok(began.elapsed())
        });
        let took = running.await.context("QEMU never got to run")?;
        child.kill().await?;
        took
    }
}

/// Machines that run: their processes and command lines.
fn machines() -> impl Iterator<Item = (u32, Vec<String>)> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<_> =
            line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let is_monitor = words.first().is_some_and(|program| program.contains("qemu"));
        is_monitor.then(|| (pid, words.into_iter().filter(|word| !word.is_empty()).collect()))
    })
}

/// QEMU's monitor.
struct Monitor {
    lines: Lines<BufReader<OwnedReadHalf>>,
    to: OwnedWriteHalf,
}

impl Monitor {
    async fn reach(socket: &Path) -> anyhow::Result<Self> {
        let stream = loop {
            match UnixStream::connect(socket).await {
                Ok(stream) => break stream,
                Err(_) => sleep(PACE).await,
            }
        };
        let (from, to) = stream.into_split();
        let mut monitor = Self { lines: BufReader::new(from).lines(), to };
        monitor.ask("qmp_capabilities").await?;
        Ok(monitor)
    }

    /// Gives a command, and waits for its answer.
    async fn ask(&mut self, command: &str) -> anyhow::Result<Value> {
        self.to.write_all(format!("{{\"execute\":\"{command}\"}}\n").as_bytes()).await?;
        loop {
            let line = self.lines.next_line().await?.context("QEMU has ended")?;
            let said: Value = serde_json::from_str(&line)?;
            if said.get("return").is_some() || said.get("error").is_some() {
                return Ok(said);
            }
        }
    }
}
