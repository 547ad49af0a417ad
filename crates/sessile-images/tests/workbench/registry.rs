//! A registry on this machine: it serves a layout, and can be told to lie.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::digest;

/// A request, as far as it matters.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

/// An answer: status, headers, and a body that is written as it is.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

pub enum Body {
    /// With its length.
    Whole(Vec<u8>),
    /// Fewer bytes than announced.
    Cut(Vec<u8>, usize),
    /// For ever, or until nobody reads.
    Endless,
    /// Headers, and then nothing.
    Silent,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Whole(Vec::new()) }
    }

    pub fn ok(body: Vec<u8>) -> Self {
        Self { body: Body::Whole(body), ..Self::status(200) }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What is asked before the layout is looked at. `None` goes on to it.
pub type Lie = Box<dyn Fn(&Request, usize) -> Option<Answer> + Send + Sync>;

pub struct Registry {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Registry {
    /// Serves the layout at `path` as `team/app`.
    pub fn start(path: &Path, lie: impl Fn(&Request, usize) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let serving = Serving { path: path.to_path_buf(), lie: Box::new(lie), requests: Arc::clone(&requests) };
        let (serving, stopped) = (Arc::new(serving), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut connections = Vec::new();
            while let Ok((stream, _)) = listener.accept() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (serving, stopped) = (Arc::clone(&serving), Arc::clone(&stopped));
                connections.push(std::thread::spawn(move || serving.serve(stream, &stopped)));
            }
            connections.into_iter().for_each(|connection| connection.join().unwrap());
        });
        Self { address, requests, stop, thread: Some(thread) }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests a path got that holds this.
    pub fn asked(&self, part: &str) -> usize {
        self.requests().iter().filter(|request| request.path.contains(part)).count()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Serving {
    path: PathBuf,
    lie: Lie,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Serving {
    /// One request per connection.
    fn serve(&self, stream: TcpStream, stop: &AtomicBool) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let request = Request { path, headers };
        let before = {
            let mut requests = self.requests.lock().unwrap();
            let before = requests.iter().filter(|earlier| earlier.path == request.path).count();
            requests.push(request.clone());
            before
        };
        let answer = (self.lie)(&request, before).unwrap_or_else(|| self.honest(&request));
        // Who hangs up has read enough.
        let _ = write(&stream, answer, stop);
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn honest(&self, request: &Request) -> Answer {
        let Some(rest) = request.path.strip_prefix("/v2/team/app/") else { return Answer::status(404) };
        let blob =
            |digest: &str| std::fs::read(self.path.join("blobs/sha256").join(digest.trim_start_matches("sha256:")));
        let found = match rest.split_once('/') {
            Some(("manifests", "v1")) => {
                let index: serde_json::Value =
                    serde_json::from_slice(&std::fs::read(self.path.join("index.json")).unwrap()).unwrap();
                blob(index["manifests"][0]["digest"].as_str().unwrap())
            }
            Some(("manifests" | "blobs", digest)) => blob(digest),
            _ => return Answer::status(404),
        };
        match found {
            Ok(bytes) => {
                let name = digest(&bytes);
                Answer::ok(bytes).with("docker-content-digest", &name)
            }
            Err(_) => Answer::status(404),
        }
    }
}

fn write(mut stream: &TcpStream, answer: Answer, stop: &AtomicBool) -> std::io::Result<()> {
    let Answer { status, headers, body } = answer;
    let mut head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match body {
        Body::Whole(bytes) => {
            head.push_str(&format!("content-length: {}\r\n\r\n", bytes.len()));
            stream.write_all(&[head.as_bytes(), &bytes].concat())
        }
        Body::Cut(bytes, announced) => {
            head.push_str(&format!("content-length: {announced}\r\n\r\n"));
            stream.write_all(&[head.as_bytes(), &bytes].concat())
        }
        Body::Endless => {
            stream.write_all(format!("{head}\r\n").as_bytes())?;
            while !stop.load(Ordering::SeqCst) {
                stream.write_all(&[b'x'; 8192])?;
            }
            Ok(())
        }
        Body::Silent => {
            stream.write_all(format!("{head}content-length: 10\r\n\r\n").as_bytes())?;
            // Until the other side hangs up.
            stream.read(&mut [0]).map(drop)
        }
    }
}
