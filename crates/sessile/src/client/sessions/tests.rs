use super::*;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

type Requests = Arc<Mutex<Vec<String>>>;

/// An admin listener that gives these answers in turn, and the request lines it saw.
async fn node(answers: Vec<(u16, Value)>) -> (Admin, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let admin = Admin::at(&listener.local_addr().unwrap().to_string()).unwrap();
    let requests = Requests::default();
    let seen = requests.clone();
    tokio::spawn(async move {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            seen.lock().unwrap().push(head.lines().next().unwrap().to_owned());
            let body = body.to_string();
            let answer =
                format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (admin, requests)
}

fn live() -> Value {
    json!({ "name": "fox", "state": "stopping", "in_flight": 2, "end": null })
}

fn ended() -> Value {
    json!({ "name": "fox", "state": "stopped", "end": { "reason": "admin_stop", "exit": "signal 15" } })
}

#[tokio::test]
async fn stop_waits_until_the_session_has_ended() {
    let answers = vec![(200, live()), (200, json!({ "stopping": "fox" })), (200, live()), (200, ended())];
    let (admin, requests) = node(answers).await;
    let session = stop(&admin, "fox", Duration::from_secs(30)).await.unwrap();
    assert_eq!(session.view.end.unwrap().reason, "admin_stop");
    let requests = requests.lock().unwrap().clone();
    assert_eq!(requests[1], "DELETE /admin/v1/sessions/fox HTTP/1.1");
    assert_eq!(requests.len(), 4);
}

#[tokio::test]
async fn stop_gives_up_after_its_time_and_says_what_runs() {
    let (admin, _) = node(vec![(200, live()), (200, json!({})), (200, live())]).await;
    let error = stop(&admin, "fox", Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), "fox is still stopping after 0s (2 requests in flight)");
}

#[tokio::test]
async fn a_name_that_is_not_known_is_said_and_cannot_lead_elsewhere() {
    let error = json!({ "jsonrpc": "2.0", "error": { "code": -32600, "message": "there is nothing" } });
    let (admin, requests) = node(vec![(404, error)]).await;
    let error = admin.session("../../metrics").await.unwrap_err();
    assert!(matches!(error, ClientError::NoSession { .. }), "{error}");
    assert_eq!(requests.lock().unwrap()[0], "GET /admin/v1/sessions/..%2F..%2Fmetrics HTTP/1.1");
}

#[tokio::test]
async fn something_else_that_listens_there_is_no_node() {
    let (admin, _) = node(vec![(200, json!("hello"))]).await;
    let error = admin.sessions().await.unwrap_err().to_string();
    assert!(error.contains("what answers is no admin listener: HTTP 200"), "{error}");
}

#[tokio::test]
async fn no_node_at_all_says_where_it_was_looked_for() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = Admin::at(&free.to_string()).unwrap().sessions().await.unwrap_err().to_string();
    assert!(error.contains(&format!("http://{free}/ (nothing listens there)")), "{error}");
}
