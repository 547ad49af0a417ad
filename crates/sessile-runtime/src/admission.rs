//! Who may open another session: places among a server's and a principal's sessions, and a share of what the node has.
//!
//! Whoever is over a limit of the server is refused at once: waiting would not help, as its own sessions are in the way.
//! Where the node is full, a start waits for its turn ([`queue`]). Both are given back by being dropped.

mod budget;
mod places;
mod queue;
#[cfg(test)]
mod tests;

pub(crate) use budget::{Amount, Budgets, whole_millicores};
pub use budget::{Budget, Full};
pub(crate) use places::{Place, ServerLimits};

use crate::error::OpenError;
use places::Places;
use queue::{Asked, Queue, Ticket};
use sessile_identity::Principal;
use sessile_telemetry::{Event, Telemetry, Waited};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What is given out, to whom, and who waits.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Places>,
    timeout: Duration,
    state: Mutex<State>,
    telemetry: Telemetry,
}

#[derive(Debug)]
struct State {
    queue: Queue<Principal>,
    waiting: HashMap<Ticket, oneshot::Sender<Share>>,
    closed: bool,
}

/// How many starts may wait, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) starts: usize,
    pub(crate) timeout: Duration,
}

/// The right to one session.
#[derive(Debug)]
pub(crate) struct Permit {
    place: Place,
    _share: Share,
}

/// A share of what the node has. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    admission: Arc<Admission>,
    amount: Amount,
}

/// What the node has, what is taken, and who waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) budgets: Budgets,
    pub(crate) taken: Amount,
    pub(crate) waiting: usize,
    pub(crate) capacity: usize,
    pub(crate) timeout: Duration,
}

impl Admission {
    pub(crate) fn new(budgets: Budgets, patience: Patience, telemetry: Telemetry) -> Arc<Self> {
        let state = State { queue: Queue::new(budgets, patience.starts), waiting: HashMap::new(), closed: false };
        let admission = Self { places: Arc::default(), timeout: patience.timeout, state: Mutex::new(state), telemetry };
        admission.tell(&admission.lock());
        Arc::new(admission)
    }

    /// Takes a place among the sessions of a server and a principal, or says which limit is reached.
    pub(crate) fn place(
        &self,
        server: &Arc<str>,
        principal: &Principal,
        limits: ServerLimits,
    ) -> Result<Place, OpenError> {
        Places::take(&self.places, server, principal, limits)
    }

    /// Takes a place for a session that there is already, whatever the limits.
    pub(crate) fn place_taken(&self, server: &Arc<str>, principal: &Principal) -> Place {
        Places::add(&self.places, server, principal)
    }

    /// Takes the share of a session that there is already, whatever the budgets.
    pub(crate) fn share_taken(self: &Arc<Self>, amount: Amount) -> Share {
        let mut state = self.lock();
        state.queue.take(amount);
        self.tell(&state);
        Share { admission: Arc::clone(self), amount }
    }

    /// How many places of a server are taken.
    pub(crate) fn places_of(&self, server: &str) -> u32 {
        self.places.of(server)
    }

