//! Between running and sleeping: who keeps a session awake, and when it may rest.

use super::Session;
use super::locked::Core;
use crate::admission::{Permit, Place};
use crate::record::{Identity, Moment, Owner};
pub(crate) use sessile_telemetry::RestKind;
use std::ops::Deref;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How long a session that could not fall asleep is left alone at first; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How often falling asleep is tried before its idle clock ends a session as if it could not.
const TRIES: u32 = 5;

/// Whether a session runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It does.
    Awake,
    /// It is being written down, or frozen: what comes waits.
    Falling,
    /// Its sandbox is frozen; the first who comes thaws it.
    Frozen,
    /// It is on the disk, and this is what is left of it: who comes looks it up again.
    Asleep,
}

impl Rest {
    /// How it rests, if it does.
    fn kind(&self) -> Option<RestKind> {
        match self {
            Self::Awake | Self::Falling => None,
            Self::Frozen => Some(RestKind::Freeze),
            Self::Asleep => Some(RestKind::Disk),
        }
    }
}

/// What a session has of rest: part of what changes.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    /// Those whom it must not fall asleep under.
    pub(super) visits: usize,
    /// Somebody waits for it to go on.
    wanted: bool,
    /// An operator wants it to rest now.
    asked: bool,
    /// How often it could not, since it was last active, and when it may be tried again.
    tries: u32,
    not_before: Option<Instant>,
    /// Why it could not, the last time.
    pub(super) refused: Option<Arc<str>>,
    /// Since when it is frozen.
    since: Option<Instant>,
    /// How often it has come back from rest.
    pub(crate) wakes: u64,
    /// Under which number it was written to the disk last.
    pub(crate) generation: u64,
}

/// What is to be done about a session's rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Fall(RestKind),
    Thaw,
}

/// A session that stays awake for as long as this lives.
#[derive(Debug)]
pub struct Visit(Arc<Session>);

impl Visit {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Arc<Session> {
        &self.0
    }
}

impl Deref for Visit {
    type Target = Arc<Session>;

    fn deref(&self) -> &Arc<Session> {
        &self.0
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut core = self.0.lock();
        core.resting.visits = core.resting.visits.saturating_sub(1);
        let may_rest = core.resting.visits == 0 && self.0.rest_kind.is_some();
        drop(core);
        if may_rest {
            self.0.pump.notify_one();
        }
    }
}

