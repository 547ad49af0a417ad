//! The pump of a session that rests: written to the disk, or frozen where it is.

use super::{GivenUp, LAST_WORDS, LAST_WORDS_STEP, Pump, STDERR_GRACE};
use crate::node::Node;
use crate::session::{RestKind, Turn};
use crate::sleep::{Asleep, Bed, Dormitory, Head, sink};
use crate::states::unix_millis;
use crate::stop::StopReason;
use sessile_bridge::Event;
use sessile_sandbox::{Ended, HibernateError, Sandbox};
use sessile_store::{Draft, HibernatedRow, Settled};
use sessile_telemetry::Event as Told;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long a sandbox that failed to be written down is looked at, to see whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// What came of a turn.
pub(super) enum Rested {
    /// The session goes on, or is frozen.
    GoesOn,
    /// It is on the disk; nothing of its sandbox is left.
    Asleep(Box<Asleep>),
    /// It is over.
    Ended(StopReason, Option<Ended>),
}

/// Why a session was not written to the disk.
enum Fell {
    /// It goes on.
    Awake(String),
    /// Its sandbox has ended.
    Ended(StopReason, Option<Ended>),
    /// Its sandbox was written down and ended, and that was in vain.
    Lost(String),
}

impl Pump<'_> {
    /// Does what is due about its rest.
    pub(super) async fn take_turn(&mut self, turn: Turn, sandbox: &Sandbox) -> Rested {
        match turn {
            Turn::Thaw => self.thaw(sandbox).await,
            Turn::Fall(RestKind::Freeze) => self.freeze(sandbox).await,
            Turn::Fall(RestKind::Disk) => self.hibernate(sandbox).await,
        }
    }

    async fn freeze(&mut self, sandbox: &Sandbox) -> Rested {
        let (began, before) = (Instant::now(), sandbox.usage().memory);
        match sandbox.freeze().await {
            Ok(()) => {
                let freed =
                    before.zip(sandbox.usage().memory).map_or(0, |(before, after)| before.saturating_sub(after));
                self.tell(RestKind::Freeze, freed, began.elapsed());
                self.session.is_frozen_now();
            }
            Err(error) => self.stays(&error.to_string()),
        }
        Rested::GoesOn
    }

    async fn thaw(&mut self, sandbox: &Sandbox) -> Rested {
        let began = Instant::now();
        if let Err(error) = sandbox.thaw().await {
            self.failed("wake", &error.to_string());
            self.why = Some(format!("frozen; {error}"));
            return Rested::Ended(StopReason::HibernationLost, None);
        }
        self.session.telemetry.emit(&Told::SessionWoken {
            server: &self.session.server,
            session: self.session.name.as_str(),
            kind: RestKind::Freeze,
            took: began.elapsed(),
        });
        self.session.goes_on();
        Rested::GoesOn
    }

    async fn hibernate(&mut self, sandbox: &Sandbox) -> Rested {
        let node = self.node.clone();
        let Some(dormitory) = node.dormitory.clone() else {
            self.stays("there is no place for it");
            return Rested::GoesOn;
        };
        if let Some(peer) = &self.outputs.peer {
            peer.rest();
        }
        match self.write_down(sandbox, &node, &dormitory).await {
            Ok(asleep) => Rested::Asleep(Box::new(asleep)),
            Err(Fell::Awake(why)) => {
                if let Some(peer) = &self.outputs.peer {
                    peer.go_on();
                }
                self.stays(&why);
                Rested::GoesOn
            }
            Err(Fell::Ended(reason, ended)) => Rested::Ended(reason, ended),
            Err(Fell::Lost(why)) => {
                self.failed("hibernate", &why);
                self.why = Some(format!("written down, but {why}"));
                Rested::Ended(StopReason::HibernationLost, None)
            }
        }
    }

    /// The whole way to the disk; what was written is removed if it is not gone to its end.
    async fn write_down(&mut self, sandbox: &Sandbox, node: &Node, dormitory: &Dormitory) -> Result<Asleep, Fell> {
        let awake = |error: &dyn std::fmt::Display| Fell::Awake(error.to_string());
        let driver = self.session.hosted.isolation();
        // By the clock: greater than any before, also where a record of that was lost.
        let generation = unix_millis().max(self.session.lock().resting.generation + 1);
        let row = dormitory.row(&self.session, generation, driver).map_err(|error| awake(&error))?;
        let draft = dormitory.begin(row.clone()).await.map_err(|error| awake(&error))?;
        let written = self.write_state(sandbox, node, draft).await;
        let (settled, asleep) = match written {
            Ok(written) => written,
            Err(fell) => {
                dormitory.forget(&row.label).await;
                return Err(fell);
            }
        };
        let finished = self.finish_writing(dormitory, settled, asleep, row.clone()).await;
        if finished.is_err() {
            dormitory.forget(&row.label).await;
        }
        finished
    }

    /// Lets the driver write the sandbox into `draft`, and hears the server to its end. Nothing of the sandbox runs then.
    async fn write_state(&mut self, sandbox: &Sandbox, node: &Node, draft: Draft) -> Result<(Settled, String), Fell> {
        let node = node.clone();
        let beside = draft.beside().to_owned();
        let (into, writing) = sink(draft, move |bytes| async move { node.make_bed(bytes).await });
        let mut hibernating = sandbox.hibernate(into, beside);
        let written = loop {
            let read = self.closed.is_none() && !self.is_backlogged();
            tokio::select! {
                written = &mut hibernating => break written,
                came = self.outputs.stdout.fill(), if read => {
                    if !came {
                        self.closed = Some(Instant::now());
                    }
                    let _: Result<(), GivenUp> = self.hand_on();
                }
                () = tokio::time::sleep(LAST_WORDS_STEP) => {
                    let session = &self.session;
                    let _ = session.step(|core| core.bridge.on(session.now(), Event::Tick));
                }
            }
        };
        drop(hibernating);
        let writing = writing.await;
        let asleep = match written {
            Ok(asleep) => asleep,
            Err(HibernateError::Ended(ended)) => {
                self.hear_last_words().await;
                return Err(Fell::Ended(StopReason::ServerExit, Some(ended)));
            }
            Err(error) => {
                if let Ok(ended) = timeout(LOOK, sandbox.ended()).await {
                    self.hear_last_words().await;
                    return Err(Fell::Ended(StopReason::ServerExit, Some(ended)));
                }
                // What was read to its end is not: the server goes on.
                self.closed = None;
                return Err(Fell::Awake(error.to_string()));
            }
        };
        self.hear_the_rest().await;
        let lost = |error: &dyn std::fmt::Display| Fell::Lost(format!("its state is not on the disk: {error}"));
        let settled = writing.map_err(|error| lost(&error))?.map_err(|error| lost(&error))?;
        Ok((settled, asleep))
    }

    /// Reads what the server said before it was written down. What clients do not take is kept for later.
    async fn hear_the_rest(&mut self) {
        let end = Instant::now() + LAST_WORDS;
        while self.closed.is_none() && Instant::now() < end {
            match timeout(LAST_WORDS_STEP, self.outputs.stdout.fill()).await {
                Ok(true) | Err(_) => {}
                Ok(false) => self.closed = Some(Instant::now()),
            }
        }
        let _: Result<(), GivenUp> = self.hand_on();
        if timeout(STDERR_GRACE, &mut self.outputs.stderr).await.is_err() {
            tracing::debug!(target: "sessile::runtime", session = self.session.name.as_str(), "stderr goes on");
        }
    }

    /// Adds what the session is, and makes what was written count.
    async fn finish_writing(
        &mut self,
        dormitory: &Dormitory,
        settled: Settled,
        asleep: String,
        row: HibernatedRow,
    ) -> Result<Asleep, Fell> {
        let lost = |error: &dyn std::fmt::Display| Fell::Lost(error.to_string());
        let (head, names, parked, calls) = {
            let mut core = self.session.lock();
            if let Some(reason) = core.stop {
                return Err(Fell::Ended(reason, None));
            }
            // What has been passed on meanwhile is accounted for.
            self.session.write_down(&mut core);
            // What nobody has heard of a server that speaks HTTP is asked for again.
            let rest = if self.outputs.peer.is_some() { &[] } else { self.outputs.stdout.lines.unread() };
            let head = Head::write(&self.session, &core, asleep, rest).map_err(|error| lost(&error))?;
            (head, core.names.iter().cloned().collect(), core.bridge.parked(), core.calls)
        };
        let bytes = dormitory.commit(settled, head, &row.label).await.map_err(|error| lost(&error))?;
        let session = &self.session;
        Ok(Asleep {
            id: session.id.clone(),
            name: session.name.clone(),
            principal: session.principal.clone(),
            server: Arc::clone(&session.hosted),
            names,
            modern: session.takes_modern(),
            parked,
            generation: row.label.generation,
            bytes,
            opened_ms: row.opened_ms,
            since_ms: row.since_ms,
            expires_ms: row.expires_ms,
            calls,
            wakes: row.wakes,
            place: Mutex::default(),
            bed: Bed::default(),
        })
    }

    fn stays(&self, why: &str) {
        self.failed("hibernate", why);
        self.session.stays_awake(why);
    }

    fn failed(&self, what: &'static str, error: &str) {
        let (server, session) = (&*self.session.server, self.session.name.as_str());
        self.session.telemetry.emit(&Told::RestFailed { server, session, what, error });
    }

    fn tell(&self, kind: RestKind, bytes: u64, took: Duration) {
        let (server, session) = (&*self.session.server, self.session.name.as_str());
        self.session.telemetry.emit(&Told::SessionRests { server, session, kind, bytes, took });
    }
}
