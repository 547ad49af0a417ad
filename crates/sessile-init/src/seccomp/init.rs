//! Init's own filter: what it needs to watch and to connect the runtime to a server inside, and nothing else exists. A server that got
//! init to do its bidding would find it with its hands tied.

use super::assemble::{Answer, Arguments, Assembly, number};
use super::calls::INITS_CALLS;

const ABSENT: Answer = Answer::Fail(libc::ENOSYS);

/// What `socket` takes for its type: a stream that is non-blocking and close-on-exec, as [`connect`](crate::connect) makes it.
const STREAM: u32 = (libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC).cast_unsigned();

/// Streams of TCP, and no other sockets.
const TCP: Arguments = Arguments::new().look_at(1).among([STREAM], &PROTOCOL).otherwise(ABSENT);
const PROTOCOL: Arguments = Arguments::new().look_at(2).if_is(0, Answer::Allow).otherwise(ABSENT);
const SOCKET: Arguments = Arguments::new()
    .look_at(0)
    .among([libc::AF_INET.cast_unsigned(), libc::AF_INET6.cast_unsigned()], &TCP)
    .otherwise(ABSENT);

pub(super) static FILTER: Assembly =
    Assembly::new().one(number(libc::SYS_socket), &SOCKET).each(INITS_CALLS, Answer::Allow).answer(ABSENT);
