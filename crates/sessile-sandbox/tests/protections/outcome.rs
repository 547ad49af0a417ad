//! What came of an attempt.

use std::fmt;
use std::io::Error;
use std::str::FromStr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Something stopped it; what it met.
    Held(String),
    /// It succeeded; what it got.
    Done(String),
    /// This kernel has nothing to try it on.
    NotHere(String),
}

pub(crate) fn held(by: impl fmt::Display) -> Outcome {
    Outcome::Held(by.to_string())
}

pub(crate) fn done(with: impl fmt::Display) -> Outcome {
    Outcome::Done(with.to_string())
}

/// What a system call answered: below zero it was held.
pub(crate) fn answered(answer: impl Into<i64>) -> Outcome {
    match answer.into() {
        0.. => done("the kernel did it"),
        _ => held(Error::last_os_error()),
    }
}

/// Whether the kernel's own code for a call was reached, whatever it then said: everything but "no such call".
pub(crate) fn reached(answer: impl Into<i64>) -> Outcome {
    let error = Error::last_os_error();
    match answer.into() {
        0.. => done("the kernel did it"),
        _ if error.raw_os_error() != Some(libc::ENOSYS) => done(format!("the kernel considered it: {error}")),
        _ if is_unfiltered() => Outcome::NotHere("not in this kernel".into()),
        _ => held(error),
    }
}

/// Whether no filter is on this process.
pub(crate) fn is_unfiltered() -> bool {
    std::fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line == "Seccomp:\t0")
}

/// What came of opening, reading, writing or connecting.
pub(crate) fn got<T: fmt::Debug>(result: std::io::Result<T>) -> Outcome {
    match result {
        Ok(got) => done(format!("{got:?}")),
        Err(error) => held(error),
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, rest) = match self {
            Self::Held(by) => ("held", by),
            Self::Done(with) => ("done", with),
            Self::NotHere(why) => ("not-here", why),
        };
        write!(f, "{word} {}", rest.replace('\n', " "))
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once(' ').ok_or(text)?;
        match word {
            "held" => Ok(Self::Held(rest.into())),
            "done" => Ok(Self::Done(rest.into())),
            "not-here" => Ok(Self::NotHere(rest.into())),
            _ => Err(text.into()),
        }
    }
}
