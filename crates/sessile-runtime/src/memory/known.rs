//! What is known of one version of a server.

use super::code::Fingerprint;
use super::eras::{EraKind, Eras};
use super::lists::Lists;
use sessile_bridge::{List, ServerProfile};
use std::sync::Arc;
use std::time::SystemTime;

/// A moment in what is known of a server: which version of it runs, and how often each of its lists has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch {
    version: u64,
    tools: u64,
    prompts: u64,
    resources: u64,
}

impl Epoch {
    /// This moment as a session sees it whose sandbox was started at `start`: it runs the version of then.
    pub(crate) fn in_session_since(self, start: Self) -> Self {
        Self { version: start.version, ..self }
    }

    /// Whether both are of one version of the server.
    pub(super) fn same_version(self, other: Self) -> bool {
        self.version == other.version
    }

    /// Whether `list` is the same in both.
    pub(super) fn same_list(self, other: Self, list: List) -> bool {
        let changes = |epoch: Self| match list {
            List::Tools => epoch.tools,
            List::Prompts => epoch.prompts,
            List::Resources => epoch.resources,
        };
        self.same_version(other) && changes(self) == changes(other)
    }
}

/// What a server last said of itself, in each era.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    pub(super) legacy: Option<Arc<ServerProfile>>,
    pub(super) modern: Option<Arc<ServerProfile>>,
}

impl Profiles {
    pub(super) fn of(&mut self, era: EraKind) -> &mut Option<Arc<ServerProfile>> {
        match era {
            EraKind::Legacy => &mut self.legacy,
            EraKind::Modern => &mut self.modern,
        }
    }
}

/// Everything that is known, and since when.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) fingerprint: Fingerprint,
    pub(super) epoch: Epoch,
    pub(super) eras: Eras,
    /// When the eras were last found.
    pub(super) found: SystemTime,
    pub(super) profiles: Profiles,
    pub(super) lists: Lists,
    /// Whether something of this is not in the file yet.
    pub(super) unsaved: bool,
}

impl Known {
    pub(super) fn nothing(fingerprint: Fingerprint) -> Self {
        Self {
            fingerprint,
            epoch: Epoch { version: 0, tools: 0, prompts: 0, resources: 0 },
            eras: Eras::default(),
            found: SystemTime::UNIX_EPOCH,
            profiles: Profiles::default(),
            lists: Lists::default(),
            unsaved: false,
        }
    }

    /// Forgets all of it: the server is another one now.
    pub(super) fn becomes(&mut self, fingerprint: Fingerprint) {
        let epoch = Epoch { version: self.epoch.version + 1, ..self.epoch };
        *self = Self { epoch, ..Self::nothing(fingerprint) };
    }

    /// Forgets one list, and whatever is being asked of it at this moment.
    pub(super) fn changed(&mut self, list: List) {
        let count = match list {
            List::Tools => &mut self.epoch.tools,
            List::Prompts => &mut self.epoch.prompts,
            List::Resources => &mut self.epoch.resources,
        };
        *count += 1;
        self.unsaved |= self.lists.forget(list);
    }
}
