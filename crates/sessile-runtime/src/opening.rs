//! Opening a session in the right era: the client's, wherever the server speaks it.
//!
//! Servers that speak both eras hold to the one they are first spoken to in, for as long as their process lives. So a
//! session is opened in its client's era first, and the messages are relayed; only a server that does not know that era
//! is opened in the other, and bridged. What was found out is remembered for each version of the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sessile_bridge::{Bridge, ClientProfile, Config, Opening, Pull, Transport};
use sessile_identity::Principal;
use sessile_manifest::ServerEra;
use sessile_protocol::error as code;
use sessile_protocol::{Era, ErrorObject, Message, ModernVersion, Object};

use crate::error::OpenError;
use crate::exchange::Exchange;
use crate::hosted::Hosted;
use crate::memory::EraKind;
use crate::node::{Node, Start};
use crate::session::{Session, Span};
use crate::states::SessionMint;
use crate::stop::StopReason;

/// How long a server that refused `initialize` may be silent when asked for the modern era, beside twice the time that it
/// took to refuse.
const SILENCE: Duration = Duration::from_secs(2);

impl Node {
    /// Opens a session with a legacy client's `initialize` and returns the exchange that its answer comes on.
    ///
    /// The exchange *owns* the session until [`Exchange::release`]: a client that leaves before it learnt the
    /// session's id could never come back, so the session ends with it.
    ///
    /// # Errors
    /// When a limit is reached, the node is draining, or the server does not start.
    pub async fn open(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        initialize: Message,
    ) -> Result<Exchange, OpenError> {
        server.memory().refresh();
        let known = server.memory().eras();
        let (speaks_legacy, speaks_modern) = match server.era() {
            ServerEra::Legacy => (Some(true), Some(false)),
            ServerEra::Modern => (Some(false), Some(true)),
            ServerEra::Auto => (known.legacy, known.modern),
        };
        if speaks_legacy == Some(false) {
            return self.initialize(server, principal, initialize, Bridge::upgraded, false).await;
        }
        let began = Instant::now();
        let mut exchange = self.initialize(server, principal, initialize.clone(), Bridge::relay, false).await?;
        if speaks_legacy.is_some() || speaks_modern == Some(false) || !is_refused_as_unknown(&mut exchange).await {
            return Ok(exchange);
        }
        let patience = SILENCE + 2 * began.elapsed();
        if server.workspaces().is_some() {
            // Both cannot have the workspace. What the first one said is known.
            exchange.session().stop(StopReason::StartFailed);
        }
        // It may be one that speaks modern only. If it is not, the client gets what it was first told.
        let upgraded = self.initialize(server, principal, initialize, Bridge::upgraded, false).await?;
        match tokio::time::timeout(patience, upgraded.session().opened()).await {
            Ok(Ok(_)) => {
                server.does_not_speak(upgraded.session().since, EraKind::Legacy);
                Ok(upgraded)
            }
            Ok(Err(_)) | Err(_) => Ok(exchange),
        }
    }

    /// Opens a session in the way that `bridge` says. One that `is_lent` is reached by a handle, beside another session
    /// of its client.
    pub(crate) async fn initialize(
        &self,
        server: &Arc<Hosted>,
        principal: &Principal,
        initialize: Message,
        bridge: fn(Config) -> Bridge,
        is_lent: bool,
    ) -> Result<Exchange, OpenError> {
        let start = Start { server, owner: principal, span: Span::Idle, transport: Transport::Streamable, caller: None };
        let start = self.start(start, |config, _, name| {
            let request_prefix = is_lent.then(|| format!("{name}:"));
            bridge(Config { request_prefix, ..config })
        });
        let session = start.await?;
        if server.handles() {
            // Set once, here.
            let _ = session.greeting.set(initialize.clone());
        }
        match session.post(vec![initialize]).await {
            Ok(Some(exchange)) => Ok(exchange.owning()),
            refused => {
                session.stop(StopReason::StartFailed);
                let reason = refused.err().map_or_else(|| "initialize has no id".to_owned(), |e| e.to_string());
                Err(OpenError::StartFailed { reason, stderr_tail: session.stderr.text() })
            }
        }
    }

