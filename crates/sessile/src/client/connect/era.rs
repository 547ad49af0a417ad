//! The two eras of the protocol, as a client chooses between them.

use clap::ValueEnum;
use std::fmt;

/// What `--era` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EraChoice {
    /// Modern where the server speaks it, else legacy
    #[default]
    Auto,
    /// Sessions opened with `initialize`: up to 2025-11-25
    Legacy,
    /// Requests that stand alone: from 2026-07-28
    Modern,
}

/// The era that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Up to 2025-11-25.
    Legacy,
    /// From 2026-07-28.
    Modern,
}

impl Era {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Legacy => Self::Modern,
            Self::Modern => Self::Legacy,
        }
    }
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        })
    }
}
