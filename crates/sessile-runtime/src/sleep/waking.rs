//! Waking: from a session on the disk to one that runs, once.

use super::asleep::Woken;
use super::{Asleep, Head, source};
use crate::admission::{Permit, Share};
use crate::adoption;
use crate::error::{OpenError, SessionError};
use crate::names::Named;
use crate::node::{Node, bridge_config};
use crate::record::{Moment, Record};
use crate::registry::{EndedSession, Found};
use crate::session::{Counterpart, Parts, Rest, Session, Visit};
use crate::session_id::SessionId;
use crate::started::{Before, Origin, Started};
use crate::states::{SessionMint, unix_millis};
use crate::stop::{PostMortem, StopReason};
use bytes::Bytes;
use sessile_bridge::Bridge;
use sessile_identity::Principal;
use sessile_sandbox::{Network, Sandbox, WakeError, WrittenDown};
use sessile_store::Claimed;
use sessile_telemetry::{Event, RestKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What an id leads to, once nothing sleeps any more.
#[derive(Debug)]
pub(crate) enum Awake {
    /// A session that runs.
    Live(Visit),
    /// A session of the same caller that has ended.
    Ended(StopReason),
    /// Nothing that this caller may know of.
    Nothing,
}

/// What a session on the disk is, in this runtime: all that can be found out before its machine runs.
struct Restored {
    record: Record,
    bridge: Bridge,
    asleep: String,
    opened: Instant,
    rest: Bytes,
}

impl Node {
    /// What an id leads to for a caller. A session that sleeps is woken, or thawed, and stays awake as long as the result lives.
    ///
    /// # Errors
    /// [`SessionError::NotWoken`] if it sleeps on, to be woken by a later request.
    pub(crate) async fn awake(&self, server: &str, owner: &Principal, id: &SessionId) -> Result<Awake, SessionError> {
        loop {
            match self.registry.find(server, owner, id) {
                Found::Live(session) => {
                    if let Some(visit) = session.visit().await {
                        return Ok(Awake::Live(visit));
                    }
                }
                Found::Asleep(asleep) => match self.wake(&asleep).await {
                    Woken::Up(kept) => {
                        if let Some(visit) = kept.session().visit().await {
                            return Ok(Awake::Live(visit));
                        }
                    }
                    Woken::NotNow(error) => return Err(SessionError::NotWoken(error)),
                    Woken::Over(reason) => return Ok(Awake::Ended(reason)),
                },
                Found::Ended(reason) => return Ok(Awake::Ended(reason)),
                Found::Nothing => return Ok(Awake::Nothing),
            }
        }
    }

    /// Wakes a session, or waits for those who do.
    pub(crate) async fn wake(&self, asleep: &Arc<Asleep>) -> Woken {
        let (node, sleeper) = (self.clone(), Arc::clone(asleep));
        // Once begun, it goes on whoever leaves: half a wake would be none, and no state is used twice.
        let wake = asleep.bed.wake(move |tell| async move {
            let _counted = node.pumps.token();
            let woken = node.bring_back(&sleeper).await;
            if let Woken::Over(reason) = &woken {
                tracing::debug!(target: "sessile::runtime", session = sleeper.name.as_str(), reason = reason.as_str(), "not woken");
            }
            sleeper.bed.tell(&tell, woken);
        });
        wake.await
    }

    async fn bring_back(&self, asleep: &Arc<Asleep>) -> Woken {
        let not_now = |error: OpenError| Woken::NotNow(Box::new(error));
        if !self.is_accepting() {
            return not_now(OpenError::Draining);
        }
        if unix_millis() >= asleep.expires_ms {
            return self.is_over(asleep, StopReason::MaxLifetime, None).await;
        }
        let (began, server) = (Instant::now(), &asleep.server);
        let amount = server.amount();
        let share = match self.admission.share(&asleep.principal, amount, || self.pools.make_room(amount)).await {
            Ok(share) => share,
            Err(error) => return not_now(error),
        };
        let Some(dormitory) = self.dormitory.clone() else { return not_now(OpenError::Draining) };
        let label = asleep.label();
        let mut claimed = match dormitory.claim(&label).await {
            Ok(claimed) => claimed,
            Err(error) if error.is_final() => return self.is_lost(asleep, &error.to_string()).await,
            Err(error) => return not_now(self.not_woken(asleep, &error.to_string())),
        };
        let found = match self.look_into(asleep, &claimed.take_head()) {
            Ok(found) => found,
            Err(why) => return self.is_lost(asleep, &why).await,
        };
        match self.run_again(asleep, claimed, found, share).await {
            Ok(visit) => {
                dormitory.forget(&label).await;
                self.telemetry.emit(&Event::SessionWoken {
                    server: server.name(),
                    session: asleep.name.as_str(),
                    kind: RestKind::Disk,
                    took: began.elapsed(),
                });
                self.tell_disk();
                Woken::Up(Arc::new(visit))
            }
            Err(Failed::Lost(why)) => self.is_lost(asleep, &why).await,
            Err(Failed::NotNow(why, claimed)) => match dormitory.give_back(*claimed, &label).await {
                Ok(()) => not_now(self.not_woken(asleep, &why)),
                Err(error) => self.is_lost(asleep, &format!("{why}; then: {error}")).await,
            },
        }
    }

    /// Reads what was said of the session.
    fn look_into(&self, asleep: &Asleep, head: &[u8]) -> Result<Restored, String> {
        let Head { asleep: told, times, record, rest } = Head::read(head).map_err(|error| error.to_string())?;
        let mut record = Record::read(record.get()).map_err(|error| format!("its record cannot be read: {error}"))?;
        let server = &asleep.server;
        if record.identity.server != server.name() || record.identity.id != asleep.id.expose() {
            return Err("its record is another session's".to_owned());
        }
        let mint = SessionMint {
            sealer: self.sealer.clone(),
            session: record.identity.id.clone(),
            principal: record.identity.caller.clone().unwrap_or_default(),
            server: Arc::clone(server.shared_name()),
        };
        let bridge =
            Bridge::restore(record.bridge.get(), bridge_config(server, record.identity.transport), Box::new(mint))
                .map_err(|error| format!("its record cannot be read: {error}"))?;
        let now = Instant::now();
        record.standing.last_active = Moment::of(now);
        Ok(Restored { record, bridge, asleep: told, opened: times.opened(now, unix_millis()), rest })
    }

    /// Lets the machine run, and the session with it.
    async fn run_again(
        &self,
        asleep: &Arc<Asleep>,
        claimed: Claimed,
        found: Restored,
        share: Share,
    ) -> Result<Visit, Failed> {
        let (server, name) = (&asleep.server, asleep.name.clone());
        let Restored { record, bridge, asleep: told, opened, rest } = found;
        let estate = match server.new_estate() {
            Ok(estate) => estate,
            Err(why) => return Err(Failed::NotNow(why, Box::new(claimed))),
        };
        let reach = server.reach();
        let network = if reach.is_some() { Network::Gate } else { Network::Loopback };
        let spec = match server.spec(&name, estate.as_deref(), None, network) {
            Ok(spec) => spec,
            Err(why) => return Err(Failed::NotNow(why, Box::new(claimed))),
        };
        let beside = claimed.beside().to_owned();
        let (state, reading) = source(claimed);
        let written = WrittenDown { asleep: told, state: Box::new(state), beside };
        let woken = server.driver().wake(spec, written).await;
        let (claimed, read) = reading.await.map_err(|error| Failed::Lost(format!("its file was not read: {error}")))?;
        let sandbox = judge(woken, read.map_err(|error| error.to_string()), claimed)?;

        // From here on it has run, and there is no way back.
        let since = server.memory().epoch();
        let Record { identity, greeting, names, standing, input, conversation, .. } = record;
        let (conversation, lost) = adoption::take_up(conversation, &input);
        let before = Some(Before { unsent: input, heard: standing.heard, rest: Some(rest), conversation });
        let origin = Origin { name: name.clone(), since, sandbox, estate: estate.clone(), reach, before };
        let Started { sandbox, input, outputs, stderr, way_out, .. } =
            Started::with(server, origin, &self.telemetry).map_err(Failed::Lost)?;
        let mut told = identity;
        told.opened = Moment::of(opened);
        let book = estate.map(|estate| crate::book::Book::new(estate, &told)).transpose();
        let book = book.map_err(|error| Failed::Lost(error.to_string()))?;
        let place = asleep.take_place();
        let place = place.unwrap_or_else(|| self.admission.place_taken(server.shared_name(), &asleep.principal));
        let parts = Parts {
            id: asleep.id.clone(),
            name,
            hosted: Arc::clone(server),
            principal: asleep.principal.clone(),
            opened,
            span: told.span,
            tasks: self.task_desk(server),
            telemetry: self.telemetry.clone(),
            permit: Permit::new(place, share),
            stderr,
            since,
            book,
            rest_kind: server.rest_kind(self.dormitory.is_some(), told.transport),
            counterpart: Counterpart { caller: told.caller, transport: told.transport },
        };
        let session = Arc::new(Session::resumed(parts, bridge, input, standing, names.clone(), greeting));
        session.step(|core| {
            (core.resting.generation, core.resting.wakes) = (asleep.generation, asleep.wakes + 1);
            // Those who were connected when it fell asleep are connected no more.
            core.bridge.lose_connections(session.now());
            adoption::answer_unknown(&session, core, &lost);
        });
        self.registry.wake(&asleep.id, Arc::clone(&session));
        self.name_again(&session, &names);
        let gate = way_out.and_then(|way_out| way_out.open(&session));
        // Before its clock runs: whoever it was woken for comes first.
        let visit = session.visit().await;
        self.run(server, session, sandbox, None, gate, outputs);
        visit.ok_or_else(|| Failed::Lost("it fell asleep before it ran".to_owned()))
    }

    /// What a client is told of a session that sleeps on.
    fn not_woken(&self, asleep: &Asleep, why: &str) -> OpenError {
        self.telemetry.emit(&Event::RestFailed {
            server: asleep.server.name(),
            session: asleep.name.as_str(),
            what: "wake",
            error: why,
        });
        OpenError::StartFailed { reason: why.to_owned(), stderr_tail: String::new() }
    }

    /// It can never be woken.
    async fn is_lost(&self, asleep: &Arc<Asleep>, why: &str) -> Woken {
        self.telemetry.emit(&Event::RestFailed {
            server: asleep.server.name(),
            session: asleep.name.as_str(),
            what: "wake",
            error: why,
        });
        self.is_over(asleep, StopReason::HibernationLost, Some(why)).await
    }

    /// Writes down the end of a session that sleeps. Whoever calls this has its bed.
    async fn is_over(&self, asleep: &Arc<Asleep>, reason: StopReason, why: Option<&str>) -> Woken {
        let now = unix_millis();
        let post_mortem = PostMortem {
            reason,
            exit: why.map_or_else(|| "hibernated".to_owned(), |why| format!("hibernated; {why}")),
            stderr_tail: String::new(),
            hint: None,
            cpu_ms: 0,
            memory_peak: None,
            lived_ms: now.saturating_sub(asleep.opened_ms),
            ended_at: now / 1000,
        };
        self.telemetry.emit(&Event::SleeperEnded {
            server: asleep.server.name(),
            session: asleep.name.as_str(),
            reason: reason.as_str(),
            why: why.unwrap_or_default(),
            lived: Duration::from_millis(post_mortem.lived_ms),
        });
        let ended = EndedSession {
            name: asleep.name.clone(),
            server: Arc::clone(asleep.server.shared_name()),
            principal: asleep.principal.clone(),
            calls: asleep.calls,
            post_mortem,
            egress: None,
        };
        if let Some(chronicle) = &self.chronicle {
            chronicle.ended(&ended);
        }
        self.registry.end_asleep(&asleep.id, ended);
        drop(asleep.take_place());
        if let Some(dormitory) = &self.dormitory {
            dormitory.forget(&asleep.label()).await;
        }
        self.tell_disk();
        Woken::Over(reason)
    }

    /// Ends a session that sleeps. One that is being woken is ended then.
    pub(crate) async fn end_asleep(&self, asleep: &Arc<Asleep>, reason: StopReason, why: Option<&str>) {
        while !asleep.bed.take(reason) {
            match asleep.bed.settled().await {
                Some(Woken::Up(visit)) => {
                    visit.session().stop(reason);
                    return;
                }
                Some(Woken::Over(_)) => return,
                Some(Woken::NotNow(_)) | None => tokio::task::yield_now().await,
            }
        }
        self.is_over(asleep, reason, why).await;
    }

    /// Puts a session to bed that its pump has written down: what is left of it in memory is `asleep`.
    pub(crate) async fn put_to_bed(&self, session: &Arc<Session>, asleep: Asleep, took: Duration) {
        if let Some(place) = session.keep_place_only() {
            asleep.put_place(place);
        }
        let asleep = Arc::new(asleep);
        self.registry.fall_asleep(Arc::clone(&asleep));
        for text in &asleep.names {
            let (server, principal) = (Arc::clone(&session.server), session.principal.clone());
            self.names.forget(&Named { server, principal, text: text.clone() }, session);
        }
        self.telemetry.emit(&Event::SessionRests {
            server: &session.server,
            session: session.name.as_str(),
            kind: RestKind::Disk,
            bytes: asleep.bytes,
            took,
        });
        let stop = session.lock().stop;
        session.is_asleep_now();
        debug_assert_eq!(session.rests(), Rest::Asleep);
        self.tell_disk();
        // Somebody ended it in the last moment. A node that ends leaves it to the next one.
        if let Some(reason) = stop.filter(|reason| *reason != StopReason::NodeShutdown) {
            self.end_asleep(&asleep, reason, None).await;
        }
    }
}

/// Why a session does not run.
enum Failed {
    /// It never will.
    Lost(String),
    /// Nothing of it has run: it can be put back.
    NotNow(String, Box<Claimed>),
}

/// What is to be made of what the driver and the reader of the file say.
fn judge(woken: Result<Sandbox, WakeError>, read: Result<(), String>, claimed: Claimed) -> Result<Sandbox, Failed> {
    match (woken, read) {
        (Ok(sandbox), Ok(())) => Ok(sandbox),
        // Whatever the driver made of it: it is not what was written. (Dropping the sandbox kills it.)
        (_, Err(error)) => Err(Failed::Lost(error)),
        (Err(WakeError::Start(error)), Ok(())) => Err(Failed::NotNow(error.to_string(), Box::new(claimed))),
        (Err(error), Ok(())) => Err(Failed::Lost(error.to_string())),
    }
}
