//! What a server speaks, as far as it is known.

use serde::{Deserialize, Serialize};
use sessile_protocol::Era;

/// Whether a server speaks an era.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "speaks", rename_all = "lowercase")]
pub enum Speaks {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It does not.
    No,
    /// It does.
    Yes {
        /// The version that was agreed on or chosen.
        #[serde(default)]
        version: Option<String>,
    },
}

impl Speaks {
    fn known(&self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::No => Some(false),
            Self::Yes { .. } => Some(true),
        }
    }
}

/// One of the two eras of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EraKind {
    /// Up to 2025-11-25.
    Legacy,
    /// From 2026-07-28.
    Modern,
}

impl From<Era> for EraKind {
    fn from(era: Era) -> Self {
        match era {
            Era::Legacy(_) => Self::Legacy,
            Era::Modern(_) => Self::Modern,
        }
    }
}

/// Which eras a server speaks; `None` where that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownEras {
    pub(crate) legacy: Option<bool>,
    pub(crate) modern: Option<bool>,
}

/// Both eras of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Eras {
    pub(super) legacy: Speaks,
    pub(super) modern: Speaks,
}

impl Eras {
    pub(super) fn known(&self) -> KnownEras {
        KnownEras { legacy: self.legacy.known(), modern: self.modern.known() }
    }

    /// Whether that was new. A version that is known stays known.
    pub(super) fn learn(&mut self, era: EraKind, speaks: bool) -> bool {
        let place = self.place(era);
        if place.known() == Some(speaks) {
            return false;
        }
        *place = if speaks { Speaks::Yes { version: None } } else { Speaks::No };
        true
    }

    /// The server was opened in a version. Whether that was new.
    pub(super) fn learn_version(&mut self, era: Era) -> bool {
        let new = Speaks::Yes { version: Some(era.as_str().to_owned()) };
        let place = self.place(era.into());
        let changed = *place != new;
        *place = new;
        changed
    }

    fn place(&mut self, era: EraKind) -> &mut Speaks {
        match era {
            EraKind::Legacy => &mut self.legacy,
            EraKind::Modern => &mut self.modern,
        }
    }
}
