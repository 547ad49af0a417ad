//! Finding and running a program inside, and saying why it would not run.
#![allow(unsafe_code)]

use alloc::borrow::ToOwned;
use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ffi::{CStr, c_char};
use rustix::fs::{CWD, Mode, OFlags, open};
use rustix::io::Errno;
use sessile_link::Refusal;

#[cfg(test)]
mod tests;

/// Where programs are looked for without a `PATH`.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// How much of a program is read to find out what it needs.
const HEAD: usize = 4096;

/// A command made ready, so that running it takes only system calls.
pub(crate) struct Command {
    name: String,
    searched: String,
    /// The paths to try, in order.
    candidates: Vec<CString>,
    argv: Strings,
    env: Strings,
    cwd: CString,
}

/// Strings as `execve(2)` wants them: an array of pointers that ends with null.
struct Strings {
    pointers: Vec<*const c_char>,
    /// What the pointers point to; moving it does not move the text.
    _texts: Vec<CString>,
}

impl Strings {
    fn new(texts: Vec<CString>) -> Self {
        let pointers = texts.iter().map(|text| text.as_ptr());
        Self { pointers: pointers.chain([core::ptr::null()]).collect(), _texts: texts }
    }
}

fn text(bytes: &str, what: &str) -> Result<CString, Refusal> {
    CString::new(bytes).map_err(|_| Refusal::Order { what: format!("{what} holds a NUL byte") })
}

impl Command {
    pub(crate) fn new(command: &[String], env: &[(String, String)], cwd: &str) -> Result<Self, Refusal> {
        let Some(name) = command.first().filter(|name| !name.is_empty()) else {
            return Err(Refusal::Order { what: "the command is empty".into() });
        };
        let path = env.iter().find(|(key, _)| key == "PATH");
        let path = path.map_or(DEFAULT_PATH, |(_, value)| value);
        let (candidates, searched) = if name.contains('/') {
            (vec![text(name, "the command")?], name.clone())
        } else {
            let tried = path.split(':').filter(|directory| directory.starts_with('/'));
            let paths = tried.map(|directory| text(&format!("{directory}/{name}"), "PATH"));
            (paths.collect::<Result<_, _>>()?, path.to_owned())
        };
        let argv = command.iter().map(|word| text(word, "the command"));
        let env = env.iter().map(|(key, value)| text(&format!("{key}={value}"), "the environment"));
        Ok(Self {
            name: name.clone(),
            searched,
            candidates,
            argv: Strings::new(argv.collect::<Result<_, _>>()?),
            env: Strings::new(env.collect::<Result<_, _>>()?),
            cwd: text(cwd, "the working directory")?,
        })
    }

    pub(crate) fn cwd(&self) -> String {
        self.cwd.to_string_lossy().into_owned()
    }

    /// Enters the working directory. Makes only system calls.
    pub(crate) fn enter(&self) -> Result<(), Errno> {
        rustix::process::chdir(self.cwd.as_c_str())
    }

    /// Runs the first candidate that can be run. Comes back only if none can: with the one that came closest, and why it
    /// failed. Makes only system calls.
    pub(crate) fn run(&self) -> (usize, Errno) {
        let mut closest = (0, Errno::NOENT);
        for (index, path) in self.candidates.iter().enumerate() {
            // SAFETY: the path is terminated, and both arrays end with null and point to terminated text that lives as
            // long as `self`.
            unsafe { libc::execve(path.as_ptr(), self.argv.pointers.as_ptr(), self.env.pointers.as_ptr()) };
            // SAFETY: errno of this thread, which nobody else writes.
            let errno = Errno::from_raw_os_error(unsafe { *libc::__errno_location() });
            match errno {
                Errno::NOENT | Errno::NOTDIR if !exists(path) => {}
                Errno::ACCESS => closest = (index, errno),
                _ => return (index, errno),
            }
        }
        closest
    }

    /// Puts into words why a candidate did not run.
    pub(crate) fn diagnose(&self, candidate: usize, errno: Errno) -> Refusal {
        let Some(path) = self.candidates.get(candidate).filter(|path| exists(path)) else {
            return Refusal::CommandNotFound { command: self.name.clone(), searched: self.searched.clone() };
        };
        let shown = path.to_string_lossy().into_owned();
        if errno == Errno::NOENT {
            let needed = read_head(path).as_deref().and_then(needs);
            return Refusal::MissingInterpreter {
                path: shown,
                interpreter: needed.unwrap_or_else(|| "its interpreter".into()),
            };
        }
        Refusal::NotExecutable { path: shown, errno: errno.raw_os_error() }
    }
}

fn exists(path: &CStr) -> bool {
    rustix::fs::accessat(CWD, path, rustix::fs::Access::EXISTS, rustix::fs::AtFlags::empty()).is_ok()
}

fn read_head(path: &CStr) -> Option<Vec<u8>> {
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()).ok()?;
    let mut head = vec![0; HEAD];
    let count = rustix::io::read(&file, head.as_mut_slice()).ok()?;
    head.truncate(count);
    Some(head)
}

/// The interpreter that a program's first bytes ask for: of a script's first line, or an ELF program's loader.
pub(crate) fn needs(head: &[u8]) -> Option<String> {
    let name = match head.strip_prefix(b"#!") {
        Some(line) => line.split(|byte| *byte == b'\n').next()?.trim_ascii(),
        None => sessile_link::elf::loader(head)?,
    };
    let name = name.split(|byte| byte.is_ascii_whitespace() || *byte == 0).next()?;
    (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned())
}
