//! The task of a pool: fills it when that is at nobody's cost, and empties it when nobody comes.

use super::member::Member;
use super::pace::Wish;
use super::traffic::BREATH;
use super::{Pool, Shelf};
use crate::session_id::SessionName;
use crate::started::Started;
use sessile_telemetry::{Event, WarmEnd};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a pool looks whether its server's code has changed, or whether what kept it from filling is over.
const LOOK: Duration = Duration::from_secs(1);
/// The same where only something that happens can change anything.
const REST: Duration = Duration::from_secs(3600);
/// A session that was not opened after this time keeps no pool from filling.
const OPENING: Duration = Duration::from_secs(2);

/// How long a node that ends waits for a member that is being started, so that it can be ended.
const LAST_START: Duration = Duration::from_secs(5);

/// Keeps `pool` until the node ends.
pub(super) async fn keep(pool: Arc<Pool>) {
    let stop = pool.around.stop.clone();
    loop {
        let pause = match pool.look() {
            None => {
                let mut fill = pin!(pool.fill());
                tokio::select! {
                    pause = &mut fill => pause,
                    () = stop.cancelled() => {
                        // What a start that is given up has made goes in the background, for which a node that ends
                        // has no time.
                        let _ = tokio::time::timeout(LAST_START, fill).await;
                        return;
                    }
                }
            }
            Some(pause) => pause,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = pool.changed.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Pool {
    /// Ends what is not to be used any more, and says how long to wait; `None` when a member is missing.
    fn look(self: &Arc<Self>) -> Option<Duration> {
        let now = Instant::now();
        let mut leaving = Vec::new();
        let pause = {
            let mut shelf = self.shelf();
            let Shelf { members, pace, .. } = &mut *shelf;
            if !members.is_empty() {
                self.server.memory().refresh();
            }
            if pace.wish(now, members.len(), None) == Wish::Empty {
                leaving.extend(members.drain(..).map(|member| (member, WarmEnd::Idle)));
            }
            let mut kept = VecDeque::new();
            for member in members.drain(..) {
                match self.unfit(pace, &member, now) {
                    // Who watches it says how it ended.
                    None | Some(WarmEnd::Died) => kept.push_back(member),
                    Some(why) => leaving.push((member, why)),
                }
            }
            *members = kept;
            match pace.wish(now, members.len(), members.front().map(Member::born)) {
                Wish::Fill => None,
                Wish::Wait(until) if members.is_empty() => Some(until.saturating_duration_since(now)),
                // Whether the code of those who wait is still the same is to be seen, too.
                Wish::Wait(until) => Some(until.saturating_duration_since(now).min(LOOK)),
                Wish::Empty | Wish::Rest => Some(REST),
            }
        };
        leaving.into_iter().for_each(|(member, why)| self.end(member, why));
        pause
    }

    /// Starts a member, if nobody is held up by that, and says how long to wait then.
    async fn fill(self: &Arc<Self>) -> Duration {
        if let Some(pause) = self.held_up() {
            return pause;
        }
        let _one_at_a_time = self.around.filling.lock().await;
        // Clients may have come while another pool was filled.
        if let Some(pause) = self.held_up() {
            return pause;
        }
        let Some(share) = self.around.admission.spare(self.server.amount()) else { return LOOK };
        let began = Instant::now();
        let name = match SessionName::random() {
            Ok(name) => name,
            Err(error) => return self.failed("", &error.to_string()),
        };
        match Started::start(&self.server, name.clone(), None, &self.around.telemetry).await {
            Ok(started) => {
                let (server, session) = (self.server.name(), name.as_str());
                self.around.telemetry.emit(&Event::Warmed { server, session, took: began.elapsed() });
                let mut shelf = self.shelf();
                // Under the lock, so that whoever notices its end finds it.
                let pool = Arc::clone(self);
                let member = Member::new(started, share, move |exit| pool.died(name.as_str(), &exit));
                if shelf.closed {
                    drop(shelf);
                    self.end(member, WarmEnd::Shutdown);
                } else {
                    shelf.members.push_back(member);
                }
                BREATH
            }
            Err(reason) => self.failed(name.as_str(), &reason),
        }
    }

    /// How long it is too early to start a member, if it is.
    fn held_up(&self) -> Option<Duration> {
        let around = &self.around;
        if around.admission.is_waited_for() {
            return Some(BREATH);
        }
        if let Some(pause) = around.traffic.holds_up(Instant::now()) {
            return Some(pause);
        }
        let is_opening = around.registry.live().iter().any(|it| it.opened.elapsed() < OPENING && !it.was_opened());
        if is_opening {
            return Some(BREATH);
        }
        // One more than there may be sessions would never be used. While the breaker is open, the one try that it lets
        // through is a client's.
        let members = u32::try_from(self.shelf().members.len()).unwrap_or(u32::MAX);
        let sessions = around.admission.places_of(self.server.name()).saturating_add(members);
        let is_pointless = sessions >= self.server.limits().sessions || !self.server.is_breaker_closed();
        is_pointless.then_some(LOOK)
    }

    /// A member could not be started. Five of these in a row open the server's breaker, as they would if clients had
    /// waited for them; while it is open, pools try nothing.
    fn failed(&self, session: &str, reason: &str) -> Duration {
        self.shelf().pace.failed(Instant::now());
        self.server.start_failed(reason);
        self.around.telemetry.emit(&Event::StartFailed { server: self.server.name(), session, error: reason });
        Duration::ZERO
    }
}