impl Session {
    /// Comes to it, and keeps it awake; waits until it is. `None` when it sleeps on the disk, or has just been woken as another
    /// [`Session`]: look it up again.
    pub(crate) async fn visit(self: &Arc<Self>) -> Option<Visit> {
        let mut changes = self.rest.subscribe();
        loop {
            {
                let mut core = self.lock();
                let rest = changes.borrow_and_update().clone();
                match rest {
                    Rest::Asleep => return None,
                    Rest::Awake => {
                        core.resting.visits += 1;
                        return Some(Visit(Arc::clone(self)));
                    }
                    Rest::Falling | Rest::Frozen => core.resting.wanted = true,
                }
            }
            self.pump.notify_one();
            if changes.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Whether it runs, or is about to.
    pub(crate) fn rests(&self) -> Rest {
        self.rest.borrow().clone()
    }

    /// Asks it to rest, whatever its clock says, and waits for what comes of it.
    ///
    /// # Errors
    /// Why it does not, in words.
    pub(crate) async fn ask_to_rest(&self) -> Result<RestKind, String> {
        if self.rest_kind.is_none() {
            let why =
                "its driver can neither write it down nor freeze it here, or its server has `hibernate_after = \"0s\"`";
            return Err(why.to_owned());
        }
        let mut changes = self.rest.subscribe();
        {
            let mut core = self.lock();
            if let Some(kind) = changes.borrow_and_update().kind() {
                return Ok(kind);
            }
            if let Some(why) = self.keeps_awake(&core) {
                return Err(why.to_owned());
            }
            (core.resting.asked, core.resting.refused) = (true, None);
        }
        self.pump.notify_one();
        loop {
            if changes.changed().await.is_err() {
                return Err("it has ended".to_owned());
            }
            let rest = changes.borrow_and_update().clone();
            if let Some(kind) = rest.kind() {
                return Ok(kind);
            }
            if rest == Rest::Awake {
                let core = self.lock();
                let ended = core.stop.map(|reason| format!("it has ended: {}", reason.as_str()));
                let refused = core.resting.refused.as_deref().map(str::to_owned);
                return Err(ended.or(refused).unwrap_or_else(|| "somebody asked something of it".to_owned()));
            }
        }
    }

    /// What has to be over before it may rest.
    fn keeps_awake(&self, core: &Core) -> Option<&'static str> {
        if core.stop.is_some() {
            return Some("it is ending");
        }
        if !core.bridge.is_open() {
            return Some("its server has not been opened yet");
        }
        if core.bridge.in_flight() > core.bridge.parked() {
            return Some("a request is in flight");
        }
        if core.execs.running > 0 {
            return Some("an operator's command runs in it");
        }
        if core.resting.visits > 0 {
            return Some("a request is about to reach it");
        }
        if core.input.queued() > 0 || core.bridge.is_backlogged() {
            return Some("messages are on their way");
        }
        if self.falls_as(core).is_none() {
            return Some("a call is open on a connection that cannot be gone on with, and its driver cannot freeze it");
        }
        None
    }

    /// How it would rest now. One whose server speaks HTTP has to wait for calls that would be lost with their connections; frozen, it
    /// keeps those.
    fn falls_as(&self, core: &Core) -> Option<RestKind> {
        match self.rest_kind? {
            RestKind::Disk if !core.input.can_be_left() => self.hosted.driver().freezes().then_some(RestKind::Freeze),
            kind => Some(kind),
        }
    }

    /// When it is to fall asleep, if nothing more happens; `None` while something keeps it awake, or it does not rest by itself.
    pub(crate) fn rests_at(&self, core: &Core) -> Option<Instant> {
        self.rest_kind?;
        if *self.rest.borrow() != Rest::Awake || self.keeps_awake(core).is_some() {
            return None;
        }
        if core.resting.asked {
            return Some(Instant::now());
        }
        let due = core.last_active + self.limits.hibernate_after?;
        Some(core.resting.not_before.map_or(due, |not_before| due.max(not_before)))
    }

    /// Whether its idle clock does not end it, because it falls asleep instead.
    pub(super) fn sleeps_instead(&self, core: &Core) -> bool {
        self.rest_kind == Some(RestKind::Disk) && self.limits.hibernate_after.is_some() && core.resting.tries < TRIES
    }

    /// What the pump is to do about its rest now.
    pub(crate) fn turn(&self) -> Option<Turn> {
        let mut core = self.lock();
        if *self.rest.borrow() == Rest::Frozen {
            return core.resting.wanted.then_some(Turn::Thaw);
        }
        let due = self.rests_at(&core).is_some_and(|at| at <= Instant::now());
        let kind = self.falls_as(&core).filter(|_| due)?;
        core.resting.wanted = false;
        self.rest.send_replace(Rest::Falling);
        core.input.hold();
        Some(Turn::Fall(kind))
    }

    /// It could not fall asleep, and goes on.
    pub(crate) fn stays_awake(&self, why: &str) {
        let mut core = self.lock();
        let tries = core.resting.tries;
        core.resting.not_before = Some(Instant::now() + FIRST_PAUSE * 2_u32.saturating_pow(tries.min(10)));
        core.resting.tries = tries.saturating_add(1);
        core.resting.refused = Some(why.into());
        self.awakes(&mut core);
    }

    /// It runs again, or comes to its end.
    pub(crate) fn goes_on(&self) {
        let mut core = self.lock();
        if *self.rest.borrow() != Rest::Awake {
            core.last_active = Instant::now();
            core.resting.wakes += u64::from(core.resting.since.take().is_some());
            self.awakes(&mut core);
        }
    }

    fn awakes(&self, core: &mut Core) {
        (core.resting.asked, core.resting.wanted) = (false, false);
        core.input.release();
        core.input.flush();
        self.rest.send_replace(Rest::Awake);
    }

    /// Since when it is frozen, and how often it has come back from rest.
    pub(crate) fn rest_view(&self) -> (Option<Instant>, u64) {
        let core = self.lock();
        (core.resting.since, core.resting.wakes)
    }

    /// It is frozen.
    pub(crate) fn is_frozen_now(&self) {
        let mut core = self.lock();
        (core.resting.asked, core.resting.refused) = (false, None);
        core.resting.since = Some(Instant::now());
        self.rest.send_replace(Rest::Frozen);
    }

    /// What never changes about it, as it is written down.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            id: self.id.expose().to_owned(),
            name: self.name.to_string(),
            server: self.server.to_string(),
            owner: Owner::of(&self.principal),
            caller: self.counterpart.caller.clone(),
            span: self.span,
            transport: self.counterpart.transport,
            opened: Moment::of(self.opened),
        }
    }

    /// Gives back what it takes of the node, and keeps the place among the sessions of its server and owner.
    pub(crate) fn keep_place_only(&self) -> Option<Place> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner).take().map(Permit::into_place)
    }

    /// It is on the disk, and can be looked up there. What is left here says nothing more to anybody.
    pub(crate) fn is_asleep_now(&self) {
        let wakers: Vec<_> = {
            let mut core = self.lock();
            core.retire();
            self.rest.send_replace(Rest::Asleep);
            core.wakers.drain().map(|(_, waker)| waker).collect()
        };
        wakers.into_iter().for_each(std::task::Waker::wake);
    }
}

impl Resting {
    /// Something was asked of it.
    pub(super) fn was_active(&mut self) {
        self.tries = 0;
        self.not_before = None;
    }
}