    /// Takes a share for `principal`; where there is none, `make_room` is called, and a turn is waited for.
    ///
    /// # Errors
    /// [`OpenError::NodeFull`] when the wait is over, or too many wait; [`OpenError::Draining`] when the node ends.
    pub(crate) async fn share(
        self: &Arc<Self>,
        principal: &Principal,
        amount: Amount,
        make_room: impl FnOnce(),
    ) -> Result<Share, OpenError> {
        let began = Instant::now();
        let (ticket, full, mut granted) = {
            let mut state = self.lock();
            if state.closed {
                return Err(OpenError::Draining);
            }
            match state.queue.ask(principal.clone(), amount) {
                Asked::Granted => {
                    self.tell(&state);
                    return Ok(Share { admission: Arc::clone(self), amount });
                }
                Asked::Refused(full) => {
                    drop(state);
                    self.waited(Duration::ZERO, Waited::Refused);
                    return Err(OpenError::NodeFull(full));
                }
                Asked::Waits(ticket, full) => {
                    let (grant, granted) = oneshot::channel();
                    state.waiting.insert(ticket, grant);
                    self.tell(&state);
                    (ticket, full, granted)
                }
            }
        };
        let waiting = Waiting { admission: self, ticket, began, over: false };
        make_room();
        match tokio::time::timeout(self.timeout, &mut granted).await {
            Ok(Ok(share)) => {
                waiting.ends(Waited::Granted);
                Ok(share)
            }
            Ok(Err(_)) => {
                waiting.ends(Waited::Shutdown);
                Err(OpenError::Draining)
            }
            Err(_) => {
                waiting.ends(Waited::TimedOut);
                // It may have come in the last moment.
                granted.try_recv().map_err(|_| OpenError::NodeFull(full))
            }
        }
    }

    /// Takes a share for what nobody waits for, if that is at nobody's cost.
    pub(crate) fn spare(self: &Arc<Self>, amount: Amount) -> Option<Share> {
        let mut state = self.lock();
        let taken = !state.closed && state.queue.take_spare(amount);
        taken.then(|| {
            self.tell(&state);
            Share { admission: Arc::clone(self), amount }
        })
    }

    /// Whether a start waits for its turn.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.lock().queue.waiting() > 0
    }

    /// Refuses all who wait, and all who come.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = self.lock();
        Standing {
            budgets: state.queue.budgets(),
            taken: state.queue.taken(),
            waiting: state.queue.waiting(),
            capacity: state.queue.capacity(),
            timeout: self.timeout,
        }
    }

    fn give_back(self: &Arc<Self>, amount: Amount) {
        let mut state = self.lock();
        state.queue.give_back(amount);
        self.hand_out(state);
    }

    fn leave(self: &Arc<Self>, ticket: Ticket) {
        let mut state = self.lock();
        state.waiting.remove(&ticket);
        state.queue.leave(ticket);
        // Behind it, somebody of the same principal may fit.
        self.hand_out(state);
    }

    /// Gives what is free to those whose turn it is.
    fn hand_out(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut grants = Vec::new();
        while let Some((ticket, amount)) = state.queue.next() {
            let share = Share { admission: Arc::clone(self), amount };
            grants.push((state.waiting.remove(&ticket), share));
        }
        self.tell(&state);
        drop(state);
        // Outside of the lock: a share that nobody takes any more gives itself back.
        for (waiting, share) in grants {
            let _ = waiting.map(|waiting| waiting.send(share));
        }
    }

    fn tell(&self, state: &State) {
        let (taken, budgets) = (state.queue.taken(), state.queue.budgets());
        self.telemetry.emit(&Event::Capacity {
            waiting: state.queue.waiting(),
            sessions: (u64::from(taken.sessions), u64::from(budgets.sessions)),
            memory: (taken.memory, budgets.memory),
            millicores: (taken.millicores, budgets.millicores),
        });
    }

    fn waited(&self, took: Duration, how: Waited) {
        self.telemetry.emit(&Event::Waited { took, how });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    pub(crate) fn new(place: Place, share: Share) -> Self {
        Self { place, _share: share }
    }

    /// Gives the share back, and keeps the place.
    pub(crate) fn into_place(self) -> Place {
        self.place
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.admission.give_back(self.amount);
    }
}

/// A start that waits. However it ends, it leaves the queue.
struct Waiting<'a> {
    admission: &'a Arc<Admission>,
    ticket: Ticket,
    began: Instant,
    over: bool,
}

impl Waiting<'_> {
    fn ends(mut self, how: Waited) {
        self.over = true;
        self.admission.leave(self.ticket);
        self.admission.waited(self.began.elapsed(), how);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            // Its client has left.
            self.admission.leave(self.ticket);
            self.admission.waited(self.began.elapsed(), Waited::Left);
        }
    }
}
