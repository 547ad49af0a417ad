//! The filter of what watches over a further command: init's, what finding that command's processes takes, and in a machine what
//! gives its terminal another size.

use super::assemble::{Answer, Arguments, Assembly, number};
use super::calls::{EXECS_CALLS, INITS_CALLS};

const ABSENT: Answer = Answer::Fail(libc::ENOSYS);

/// `TIOCSWINSZ`, as what the kernel looks at.
const SET_SIZE: u32 = 0x5414;

/// The size of a terminal, and nothing else that devices can be asked for.
const CONTROL: Arguments = Arguments::new().look_at(1).if_is(SET_SIZE, Answer::Allow).otherwise(ABSENT);

pub(super) static FILTER: Assembly = Assembly::new()
    .one(number(libc::SYS_ioctl), &CONTROL)
    .each(INITS_CALLS, Answer::Allow)
    .each(EXECS_CALLS, Answer::Allow)
    .answer(ABSENT);
