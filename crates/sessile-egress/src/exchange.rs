//! Both directions of a connection at once, until both are done, or something stands against it.

use std::pin::pin;

use tokio::select;

use crate::passage::Passage;
use crate::stop::{Problem, Stop};
use crate::way::Permit;

/// How a pair of directions ended.
pub(crate) enum Ended {
    /// Both are done.
    Both,
    /// The direction to the client is done; the other one is not needed any more.
    DownFirst,
}

/// What to do when the direction to the client is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenDown {
    /// The answer is complete.
    Finish,
    /// The server has only closed its side.
    GoOn,
}

/// Runs `up` (to the server) and `down` (to the client).
pub(crate) async fn run(
    passage: &Passage,
    permit: &mut Permit,
    idle_timeout: std::time::Duration,
    when_down: WhenDown,
    up: impl Future<Output = Result<(), Stop>>,
    down: impl Future<Output = Result<(), Stop>>,
) -> Result<Ended, Stop> {
    let (mut up, mut down) = (pin!(up), pin!(down));
    let mut silent = pin!(passage.activity.silent_for(idle_timeout));
    let mut withdrawn = pin!(permit.withdrawn());
    let (mut is_up_done, mut is_down_done) = (false, false);
    loop {
        select! {
            result = &mut up, if !is_up_done => {
                result?;
                is_up_done = true;
                if is_down_done {
                    return Ok(Ended::Both);
                }
            }
            result = &mut down, if !is_down_done => {
                result?;
                is_down_done = true;
                match (is_up_done, when_down) {
                    (true, _) => return Ok(Ended::Both),
                    (false, WhenDown::Finish) => return Ok(Ended::DownFirst),
                    (false, WhenDown::GoOn) => {}
                }
            }
            () = &mut silent => return Err(passage.unreachable(Problem::Silent)),
            refusal = &mut withdrawn => return Err(Stop::Refused(refusal)),
        }
    }
}
