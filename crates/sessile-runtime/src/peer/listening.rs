//! The stream on which a legacy server says what belongs to no call.

use super::desk::Shared;
use super::events::{Place, relay};
use super::fault::Fault;
use super::out::dropped;
use bytes::Bytes;
use http::StatusCode;
use sessile_protocol::headers::TEXT_EVENT_STREAM;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A stream that lasted so long was one; the next may be opened at once.
const LASTED: Duration = Duration::from_secs(5);

/// The longest rest between two streams that did not last.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Listens for as long as the server has such a stream, from `place` on. Most that have none say so at once (405).
pub(super) async fn listen(shared: Arc<Shared>, mut place: Place) {
    let mut rest = Duration::ZERO;
    loop {
        let began = Instant::now();
        let last = Some(place.last.as_str()).filter(|last| !last.is_empty());
        let head = shared.talk().get(last);
        match shared.wires.send(&head, Bytes::new()).await {
            Ok(mut answer) if answer.head.status.is_success() && answer.content_type() == TEXT_EVENT_STREAM => {
                shared.listens.store(true, Ordering::Relaxed);
                let ended = relay(&shared, &mut answer, None, &mut place).await;
                shared.listens.store(false, Ordering::Relaxed);
                if let Err(fault) = ended {
                    dropped(&shared.settings, &fault);
                    // What is too large would come again, and again.
                    place.last.clear();
                }
            }
            // The server has not noticed yet that the last one broke off.
            Ok(answer) if answer.head.status == StatusCode::CONFLICT => {}
            // What was missed is missed; what comes now may yet be heard.
            Ok(_) if !place.last.is_empty() => place.last.clear(),
            Ok(_) => return,
            Err(Fault::NotConnected(_) | Fault::Broken(_)) => {}
            Err(_) => return,
        }
        let lasted = began.elapsed() >= LASTED || std::mem::take(&mut place.heard);
        rest = if lasted { Duration::ZERO } else { (rest * 2).clamp(place.pause(), LONGEST_REST) };
        tokio::time::sleep(rest.max(place.pause())).await;
    }
}
