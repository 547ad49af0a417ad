//! Every line of the corpus, as bytes through a gate.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sessile_egress::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::workbench::{Bench, Town, head};

const CORPUS: &str = include_str!("../corpus/targets.txt");

struct Line<'a> {
    number: usize,
    list: Vec<&'a str>,
    answers: Option<(&'a str, &'a str)>,
    request: Vec<u8>,
    verdict: &'a str,
}

fn lines() -> Vec<Line<'static>> {
    let mut lists = BTreeMap::new();
    let mut lines = Vec::new();
    for (index, text) in CORPUS.lines().enumerate() {
        let number = index + 1;
        if text.starts_with('#') || text.is_empty() {
            continue;
        }
        if let Some((name, entries)) = text.split_once('=').filter(|_| !text.contains(" | ")) {
            lists.insert(name.trim(), entries.split_whitespace().collect::<Vec<_>>());
            continue;
        }
        let parts: Vec<&str> = text.split(" | ").collect();
        let [list, answers, request, verdict] = parts[..] else { panic!("line {number} has not four parts") };
        let answers = (answers != "-").then(|| answers.split_once('=').unwrap());
        let list = lists.get(list).unwrap_or_else(|| panic!("line {number}: no list {list}")).clone();
        lines.push(Line { number, list, answers, request: request_of(request), verdict });
    }
    lines
}

fn request_of(text: &str) -> Vec<u8> {
    let (method, rest) = text.split_once(' ').unwrap();
    if method == "RAW" {
        return bytes_of(rest);
    }
    let authority = match rest.split_once("://") {
        Some((_, rest)) if method == "GET" => rest.split(['/', '?']).next().unwrap(),
        _ => rest,
    };
    bytes_of(&format!("{method} {rest} HTTP/1.1\\r\\nHost: {authority}\\r\\n\\r\\n"))
}

fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next().unwrap() {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => panic!("\\{} is no escape", char::from(other)),
        });
    }
    bytes
}

/// What came of a request, in the words of the corpus, and what it was.
async fn verdict_of(line: &Line<'_>, sink: std::net::SocketAddr) -> (String, String) {
    let mut town = Town::with(line.answers.as_slice());
    town.sink = Some(sink);
    let bench = Bench::new(&line.list, town, Limits::default()).await;
    let mut stream = bench.connect().await;
    stream.write_all(&line.request).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = head(&mut stream).await;
    let lines = bench.record.lines();
    let refused = lines.iter().find_map(|line| line.strip_prefix("refused ")?.split(' ').next());
    let verdict = match (bench.town.dialled()[..].as_ref(), refused) {
        ([address], None) => format!("dial {address}"),
        ([], Some(rule)) => format!("refuse {rule}"),
        ([], None) if lines.iter().any(|line| line.starts_with("unreachable")) => "unreachable".to_owned(),
        other => format!("{other:?}"),
    };
    let status = answer.split(' ').nth(1).unwrap_or("none");
    let expected = match verdict.split(' ').next() {
        Some("dial") => "200",
        Some("unreachable") => "502",
        _ if verdict.ends_with("malformed_request") => "400",
        _ => "403",
    };
    assert_eq!(status, expected, "line {}: {verdict}, and yet the client is told {answer}", line.number);
    let lookups = bench.town.lookups();
    let known: Vec<&str> = line.answers.iter().map(|(name, _)| *name).collect();
    let as_scripted = lookups == known || (lookups.is_empty() && verdict.starts_with("refuse malformed"));
    assert!(as_scripted, "line {}: {lookups:?} was looked up, {known:?} should have been", line.number);
    (verdict, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attackers_corpus_gets_no_wrong_answer() {
    let lines = lines();
    assert!(lines.len() >= 200, "{} lines", lines.len());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let sink = listener.local_addr().unwrap();
    let answering = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                head(&mut stream).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            });
        }
    });
    let mut wrong = Vec::new();
    for line in &lines {
        let (verdict, answer) = verdict_of(line, sink).await;
        if verdict != line.verdict {
            wrong.push(format!("line {}: {} instead of {} ({answer})", line.number, verdict, line.verdict));
        }
    }
    answering.abort();
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}
