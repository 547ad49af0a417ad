//! A guest is played here, up to its proof.

use super::*;
use sessile_link::streams::MACHINE;
use sessile_link::{FrameDecoder, frame};
use std::io::{Read, Write};
use std::net::TcpListener;

/// What becomes of a greeting, when the guest answers it with these messages: the second only once it was given entropy.
async fn outcome(proofs: &Proofs, up: &'static str, renewed: &'static str) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut porter, _) = listener.accept().unwrap();
    let mut wire = Wire::over(ours);
    let guest = std::thread::spawn(move || {
        let mut to_host = porter.try_clone().unwrap();
        let mut say = |message: &str| {
            let mut bytes = Vec::new();
            frame::encode(MACHINE, message.as_bytes(), &mut bytes).unwrap();
            let _ = to_host.write_all(&bytes);
        };
        say(up);
        let (mut frames, mut piece) = (FrameDecoder::new(), [0; 4096]);
        loop {
            match porter.read(&mut piece).unwrap() {
                0 => return None,
                count => frames.push(&piece[..count]),
            }
            if let Some(heard) = frames.next().unwrap() {
                say(renewed);
                let ToGuest::Renew(renew) = serde_json::from_slice(&heard.payload).unwrap() else { return None };
                return Some(renew);
            }
        }
    });
    let outcome = match greeted(&mut wire).await {
        Ok(()) => renew(&mut wire, proofs).await,
        Err(error) => Err(error),
    };
    let outcome = outcome.map_err(|error| error.to_string());
    drop(wire);
    let renew = guest.join().unwrap();
    assert!(outcome.is_err() || renew.is_some_and(|renew| renew.entropy != [0; 32] && renew.seconds > 1_700_000_000));
    outcome
}

const UP: &str = r#"{"Up":{"link":2}}"#;
const ONE: &str = r#"{"Renewed":{"proof":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}}"#;
const NONE: &str = r#"{"Renewed":{"proof":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}}"#;

#[tokio::test]
async fn a_machine_that_gives_the_proof_of_another_is_not_taken() {
    let proofs = Proofs::default();
    assert_eq!(outcome(&proofs, UP, ONE).await, Ok(()));
    let error = outcome(&proofs, UP, ONE).await.unwrap_err();
    assert!(error.contains("a proof that another machine has given"), "{error}");
    assert!(outcome(&proofs, UP, NONE).await.is_err(), "zeros prove nothing");
    assert_eq!(outcome(&Proofs::default(), UP, ONE).await, Ok(()));
}

#[tokio::test]
async fn a_machine_of_another_version_or_without_a_proof_is_not_taken() {
    let proofs = Proofs::default();
    for (up, renewed) in [(r#"{"Up":{"link":1}}"#, ONE), (ONE, ONE), (UP, UP), (UP, "{"), ("[]", ONE)] {
        assert!(outcome(&proofs, up, renewed).await.is_err(), "{up} {renewed}");
    }
}

#[test]
fn a_console_is_quoted_without_what_plays_with_terminals() {
    assert_eq!(printable("\u{1b}[31mred\u{7}\u{202e}"), "[31mred");
    assert_eq!(printable(&"x".repeat(1000)).len(), 200);
}
