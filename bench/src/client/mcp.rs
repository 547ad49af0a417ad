//! The MCP side: open a session, call in it, end it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::value::RawValue;

use super::message::chosen_version;
use super::{Connection, Dialect, Endpoint, Fault, Message, SseReader, initialize, initialized, read};

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const SESSION_NAME: HeaderName = HeaderName::from_static("sessile-session");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// The most that an answer may weigh; more than that is a fault of the server.
const MOST_BYTES: usize = 16 << 20;

/// An open session: the headers that name it. It needs no connection while nobody calls in it.
#[derive(Debug, Clone)]
pub struct Session {
    pub(super) headers: HeaderMap,
}

/// One connection to an endpoint, with the ids of its requests.
pub struct Client {
    pub(super) endpoint: Arc<Endpoint>,
    connection: Option<Connection>,
    next_id: u64,
}

impl Client {
    /// A client whose requests have ids from `first_id` on. It connects with its first request.
    ///
    /// Clients that share a session must be given ranges that do not meet.
    pub fn new(endpoint: &Arc<Endpoint>, first_id: u64) -> Self {
        Self { endpoint: Arc::clone(endpoint), connection: None, next_id: first_id }
    }

    /// Opens a session: of a legacy client with `initialize` and `notifications/initialized`, of a modern one with a
    /// name for it, which the server learns with the first call.
    ///
    /// # Errors
    /// When the handshake is not answered as the transport says.
    pub async fn open(&mut self) -> Result<Session, Fault> {
        let mut headers = self.endpoint.headers.clone();
        match self.endpoint.dialect {
            Dialect::Legacy => return self.initialize().await,
            Dialect::Modern => headers.insert(SESSION_NAME, new_name()?),
            Dialect::Stateless => None,
        };
        Ok(Session { headers })
    }

    /// Opens a session, and has what a target does only once behind it: a modern session starts with its first call,
    /// and what is answered from memory must be asked of a server once.
    ///
    /// # Errors
    /// When the handshake or that call is not answered as it should be.
    pub async fn open_warm(&mut self) -> Result<Session, Fault> {
        let session = self.open().await?;
        if self.endpoint.dialect.is_modern() {
            self.call(&session).await?;
        }
        Ok(session)
    }

    /// `initialize`, then `notifications/initialized`.
    async fn initialize(&mut self) -> Result<Session, Fault> {
        let id = self.take_id();
        let request = self.request(Method::POST, &self.endpoint.headers, Bytes::from(initialize(&id)));
        let (head, version) = self.exchange(request, &id, chosen_version).await?;
        let mut headers = self.endpoint.headers.clone();
        if let Some(session_id) = head.get(SESSION_ID) {
            headers.insert(SESSION_ID, session_id.clone());
        }
        let version = HeaderValue::try_from(version)
            .map_err(|_| Fault::Malformed("the protocol version is not a header value".to_owned()))?;
        headers.insert(VERSION, version);
        let notice = self.request(Method::POST, &headers, Bytes::from_static(initialized().as_bytes()));
        self.deliver(notice).await?;
        Ok(Session { headers })
    }

    /// Calls the endpoint's tool, or asks what else the endpoint is asked; the time from sending to the whole answer.
    ///
    /// # Errors
    /// When the answer is not a result of this request.
    pub async fn call(&mut self, session: &Session) -> Result<Duration, Fault> {
        let id = self.take_id();
        let request = self.request(Method::POST, &session.headers, self.endpoint.call.body(&id));
        let sent = Instant::now();
        let ask = self.endpoint.ask;
        self.exchange(request, &id, |result| ask.check(result)).await?;
        Ok(sent.elapsed())
    }

    /// Ends the session. A server that lets no client end sessions (405) is in its right, and a modern client has no
    /// means to: its sessions end by themselves, or with the target.
    ///
    /// # Errors
    /// When the server answers anything but success or 405.
    pub async fn delete(&mut self, session: Session) -> Result<(), Fault> {
        if self.endpoint.dialect.is_modern() {
            return Ok(());
        }
        let request = self.request(Method::DELETE, &session.headers, Bytes::new());
        match self.deliver(request).await {
            Err(Fault::Status { status: 405, .. }) => Ok(()),
            other => other,
        }
    }

    pub(super) fn take_id(&mut self) -> String {
        let id = self.endpoint.call.ids().write(self.next_id);
        self.next_id += 1;
        id
    }

