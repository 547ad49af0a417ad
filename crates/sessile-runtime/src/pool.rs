//! Sandboxes that are started ahead of need, for each server apart.
//!
//! A member of a pool has a running server that has been told nothing: not a byte has gone to its stdin. So it can become
//! anybody's session, in either era, and it does so once: whoever takes it owns it. Until then it holds a share of the
//! node's budgets, which it gives up when a start waits for room ([`Pools::make_room`]).
//!
//! [`Pools::take`] is where a start looks first; `keeper.rs` fills and empties; `pace.rs` says when; `traffic.rs` knows
//! whether that would hold up a client.

mod keeper;
mod member;
mod pace;
mod traffic;

pub(crate) use member::Member;
pub(crate) use traffic::Underway;

use crate::admission::{Admission, Amount};
use crate::hosted::Hosted;
use crate::registry::Registry;
use pace::Pace;
use sessile_telemetry::{Event, Telemetry, WarmEnd};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use traffic::Traffic;

/// All pools of a node.
#[derive(Debug)]
pub(crate) struct Pools {
    pools: BTreeMap<String, Arc<Pool>>,
    around: Arc<Around>,
}

/// What pools share.
#[derive(Debug)]
struct Around {
    admission: Arc<Admission>,
    registry: Arc<Registry>,
    telemetry: Telemetry,
    traffic: Arc<Traffic>,
    /// Keepers, and members that end.
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Held by the keeper that starts a member: one at a time on the whole node.
    filling: tokio::sync::Mutex<()>,
}

/// The pool of one server.
#[derive(Debug)]
struct Pool {
    server: Arc<Hosted>,
    around: Arc<Around>,
    shelf: Mutex<Shelf>,
    /// Wakes the keeper.
    changed: Notify,
}

#[derive(Debug)]
struct Shelf {
    /// Oldest first.
    members: VecDeque<Member>,
    pace: Pace,
    closed: bool,
}

impl Pools {
    /// A pool, and its keeper, for each of `servers` that wants one. Must be called inside a tokio runtime if any does.
    pub(crate) fn new<'a>(
        servers: impl Iterator<Item = &'a Arc<Hosted>>,
        admission: &Arc<Admission>,
        registry: &Arc<Registry>,
        telemetry: &Telemetry,
    ) -> Self {
        let around = Arc::new(Around {
            admission: Arc::clone(admission),
            registry: Arc::clone(registry),
            telemetry: telemetry.clone(),
            traffic: Arc::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            filling: tokio::sync::Mutex::new(()),
        });
        let wanted = servers.filter(|server| server.pool().warm > 0);
        let pools = wanted.map(|server| {
            let pace = Pace::new(server.pool(), server.limits(), Instant::now());
            let pool = Arc::new(Pool {
                server: Arc::clone(server),
                around: Arc::clone(&around),
                shelf: Mutex::new(Shelf { members: VecDeque::new(), pace, closed: false }),
                changed: Notify::new(),
            });
            around.tasks.spawn(keeper::keep(Arc::clone(&pool)));
            (server.name().to_owned(), pool)
        });
        Self { pools: pools.collect(), around }
    }

    /// A start for a client is underway for as long as the result lives: nothing is warmed meanwhile.
    pub(crate) fn underway(&self) -> Underway {
        self.around.traffic.begin()
    }

    /// A session of `server` is wanted: a warm sandbox for it, if there is one that is as good as new.
    pub(crate) fn take(&self, server: &Hosted) -> Option<Member> {
        self.pools.get(server.name())?.take()
    }

    /// A start waits for `amount`: gives up as many warm sandboxes as that needs.
    pub(crate) fn make_room(&self, amount: Amount) {
        let standing = self.around.admission.standing();
        let mut wanted = standing.taken.plus(amount);
        for pool in self.pools.values() {
            while standing.budgets.exceeded_by(wanted).is_some() {
                let Some(member) = pool.shelf().members.pop_front() else { break };
                wanted = wanted.minus(pool.server.amount());
                pool.end(member, WarmEnd::MadeRoom);
            }
        }
    }

    /// Ends the member of this name; `false` when there is none.
    pub(crate) fn stop_member(&self, name: &str) -> bool {
        let found = self.pools.values().find_map(|pool| {
            let mut shelf = pool.shelf();
            let place = shelf.members.iter().position(|member| member.name().as_str() == name)?;
            Some((pool, shelf.members.remove(place)?))
        });
        found.map(|(pool, member)| pool.end(member, WarmEnd::Stopped)).is_some()
    }

    /// Calls `see` with every member that waits, and its server.
    pub(crate) fn each(&self, mut see: impl FnMut(&Hosted, &Member)) {
        for pool in self.pools.values() {
            pool.shelf().members.iter().for_each(|member| see(&pool.server, member));
        }
    }

    /// Ends all members, starts no more, and waits until nothing of them is left.
    pub(crate) async fn stop(&self) {
        self.around.stop.cancel();
        for pool in self.pools.values() {
            pool.close();
        }
        self.around.tasks.close();
        self.around.tasks.wait().await;
    }
}

