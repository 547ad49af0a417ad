//! The server's filter: what is refused whatever the arguments, and the calls whose arguments decide.

use super::assemble::{Answer, Arguments, Assembly, number};
use super::calls::{ABSENT_CALLS, FORBIDDEN_CALLS, LAST_KNOWN, SETRLIMIT, UNASSIGNED};

/// Not for you.
const FORBID: Answer = Answer::Fail(libc::EPERM);
/// Not in this kernel.
const ABSENT: Answer = Answer::Fail(libc::ENOSYS);
/// Done, as far as the program can tell.
const PRETEND: Answer = Answer::Fail(0);

/// Every flag that makes a namespace. (That of time namespaces, 0x80, `clone` takes for a signal's number.)
const NEW_NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .cast_unsigned();
const NEW_TIME_NAMESPACE: u32 = 0x80;

const CLONE: Arguments = Arguments::new().look_at(0).if_has(NEW_NAMESPACES, FORBID).otherwise(Answer::Allow);
const UNSHARE: Arguments =
    Arguments::new().look_at(0).if_has(NEW_NAMESPACES | NEW_TIME_NAMESPACE, FORBID).otherwise(Answer::Allow);

/// The part of a socket's type that is not a flag.
const TYPE: u32 = 0xf;
/// What a kernel without the family, or the protocol, answers.
const NO_FAMILY: Answer = Answer::Fail(libc::EAFNOSUPPORT);
const NO_PROTOCOL: Answer = Answer::Fail(libc::EPROTONOSUPPORT);

/// Sockets of the internet: streams and datagrams of TCP, UDP and, for those whom the host lets ping, ICMP. Neither raw ones
/// nor SCTP, DCCP and their like.
const INTERNET: Arguments = Arguments::new()
    .look_at_bits(1, TYPE)
    .among([libc::SOCK_STREAM.cast_unsigned(), libc::SOCK_DGRAM.cast_unsigned()], &PROTOCOLS)
    .otherwise(FORBID);
const PROTOCOLS: Arguments = Arguments::new()
    .look_at(2)
    .if_is(0, Answer::Allow)
    .if_is(libc::IPPROTO_TCP.cast_unsigned(), Answer::Allow)
    .if_is(libc::IPPROTO_UDP.cast_unsigned(), Answer::Allow)
    .if_is(libc::IPPROTO_ICMP.cast_unsigned(), Answer::Allow)
    .if_is(libc::IPPROTO_ICMPV6.cast_unsigned(), Answer::Allow)
    .otherwise(NO_PROTOCOL);

/// Netlink: only routes and addresses, which C libraries list interfaces with.
const NETLINK: Arguments =
    Arguments::new().look_at(2).if_is(libc::NETLINK_ROUTE.cast_unsigned(), Answer::Allow).otherwise(NO_PROTOCOL);

/// Which sockets there are. Each other family (ALG, VSOCK, PACKET, KEY, XDP, RXRPC, …) is a part of the kernel that need not be reached.
const SOCKET: Arguments = Arguments::new()
    .look_at(0)
    .if_is(libc::AF_UNIX.cast_unsigned(), Answer::Allow)
    .among([libc::AF_INET.cast_unsigned(), libc::AF_INET6.cast_unsigned()], &INTERNET)
    .among([libc::AF_NETLINK.cast_unsigned()], &NETLINK)
    .otherwise(NO_FAMILY);

/// Terminals: no typing into somebody else's (`TIOCSTI`, `TIOCLINUX`), no line disciplines (`TIOCSETD`).
const IOCTL: Arguments = Arguments::new()
    .look_at(1)
    .if_is(0x5412, FORBID)
    .if_is(0x541c, FORBID)
    .if_is(0x5423, FORBID)
    .otherwise(Answer::Allow);

/// Asking, and the plain personality of Linux, with or without 32-bit addresses and an old kernel's name. Not: addresses that are not
/// random, and pages that can be run because they can be read.
const PERSONALITY: Arguments = Arguments::new()
    .look_at(0)
    .if_is(u32::MAX, Answer::Allow)
    .if_is(0, Answer::Allow)
    .if_is(0x0008, Answer::Allow)
    .if_is(0x2_0000, Answer::Allow)
    .if_is(0x2_0008, Answer::Allow)
    .otherwise(FORBID);

/// The limit on dumps stays as it is: one byte, which unlike none also keeps them from a program of the host. A server that wants no
/// dumps is told that it has its way.
const OLD_LIMIT: Arguments = Arguments::new().look_at(0).if_is(libc::RLIMIT_CORE, PRETEND).otherwise(Answer::Allow);
const LIMIT: Arguments = Arguments::new()
    .look_at(1)
    .if_is_not(libc::RLIMIT_CORE, Answer::Allow)
    .look_at(2)
    .if_is_not(0, PRETEND)
    .look_at_upper(2)
    .if_is_not(0, PRETEND)
    .otherwise(Answer::Allow);

pub(super) static FILTER: Assembly = Assembly::new()
    .above(LAST_KNOWN, ABSENT)
    .between(UNASSIGNED.0, UNASSIGNED.1, ABSENT)
    .one(number(libc::SYS_ioctl), &IOCTL)
    .one(number(libc::SYS_clone), &CLONE)
    .one(number(libc::SYS_socket), &SOCKET)
    .one(number(libc::SYS_prlimit64), &LIMIT)
    .one(SETRLIMIT, &OLD_LIMIT)
    .one(number(libc::SYS_unshare), &UNSHARE)
    .one(number(libc::SYS_personality), &PERSONALITY)
    .each(ABSENT_CALLS, ABSENT)
    .each(FORBIDDEN_CALLS, FORBID)
    .answer(Answer::Allow);
