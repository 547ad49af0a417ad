//! The filter of what watches over a further command from outside: init's, and what finding that command's processes takes.

use super::assemble::{Answer, Assembly};
use super::calls::{EXECS_CALLS, INITS_CALLS};

pub(super) static FILTER: Assembly = Assembly::new()
    .each(INITS_CALLS, Answer::Allow)
    .each(EXECS_CALLS, Answer::Allow)
    .answer(Answer::Fail(libc::ENOSYS));
