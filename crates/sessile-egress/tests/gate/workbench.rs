//! A gate with its surroundings: names that say what the test wants, servers that tell what reached them, and a record of
//! what happened.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sessile_egress::outside::BoxFuture;
use sessile_egress::{AllowList, EgressEvent, EgressEvents, Gate, Limits, Outside, Policy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Name servers with fixed answers, and the network of this machine. About `never.test` they never answer.
#[derive(Default)]
pub(crate) struct Town {
    /// The answers of a name, one after the other; the last one stays.
    answers: Mutex<BTreeMap<String, VecDeque<Vec<IpAddr>>>>,
    /// Where every connection goes instead of to its address.
    pub(crate) sink: Option<SocketAddr>,
    pub(crate) lookups: Mutex<Vec<String>>,
    pub(crate) dialled: Mutex<Vec<SocketAddr>>,
}

impl Town {
    pub(crate) fn with(names: &[(&str, &str)]) -> Self {
        let town = Self::default();
        for (name, answer) in names {
            let answer = answer.split('+').filter(|part| !part.is_empty()).map(|part| part.parse().unwrap()).collect();
            town.answers.lock().unwrap().entry((*name).to_owned()).or_default().push_back(answer);
        }
        town
    }

    pub(crate) fn dialled(&self) -> Vec<SocketAddr> {
        self.dialled.lock().unwrap().clone()
    }

    pub(crate) fn lookups(&self) -> Vec<String> {
        self.lookups.lock().unwrap().clone()
    }
}

impl Outside for Town {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.lookups.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.get_mut(name) {
            Some(answers) if answers.len() > 1 => answers.pop_front(),
            Some(answers) => answers.front().cloned(),
            None => None,
        };
        let never = name == "never.test";
        Box::pin(async move {
            if never {
                std::future::pending::<()>().await;
            }
            answer.ok_or_else(|| io::Error::other("no such name"))
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.dialled.lock().unwrap().push(address);
        Box::pin(TcpStream::connect(self.sink.unwrap_or(address)))
    }
}

/// What the gate reported, a line each.
#[derive(Default)]
pub(crate) struct Record {
    lines: Mutex<Vec<String>>,
    more: Notify,
}

impl EgressEvents for Record {
    fn on(&self, event: EgressEvent<'_>) {
        let line = match event {
            EgressEvent::Opened { target, rule, address } => match address {
                Some(address) => format!("opened {target} by {rule} at {address}"),
                None => format!("opened {target} by {rule}, name only"),
            },
            EgressEvent::Closed { target, traffic, .. } => {
                format!("closed {target}, sent {}, received {}", traffic.sent, traffic.received)
            }
            EgressEvent::Refused(refusal) => format!("refused {} {}", refusal.rule(), refusal.target),
            EgressEvent::Unreachable { target, problem } => format!("unreachable {target}: {problem}"),
        };
        self.lines.lock().unwrap().push(line);
        self.more.notify_waiters();
    }
}

impl Record {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits until `count` lines begin with `start`.
    pub(crate) async fn until(&self, start: &str, count: usize) {
        let enough = async {
            loop {
                let more = self.more.notified();
                if self.lines().iter().filter(|line| line.starts_with(start)).count() >= count {
                    return;
                }
                more.await;
            }
        };
        timeout(PATIENCE, enough).await.unwrap_or_else(|_| panic!("`{start}` does not come: {:#?}", self.lines()));
    }
}

/// A gate that serves a socket of this machine.
pub(crate) struct Bench {
    pub(crate) gate: Gate,
    pub(crate) at: SocketAddr,
    pub(crate) policy: watch::Sender<Arc<Policy>>,
    pub(crate) record: Arc<Record>,
    pub(crate) town: Arc<Town>,
    serving: JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn list(entries: &[&str]) -> Arc<Policy> {
    Arc::new(Policy { allow: AllowList::parse(entries).unwrap(), upstream: None })
}

impl Bench {
    pub(crate) async fn new(entries: &[&str], town: Town, limits: Limits) -> Self {
        Self::with_policy(list(entries), town, limits).await
    }

    pub(crate) async fn with_policy(policy: Arc<Policy>, town: Town, limits: Limits) -> Self {
        let (policy, receiver) = watch::channel(policy);
        let (record, town) = (Arc::new(Record::default()), Arc::new(town));
        let (events, outside): (Arc<dyn EgressEvents>, Arc<dyn Outside>) = (record.clone(), town.clone());
        let gate = Gate::with_outside(receiver, events, limits, outside);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let own = gate.clone();
        let serving = tokio::spawn(async move { match own.serve(listener).await {} });
        Self { gate, at, policy, record, town, serving }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    /// Sends bytes on a new connection and reads until the gate closes it.
    pub(crate) async fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        to_end(&mut stream).await
    }

    /// A tunnel that was opened.
    pub(crate) async fn tunnel(&self, target: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        stream
    }
}

/// Everything until the end; a reset counts as an end.
pub(crate) async fn to_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the connection ends");
    String::from_utf8_lossy(&all).into_owned()
}

/// Up to the empty line, and no byte more. Empty at the end.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        match timeout(PATIENCE, stream.read_u8()).await.expect("a head comes") {
            Ok(byte) => read.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(read).unwrap()
}

/// One answer with a length.
pub(crate) async fn answer(stream: &mut TcpStream) -> (String, String) {
    let head = head(stream).await;
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    timeout(PATIENCE, stream.read_exact(&mut body)).await.expect("a body comes").unwrap();
    (head, String::from_utf8(body).unwrap())
}

/// An HTTP server that answers each request with its own name and the head it got; `/long` never ends.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    pub(crate) async fn new(name: &'static str) -> Self {
        Self::at(name, Ipv4Addr::LOCALHOST, 0).await
    }

    pub(crate) async fn at(name: &'static str, address: Ipv4Addr, port: u16) -> Self {
        let listener = TcpListener::bind((address, port)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, name, seen.clone()));
            }
        });
        Self { at, heads, serving }
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, name: &'static str, seen: Arc<Mutex<Vec<String>>>) {
    loop {
        let head = head(&mut stream).await;
        if head.is_empty() {
            return;
        }
        seen.lock().unwrap().push(head.clone());
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let extra = if head.starts_with("GET /moved") { "Location: http://evil.test/\r\n" } else { "" };
        let status = if extra.is_empty() { "200 OK" } else { "302 Found" };
        let text = format!("{name} got {} bytes", body.len());
        let answer = format!("HTTP/1.1 {status}\r\n{extra}Content-Length: {}\r\n\r\n{text}", text.len());
        if stream.write_all(answer.as_bytes()).await.is_err() || head.contains("connection: close") {
            return;
        }
    }
}