    /// Opens a session for a modern client, and waits until its server has said who it is.
    ///
    /// # Errors
    /// As [`Node::open`]; also when the server refuses to be opened.
    pub(crate) async fn open_modern(
        &self,
        server: &Arc<Hosted>,
        owner: &Principal,
        caller: &Principal,
        client: &ClientProfile,
        span: Span,
    ) -> Result<Arc<Session>, OpenError> {
        let known = server.memory().eras();
        let opening = match (server.era(), known.modern) {
            (ServerEra::Legacy, _) | (ServerEra::Auto, Some(false)) => Opening::Legacy,
            (ServerEra::Modern, _) | (ServerEra::Auto, Some(true)) => Opening::Modern,
            (ServerEra::Auto, None) => Opening::Probe,
        };
        let open = |opening| self.try_modern(server, owner, caller, client, span, opening);
        match open(opening).await? {
            Ok(session) => {
                if opening == Opening::Probe && session.profile().is_some_and(|it| matches!(it.era, Era::Legacy(_))) {
                    server.does_not_speak(session.since, EraKind::Modern);
                }
                Ok(session)
            }
            // The question itself may have ended it: some legacy servers exit at anything before `initialize`.
            Err(_) if opening == Opening::Probe => {
                let session = open(Opening::Legacy).await?.map_err(|refused| refused.into_error())?;
                server.does_not_speak(session.since, EraKind::Modern);
                Ok(session)
            }
            Err(refused) => Err(refused.into_error()),
        }
    }

    async fn try_modern(
        &self,
        server: &Arc<Hosted>,
        owner: &Principal,
        caller: &Principal,
        client: &ClientProfile,
        span: Span,
        opening: Opening,
    ) -> Result<Result<Arc<Session>, Refused>, OpenError> {
        let start = Start { server, owner, span, transport: Transport::PerRequest, caller: Some(caller) };
        let session = self
            .start(start, |config, id, _| {
                let mint = SessionMint {
                    sealer: self.sealer.clone(),
                    session: id.expose().to_owned(),
                    principal: caller.id().to_string(),
                    server: Arc::clone(server.shared_name()),
                };
                Bridge::modern(config, opening, client.clone(), Box::new(mint))
            })
            .await?;
        let ends_early = StopWhenDropped(Some(&session));
        let opened = session.opened().await;
        ends_early.disarm();
        Ok(match opened {
            Ok(_) => Ok(session),
            Err(error) => {
                session.stop(StopReason::StartFailed);
                Err(Refused { error, stderr_tail: session.stderr.text() })
            }
        })
    }
}

/// A server that was started and could not be opened.
struct Refused {
    error: ErrorObject,
    stderr_tail: String,
}

impl Refused {
    fn into_error(self) -> OpenError {
        OpenError::NotOpened { error: Box::new(self.error), stderr_tail: self.stderr_tail }
    }
}

/// Ends a session whose opening nobody waits for any more.
struct StopWhenDropped<'a>(Option<&'a Arc<Session>>);

impl StopWhenDropped<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.0 {
            session.stop(StopReason::ClientGone);
        }
    }
}

/// Whether the server itself answered `initialize` with an error that a server gives which does not know the method, or
/// misses what modern requests carry; also if it ended thereafter. Which error that is, no specification says.
async fn is_refused_as_unknown(exchange: &mut Exchange) -> bool {
    let Pull::Json(answer) = exchange.peek().await else { return false };
    let message = Message::parse(answer.clone()).ok();
    let Some(error) = message.as_ref().and_then(Message::error) else { return false };
    let code = Object::parse(error).and_then(|error| error.get("code")?.parse::<i64>().ok());
    let modern =
        [code::METHOD_NOT_FOUND, code::HEADER_MISMATCH, code::MISSING_CLIENT_CAPABILITY, code::UNSUPPORTED_VERSION];
    let words = ["_meta", "io.modelcontextprotocol/", ModernVersion::V2026_07_28.as_str()];
    code.is_some_and(|code| modern.contains(&code)) || words.iter().any(|word| error.contains(word))
}
