//! Init's own filter: what it needs to watch, and nothing else exists. A server that got init to do its bidding would find it with
//! its hands tied.

use super::assemble::{Answer, Assembly};
use super::calls::INITS_CALLS;

pub(super) static FILTER: Assembly =
    Assembly::new().each(INITS_CALLS, Answer::Allow).answer(Answer::Fail(libc::ENOSYS));
