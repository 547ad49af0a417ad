//! New sessions one after another: from the connect to the first tool result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::give_up;
use crate::client::{Client, Endpoint, Fault, Session};
use crate::measure::{Sample, Stop};

/// How many sessions, how far apart.
#[derive(Debug, Clone, clap::Args)]
pub struct NewSessionLoad {
    /// How many sessions
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub count: usize,
    /// Wait between two sessions, so that the end of one does not weigh on the next
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = humantime::parse_duration)]
    pub pause: Duration,
    /// End after this time, if that comes before the last session
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub at_most: Duration,
}

/// Opens sessions one by one. A unit of work is a session, and its time runs from the connect to the first
/// result; ending it is not part of that.
pub async fn new_session(endpoint: &Arc<Endpoint>, load: &NewSessionLoad, stop: &Stop) -> Sample {
    let mut sample = Sample::default();
    let until = Instant::now() + load.at_most;
    let mut in_a_row = 0;
    for _ in 0..load.count {
        if stop.is_set() || give_up(in_a_row) || Instant::now() >= until {
            break;
        }
        let Some(opened) = stop.bound(first_result(endpoint)).await else { break };
        match opened {
            Ok((time, mut client, session)) => {
                in_a_row = 0;
                sample.record(time);
                sample.elapsed += time;
                if let Err(fault) = client.delete(session).await {
                    sample.faults.add(&fault);
                }
            }
            Err(fault) => {
                in_a_row += 1;
                sample.faults.add(&fault);
            }
        }
        stop.sleep(load.pause).await;
    }
    sample
}

/// Connects, opens a session and calls once in it.
pub(super) async fn first_result(endpoint: &Arc<Endpoint>) -> Result<(Duration, Client, Session), Fault> {
    let began = Instant::now();
    let mut client = Client::new(endpoint, 1);
    let session = client.open().await?;
    match client.call(&session).await {
        Ok(_) => Ok((began.elapsed(), client, session)),
        Err(fault) => {
            // The fault is what counts; the session is ended so that it does not stay behind.
            let _ = client.delete(session).await;
            Err(fault)
        }
    }
}