    pub(super) fn request(&self, method: Method, headers: &HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.endpoint.path.clone();
        *request.headers_mut() = headers.clone();
        request
    }

    /// A request that is answered with a result, which `check` reads; with it the response's headers.
    pub(super) async fn exchange<T>(
        &mut self,
        request: Request<Full<Bytes>>,
        id: &str,
        check: impl Fn(&RawValue) -> Result<T, Fault>,
    ) -> Result<(HeaderMap, T), Fault> {
        self.bounded(async |connection| {
            let (head, mut body) = success(connection, request).await?;
            let is_stream =
                head.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
            let answer = if is_stream {
                from_stream(connection, &mut body, id, check).await?
            } else {
                match read(&whole(connection, &mut body).await?, id)? {
                    Message::Result(result) => check(result)?,
                    Message::Other => return Err(Fault::Unanswered),
                }
            };
            Ok((head, answer))
        })
        .await
    }

    /// A request that is answered with nothing but success.
    async fn deliver(&mut self, request: Request<Full<Bytes>>) -> Result<(), Fault> {
        self.bounded(async |connection| {
            let (_, mut body) = success(connection, request).await?;
            whole(connection, &mut body).await.map(drop)
        })
        .await
    }

    /// Runs one request within the timeout, on a connection that is open, and drops the connection
    /// after a fault that leaves it in an unknown state.
    async fn bounded<T>(&mut self, work: impl AsyncFnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let limit = self.endpoint.timeout;
        let bounded = async {
            let mut connection = self.connect().await?;
            let done = work(&mut connection).await;
            if done.as_ref().err().is_none_or(Fault::leaves_connection_usable) {
                self.connection = Some(connection);
            }
            done
        };
        tokio::time::timeout(limit, bounded).await.unwrap_or(Err(Fault::Timeout(limit)))
    }

    /// The connection that is there, or a new one where the server has closed it meanwhile.
    async fn connect(&mut self) -> Result<Connection, Fault> {
        if let Some(mut connection) = self.connection.take()
            && connection.is_open().await
        {
            return Ok(connection);
        }
        Connection::open(self.endpoint.addr).await
    }
}

/// A name that no session of this target has: a modern client may choose one.
fn new_name() -> Result<HeaderValue, Fault> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let name = format!("bench-{now}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::try_from(name).map_err(|error| Fault::Malformed(error.to_string()))
}

/// Sends the request and insists on a status of success.
async fn success(connection: &mut Connection, request: Request<Full<Bytes>>) -> Result<(HeaderMap, Incoming), Fault> {
    let response: Response<Incoming> = connection.send(request).await?;
    let (head, mut body) = response.into_parts();
    if head.status.is_success() {
        return Ok((head.headers, body));
    }
    let text = whole(connection, &mut body).await?;
    Err(Fault::Status { status: head.status.as_u16(), body: Fault::excerpt(&text) })
}

/// The whole body. Most answers come in one piece, which is then passed on as it is.
async fn whole(connection: &mut Connection, body: &mut Incoming) -> Result<Bytes, Fault> {
    let Some(first) = connection.piece(body).await? else { return Ok(Bytes::new()) };
    let Some(second) = connection.piece(body).await? else { return Ok(first) };
    let mut all = Vec::from(first);
    let mut next = Some(second);
    while let Some(piece) = next {
        if all.len() + piece.len() > MOST_BYTES {
            return Err(Fault::Connection(format!("answer is over {MOST_BYTES} bytes")));
        }
        all.extend_from_slice(&piece);
        next = connection.piece(body).await?;
    }
    Ok(Bytes::from(all))
}

/// Reads an event stream to its end, which is what frees the connection for the next request.
async fn from_stream<T>(
    connection: &mut Connection,
    body: &mut Incoming,
    id: &str,
    check: impl Fn(&RawValue) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut reader = SseReader::default();
    let mut answer = None;
    let mut seen = 0;
    while let Some(piece) = connection.piece(body).await? {
        seen += piece.len();
        if seen > MOST_BYTES {
            return Err(Fault::Connection(format!("answer is over {MOST_BYTES} bytes")));
        }
        reader.feed(&piece, |data| {
            if answer.is_none() {
                answer = match read(data, id) {
                    Ok(Message::Other) => None,
                    Ok(Message::Result(result)) => Some(check(result)),
                    Err(fault) => Some(Err(fault)),
                };
            }
        });
    }
    answer.unwrap_or(Err(Fault::Unanswered))
}
