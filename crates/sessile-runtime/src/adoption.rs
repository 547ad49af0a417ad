//! Going on with the sessions of a runtime that is gone: their sandboxes live, and each kept what its session was.

mod unsent;

use crate::admission::{Amount, Permit};
use crate::book::Book;
use crate::estate::{Estate, Left};
use crate::hosted::Hosted;
use crate::names::Named;
use crate::node::{Node, bridge_config};
use crate::peer::{About, Broken, Conversation, LOST_WITH_RUNTIME};
use crate::record::Record;
use crate::session::{Core, Counterpart, Parts, Session};
use crate::session_id::{SessionId, SessionName};
use crate::started::{Before, Origin, Started};
use crate::states::{SessionMint, unix_millis};
use crate::workspace::HeldWorkspace;
use bytes::Bytes;
use sessile_bridge::{Bridge, Event};
use sessile_protocol::error::{SERVER_GONE, error_response};
use sessile_protocol::{ErrorObject, Message, RequestId};
use sessile_sandbox::Adopted;
use sessile_telemetry::{Event as Told, StartKind};
use std::sync::Arc;
use std::time::Instant;
use unsent::{Unsent, settle};

/// What became of the sandboxes that another runtime left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adoption {
    /// Sessions that go on.
    pub adopted: usize,
    /// Sessions that sleep on the disk, and can be woken.
    pub asleep: usize,
    /// Sessions that could not, and were ended. Why is in the log.
    pub lost: usize,
}

/// Why a session is not gone on with.
enum Refused {
    /// There is none: the sandbox was warm, or its session was beginning or ending.
    Nobody,
    /// In words for the operator.
    Lost(String),
}

impl Node {
    /// Goes on with the sessions of runtimes that are gone, and writes down what became of the rest. To be called once, before
    /// anybody is served.
    pub async fn adopt(&self) -> Adoption {
        let mut drivers: Vec<_> = Vec::new();
        for server in self.servers().values() {
            if !drivers.iter().any(|known| Arc::ptr_eq(known, server.driver())) {
                drivers.push(Arc::clone(server.driver()));
            }
        }
        let mut adoption = Adoption::default();
        for driver in drivers {
            for left in driver.adopt().await {
                let outcome = left.map_err(|error| Refused::Lost(error.to_string())).and_then(|left| self.go_on(left));
                match outcome {
                    Ok(()) => adoption.adopted += 1,
                    Err(Refused::Nobody) => {}
                    Err(Refused::Lost(why)) => {
                        adoption.lost += 1;
                        tracing::error!(target: "sessile::runtime", "a session of the last node is lost: {why}");
                    }
                }
            }
        }
        // What was on its way to the disk or from it, and runs, goes on where it runs.
        adoption.asleep = self.find_asleep().await;
        self.lose_the_rest();
        adoption
    }

    /// What ran in a node that is gone and was not taken over has nobody left who would end it.
    fn lose_the_rest(&self) {
        let asleep = self.known_asleep();
        if let Some(chronicle) = &self.chronicle {
            let mut live: Vec<_> = self.registry.live().iter().map(|session| session.name.to_string()).collect();
            live.extend(asleep.iter().map(|(name, _)| name.clone()));
            if let Err(error) = chronicle.lose(&live) {
                tracing::error!(target: "sessile::runtime", %error, "sessions of the last node stay as they were");
            }
        }
        let Some(ledger) = &self.ledger else { return };
        let live = self.registry.live();
        let mut ids: Vec<_> = live.iter().map(|session| session.id.expose()).collect();
        ids.extend(asleep.iter().map(|(_, id)| id.as_str()));
        if let Err(error) = ledger.lose_running(unix_millis(), &crate::tasks::lost(), &ids) {
            tracing::error!(target: "sessile::runtime", %error, "tasks of the last node stay as they were");
        }
    }

