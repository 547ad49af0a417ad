//! HTTP/1.1 with full control over what is asked, one connection for each request.

use crate::events::Events;
use crate::wait::patiently;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::str::FromStr;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A URL that a node printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where to connect.
    pub address: SocketAddr,
    /// The path asked for.
    pub path: String,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url:?} is no http URL"))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let address = authority.parse().map_err(|error| format!("{authority:?}: {error}"))?;
        Ok(Self { address, path: format!("/{path}") })
    }
}

impl Endpoint {
    /// The same node, another path.
    pub fn at(&self, path: &str) -> Self {
        Self { address: self.address, path: path.to_owned() }
    }

    /// The URL.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Asks on a connection of its own, which ends when the reply is dropped.
    ///
    /// # Panics
    /// When there is no answer in HTTP in time.
    pub async fn send(&self, ask: Ask) -> Reply {
        self.try_send(ask).await.unwrap_or_else(|error| panic!("{}: {error}", self.url()))
    }

    /// As [`Endpoint::send`], where a connection may fail.
    ///
    /// # Errors
    /// When the connection cannot be made, or breaks before an answer.
    pub async fn try_send(&self, ask: Ask) -> Result<Reply, String> {
        patiently(format!("an answer of {}", self.url()), async {
            let mut connection = Connection::open(self.address).await?;
            let mut reply = connection.send(ask, &self.path).await?;
            reply.connection = Some(connection);
            Ok(reply)
        })
        .await
    }

    /// `GET`, and the JSON that comes.
    ///
    /// # Panics
    /// When the answer is none of 200 in JSON.
    pub async fn get_json(&self) -> Value {
        let reply = self.send(Ask::new(Method::GET)).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", self.url());
        reply.json().await
    }
}

/// One request, to be made as the test wants it.
#[derive(Clone, Debug)]
pub struct Ask {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    /// Without headers but `Host`, and without a body.
    pub fn new(method: Method) -> Self {
        Self { method, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A `POST` as every client of Streamable HTTP makes it.
    pub fn post(body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(body)
    }

    /// A `GET` as every client of Streamable HTTP makes it.
    pub fn listen() -> Self {
        Self::new(Method::GET).header("accept", "text/event-stream")
    }

    /// Sets a header, in place of those of that name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::try_from(name).expect("tests write header names");
        self.headers.insert(name, HeaderValue::from_bytes(value.as_ref()).expect("tests write header values"));
        self
    }

    /// Adds a header beside those of that name.
    #[must_use]
    pub fn also(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::try_from(name).expect("tests write header names");
        self.headers.append(name, HeaderValue::from_bytes(value.as_ref()).expect("tests write header values"));
        self
    }

    /// Leaves a header out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    fn into_request(self, path: &str, address: SocketAddr) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = path.parse().expect("tests write paths");
        *request.headers_mut() = self.headers;
        let host = HeaderValue::try_from(address.to_string()).expect("an address is a header value");
        request.headers_mut().entry("host").or_insert(host);
        request
    }
}

/// A kept-alive connection, for many requests one after the other.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(address: SocketAddr) -> Result<Self, String> {
        let socket = TcpStream::connect(address).await.map_err(|error| format!("cannot connect: {error}"))?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(socket)).await.map_err(|error| format!("no HTTP: {error}"))?;
        let driver = tokio::spawn(async move {
            // Why it ended is told to whoever waits for an answer on it.
            let _ = connection.await;
        });
        Ok(Self { address, sender, driver })
    }

    /// Asks, and waits for the head of the answer. The one before must have been read to its end.
    ///
    /// # Errors
    /// When the connection breaks before that.
    pub async fn send(&mut self, ask: Ask, path: &str) -> Result<Reply, String> {
        self.sender.ready().await.map_err(|error| format!("the connection is not usable: {error}"))?;
        let request = ask.into_request(path, self.address);
        let response = self.sender.send_request(request).await.map_err(|error| format!("no answer: {error}"))?;
        let (head, body) = response.into_parts();
        Ok(Reply { status: head.status, headers: head.headers, body, connection: None })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Closes the socket at once, as a client does that vanishes.
        self.driver.abort();
    }
}

/// The head of an answer, and a body that has not been read.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    connection: Option<Connection>,
}

impl Reply {
    /// A header as text; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or("(no text)"))
    }

    /// Whether events come.
    pub fn is_events(&self) -> bool {
        self.header("content-type").starts_with("text/event-stream")
    }

    /// The whole body.
    ///
    /// # Panics
    /// When it breaks off.
    pub async fn bytes(self) -> Bytes {
        let body = patiently("the body of an answer", self.body.collect()).await;
        body.unwrap_or_else(|error| panic!("the body of an answer broke off: {error}")).to_bytes()
    }

    /// The whole body as text.
    ///
    /// # Panics
    /// When it is none.
    pub async fn text(self) -> String {
        String::from_utf8(self.bytes().await.to_vec()).expect("the body is text")
    }

    /// The whole body as JSON.
    ///
    /// # Panics
    /// When it is not announced as such, or is none.
    pub async fn json(self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "with status {}", self.status);
        let bytes = self.bytes().await;
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}"))
    }

    /// The whole body as JSON; `None` when it breaks off.
    pub async fn try_json(self) -> Option<Value> {
        let body = patiently("the body of an answer", self.body.collect()).await.ok()?;
        serde_json::from_slice(&body.to_bytes()).ok()
    }

    /// The body as events.
    ///
    /// # Panics
    /// When it is something else.
    pub fn events(self) -> Events {
        assert!(self.is_events(), "status {}, content type {:?}", self.status, self.header("content-type"));
        Events::new(self.body, self.connection)
    }

    /// Reads the error that the answer holds.
    ///
    /// # Panics
    /// When it has another status or another JSON-RPC code.
    pub async fn expect_error(self, status: u16, code: i64) -> Value {
        let found = self.status;
        let text = self.text().await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{found}: {error}: {text:?}"));
        let error = answer.get("error").cloned().unwrap_or_default();
        assert_eq!((found.as_u16(), error["code"].as_i64()), (status, Some(code)), "{text}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
        answer
    }
}
