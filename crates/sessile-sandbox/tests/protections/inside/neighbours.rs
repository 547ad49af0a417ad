//! Attempts on the host's processes, sockets and names, and on what belongs to the runtime.

use super::fact;
use crate::outcome::{Outcome, done, got, held};
use std::fs;
use std::io::Error;
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

pub(super) fn attempt(name: &str) -> Option<Outcome> {
    Some(match name {
        "find_a_process_of_the_host" => {
            let pid = fact("HOST_PID").parse().unwrap();
            // SAFETY: sends no signal, only asks whether it could.
            match (unsafe { libc::kill(pid, 0) }, Error::last_os_error()) {
                (-1, error) if error.raw_os_error() == Some(libc::ESRCH) => held(error),
                (_, error) => done(format!("it is there: {error}")),
            }
        }
        "connect_to_the_host" => got(TcpStream::connect(("127.0.0.1", fact("HOST_PORT").parse().unwrap()))),
        "connect_to_an_abstract_socket" => {
            got(SocketAddr::from_abstract_name(fact("HOST_PLACE")).and_then(|name| UnixStream::connect_addr(&name)))
        }
        "shared_memory_of_the_host" => {
            // SAFETY: looks a segment up.
            crate::outcome::answered(unsafe { libc::shmget(fact("HOST_KEY").parse().unwrap(), 0, 0) })
        }
        "the_runtimes_keyring" => {
            // SAFETY: asks for a number.
            let found = unsafe { libc::syscall(libc::SYS_keyctl, 0, -3, 0) };
            same("HOST_KEYRING", &found.to_string())
        }
        "the_hosts_name" => same("HOST_NAME", &rustix::system::uname().nodename().to_string_lossy()),
        "the_hosts_control_groups" => {
            let all = fs::read_to_string("/proc/self/cgroup").unwrap();
            match all.lines().find(|line| !line.ends_with(":/")) {
                Some(path) => done(path),
                None => held("every path is /"),
            }
        }
        "the_runtimes_environment" => match std::env::var(fact("HOST_VARIABLE")) {
            Ok(secret) => done(secret),
            Err(error) => held(error),
        },
        "a_descriptor_of_the_runtime" => got(fs::read_link(format!("/proc/self/fd/{}", fact("HOST_LEAK")))),
        "files_that_anybody_may_write" => {
            fs::write("/tmp/made", "x").unwrap();
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata("/tmp/made").unwrap().permissions());
            if mode & 0o022 == 0 { held(format!("{mode:o}")) } else { done(format!("{mode:o}")) }
        }
        _ => return None,
    })
}

/// Whether what was found is the host's.
fn same(name: &str, found: &str) -> Outcome {
    if found == fact(name) { done(found) } else { held(format!("{found} instead of {}", fact(name))) }
}
