use super::users::Users;
use sessile_link::HostUsers;
use std::collections::HashSet;

#[test]
fn no_two_sandboxes_share_a_host_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let users = Users::new(42, 4242);
    let mut seen = HashSet::new();
    for _ in 0..1000 {
        let HostUsers::Root { server, init } = users.next() else { panic!("root gets users") };
        assert!(seen.insert(server) && seen.insert(init));
        assert!((0x7000_0000..0x7ffe_0000).contains(&server) && init == server + 1);
    }
}