    fn go_on(&self, left: Adopted) -> Result<(), Refused> {
        let Adopted { sandbox, estate, .. } = left;
        let began = Instant::now();
        let name = sandbox.id().to_string();
        let lost = |why: String| Refused::Lost(format!("{name}: {why}"));
        let (estate, Left { record, written, attempt }) =
            Estate::open(estate).map_err(|error| lost(error.to_string()))?.ok_or(Refused::Nobody)?;
        let Record { identity, greeting, names, standing, input, conversation, bridge } =
            Record::read(&record).map_err(|error| lost(error.to_string()))?;
        let server = self.server(&identity.server);
        let server = server.ok_or_else(|| lost(format!("server {} is no longer hosted here", identity.server)))?;
        let mint = SessionMint {
            sealer: self.sealer.clone(),
            session: identity.id.clone(),
            principal: identity.caller.clone().unwrap_or_default(),
            server: Arc::clone(server.shared_name()),
        };
        let bridge = Bridge::restore(bridge.get(), bridge_config(&server, identity.transport), Box::new(mint))
            .map_err(|error| lost(format!("its record cannot be read: {error}")))?;
        if standing.is_ending || !bridge.is_open() {
            return Err(Refused::Nobody);
        }
        let written = written.saturating_sub(standing.written);
        let Unsent { lines: unsent, mut doubtful } = settle(&input, written, attempt)
            .ok_or_else(|| lost("the runtime was killed in the middle of a long message to its server".to_owned()))?;

        let estate = Arc::new(estate);
        let book = Book::new(Arc::clone(&estate), &identity).map_err(|error| lost(error.to_string()))?;
        let owner = identity.owner.into_principal();
        let permit = self.permit_for(&server, &owner);
        let (conversation, unheard) = take_up(conversation, &unsent);
        doubtful.extend(unheard);
        let before = Some(Before { unsent, heard: standing.heard, rest: None, conversation });
        // A list that came meanwhile finds no socket to be served on; a socket whose list is gone is closed.
        let reach = server.reach().filter(|_| sandbox.leads_out());
        let since = server.memory().epoch();
        let name = SessionName::known(&identity.name);
        let origin = Origin { name: name.clone(), since, sandbox, estate: Some(estate), reach, before };
        let started = Started::with(&server, origin, &self.telemetry).map_err(&lost)?;
        let Started { sandbox, input, outputs, stderr, way_out, .. } = started;
        let parts = Parts {
            id: SessionId::from_client(&identity.id),
            name,
            hosted: Arc::clone(&server),
            principal: owner,
            opened: identity.opened.instant(),
            span: identity.span,
            tasks: self.task_desk(&server),
            telemetry: self.telemetry.clone(),
            permit,
            stderr,
            since,
            book: Some(book),
            rest_kind: server.rest_kind(self.dormitory.is_some(), identity.transport),
            counterpart: Counterpart { caller: identity.caller, transport: identity.transport },
        };
        let session = Arc::new(Session::resumed(parts, bridge, input, standing, names.clone(), greeting));
        session.step(|core| {
            core.bridge.lose_connections(session.now());
            answer_unknown(&session, core, &doubtful);
        });
        self.telemetry.emit(&Told::SessionStarted {
            server: server.name(),
            session: session.name.as_str(),
            took: began.elapsed(),
            kind: StartKind::Adopted,
        });
        self.registry.add(Arc::clone(&session));
        self.name_again(&session, &names);
        let gate = way_out.and_then(|way_out| way_out.open(&session));
        let workspace = found_workspace(&server, &session);
        self.run(&server, session, sandbox, workspace, gate, outputs);
        Ok(())
    }

    /// The names by which its client knows it lead to it again.
    pub(crate) fn name_again(&self, session: &Arc<Session>, names: &[Box<str>]) {
        for text in names {
            let (server, principal) = (Arc::clone(&session.server), session.principal.clone());
            self.names.lead(&Named { server, principal, text: text.clone() }, session);
        }
    }

    /// What the session has already: it is counted, whatever the limits are by now.
    fn permit_for(&self, server: &Hosted, owner: &sessile_identity::Principal) -> Permit {
        let amount: Amount = server.amount();
        Permit::new(self.admission.place_taken(server.shared_name(), owner), self.admission.share_taken(amount))
    }
}

/// The workspace that its sandbox has, if it has one that its principal keeps.
fn found_workspace(server: &Hosted, session: &Session) -> Option<HeldWorkspace> {
    server.workspaces()?.found(&session.principal, &session.name).unwrap_or_else(|error| {
        tracing::error!(
            target: "sessile::runtime", server = &*session.server, session = session.name.as_str(), %error,
            "the workspace cannot be looked at; nothing limits it in this session"
        );
        None
    })
}

/// Takes up a conversation over HTTP, if there was one, whose connections are gone: with what of it broke off and can be asked for, and
/// the requests that nobody will ever answer.
pub(crate) fn take_up(
    conversation: Option<Conversation>,
    unsent: &Bytes,
) -> (Option<(Conversation, Vec<Broken>)>, Vec<RequestId>) {
    let Some(conversation) = conversation else { return (None, Vec::new()) };
    let (rest, lost) = conversation.broken_off(unsent);
    (Some((conversation, rest)), lost)
}

/// Answers requests of which nobody knows what became.
pub(crate) fn answer_unknown(session: &Session, core: &mut Core, requests: &[RequestId]) {
    for id in requests {
        if let Some(answer) = unknown_outcome(id) {
            core.input.hear(&About::default(), Some(&answer));
            // An answer of the server is refused by nobody.
            let _ = core.bridge.on(session.now(), Event::ServerMessage(answer));
        }
    }
}

/// The answer to a request that may or may not have reached the server, or whose answer will reach nobody.
fn unknown_outcome(id: &RequestId) -> Option<Message> {
    let error =
        ErrorObject::new(SERVER_GONE, LOST_WITH_RUNTIME).with_data(serde_json::json!({ "reason": "node_lost" }));
    Message::parse(error_response(Some(id), &error)).ok()
}
