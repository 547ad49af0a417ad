//! A registry of npm with one package in it, on a port of this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// `probe@1.0.0`: its install script writes down what it can see; its program prints that, and its arguments.
const MANIFEST: &str = r#"{"name": "probe", "version": "1.0.0", "bin": {"probe": "cli.js"},
    "scripts": {"postinstall": "node script.js"}}"#;
const SCRIPT: &str = r#"
const fs = require('fs');
const see = (path) => { try { return fs.readFileSync(path, 'utf8'); } catch (error) { return error.code; } };
const seen = { npmrc: see('/home/server/.npmrc'), env: process.env, home: fs.readdirSync('/') };
fs.writeFileSync('seen.json', JSON.stringify(seen));
"#;
const CLI: &str = r#"#!/usr/bin/env node
const fs = require('fs');
process.stdin.once('data', () => {
  let written = 'read-only';
  try { fs.writeFileSync(__dirname + '/x', ''); written = 'writable'; } catch {}
  console.log(JSON.stringify({ args: process.argv.slice(2), written }));
});
"#;

pub(crate) struct Registry {
    pub(crate) url: String,
    fetched: Arc<AtomicUsize>,
}

impl Registry {
    /// `delay`: how long it thinks before it gives the package away.
    pub(crate) fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fetched = Arc::new(AtomicUsize::new(0));
        let (address, counter, archive) = (url.clone(), Arc::clone(&fetched), archive());
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (address, counter, archive) = (address.clone(), Arc::clone(&counter), archive.clone());
                std::thread::spawn(move || answer(&stream, &address, &counter, &archive, delay));
            }
        });
        Self { url, fetched }
    }

    /// How often the package itself was fetched.
    pub(crate) fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: &TcpStream, address: &str, counter: &AtomicUsize, archive: &[u8], delay: Duration) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let path = first.split_whitespace().nth(1).unwrap_or_default().to_owned();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let (status, body) = match path.as_str() {
        "/probe" => {
            let version = MANIFEST.replacen(
                '{',
                &format!("{{\"dist\": {{\"tarball\": \"{address}/probe/-/probe-1.0.0.tgz\"}},"),
                1,
            );
            ("200 OK", format!("{{\"name\": \"probe\", \"dist-tags\": {{\"latest\": \"1.0.0\"}}, \"versions\": {{\"1.0.0\": {version}}}}}").into_bytes())
        }
        "/probe/-/probe-1.0.0.tgz" => {
            counter.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(delay);
            ("200 OK", archive.to_vec())
        }
        _ => ("404 Not Found", b"{\"error\": \"not found\"}".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // npm may have gone, as when a test drops an installation.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

fn archive() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let package = directory.path().join("package");
    std::fs::create_dir(&package).unwrap();
    for (name, text) in [("package.json", MANIFEST), ("script.js", SCRIPT), ("cli.js", CLI)] {
        std::fs::write(package.join(name), text).unwrap();
    }
    tar(directory.path())
}

fn tar(directory: &Path) -> Vec<u8> {
    let output = Command::new("tar").args(["-czf", "-", "package"]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}