impl Pool {
    fn take(self: &Arc<Self>) -> Option<Member> {
        let now = Instant::now();
        self.server.memory().refresh();
        let mut shelf = self.shelf();
        shelf.pace.wanted(now);
        let mut unfit = Vec::new();
        let member = loop {
            match shelf.members.pop_front() {
                None => break None,
                Some(member) => match self.unfit(&shelf.pace, &member, now) {
                    None => break Some(member),
                    Some(why) => unfit.push((member, why)),
                },
            }
        };
        if member.is_some() {
            shelf.pace.used();
        }
        drop(shelf);
        unfit.into_iter().for_each(|(member, why)| self.end(member, why));
        self.changed.notify_one();
        member.inspect(|member| self.tell_end(member, WarmEnd::Used, ""))
    }

    /// Why a member must not become a session any more, if it must not.
    fn unfit(&self, pace: &Pace, member: &Member, now: Instant) -> Option<WarmEnd> {
        if member.has_ended() {
            Some(WarmEnd::Died)
        } else if !self.server.memory().is_current(member.since()) || member.has_gate() != self.server.reach().is_some()
        {
            Some(WarmEnd::Stale)
        } else {
            pace.is_old(member.born(), now).then_some(WarmEnd::Old)
        }
    }

    /// Sees a member to its end in the background.
    fn end(self: &Arc<Self>, member: Member, why: WarmEnd) {
        self.tell_end(&member, why, "");
        self.around.tasks.spawn(member.end());
        self.changed.notify_one();
    }

    /// A member has ended by itself. It may have been taken in the same moment.
    fn died(self: &Arc<Self>, name: &str, exit: &str) {
        let mut shelf = self.shelf();
        let Some(place) = shelf.members.iter().position(|member| member.name().as_str() == name) else { return };
        let member = shelf.members.remove(place);
        shelf.pace.failed(Instant::now());
        drop(shelf);
        if let Some(member) = member {
            let tail = member.stderr();
            let last = tail.lines().last().unwrap_or_default();
            self.tell_end(&member, WarmEnd::Died, &format!("{exit} {last}"));
        }
        self.changed.notify_one();
    }

    fn close(self: &Arc<Self>) {
        let members = {
            let mut shelf = self.shelf();
            shelf.closed = true;
            std::mem::take(&mut shelf.members)
        };
        members.into_iter().for_each(|member| self.end(member, WarmEnd::Shutdown));
    }

    fn tell_end(&self, member: &Member, why: WarmEnd, detail: &str) {
        let (server, session) = (self.server.name(), member.name().as_str());
        self.around.telemetry.emit(&Event::WarmEnded { server, session, why, detail });
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
