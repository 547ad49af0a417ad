use std::path::Path;

use super::{Guard, Refusal, absolute, is_system, store_of};
use crate::view::HostEnv;
use crate::view::tests::fixture::Host;

fn guard() -> Guard {
    Guard::new(&[("HOME", "/people/ada")].into_iter().collect::<HostEnv>())
}

#[test]
fn homes_and_what_holds_them_are_never_whole() {
    for path in ["/people", "/people/ada", "/root", "/home/somebody"] {
        assert_eq!(guard().refuses(Path::new(path)), Some(Refusal::Home), "{path}");
    }
    assert_eq!(guard().refuses(Path::new("/")), Some(Refusal::Root));
    assert_eq!(guard().refuses(Path::new("/home")), Some(Refusal::Shared));
}

#[test]
fn settings_of_users_are_refused_two_levels_deep() {
    for path in
        ["/people/ada/.ssh", "/people/ada/.config/gcloud", "/root/.aws", "/home/bob/.kube", "/people/ada/.local/share"]
    {
        assert_eq!(guard().refuses(Path::new(path)), Some(Refusal::Personal), "{path}");
    }
    for path in [
        "/people/ada/project",
        "/people/ada/.nvm/versions/node/v20",
        "/people/ada/project/.venv",
        "/data",
        "/home/bob/x",
    ] {
        assert_eq!(guard().refuses(Path::new(path)), None, "{path}");
    }
}

#[test]
fn the_hosts_settings_are_refused_at_any_depth_and_shared_places_as_such() {
    for path in ["/etc", "/etc/app/conf.d", "/run/user/1000", "/boot"] {
        assert_eq!(guard().refuses(Path::new(path)), Some(Refusal::Settings), "{path}");
    }
    for path in ["/tmp", "/var", "/var/lib", "/srv", "/mnt"] {
        assert_eq!(guard().refuses(Path::new(path)), Some(Refusal::Shared), "{path}");
    }
    for path in ["/srv/app", "/mnt/disk", "/tmp/build", "/var/www"] {
        assert_eq!(guard().refuses(Path::new(path)), None, "{path}");
    }
}

#[test]
fn a_link_counts_as_what_it_leads_to() {
    let host = Host::new();
    let link = host.link("harmless", host.home());
    assert_eq!(Guard::new(&host.env()).refuses(&link), Some(Refusal::Home));
}

#[test]
fn paths_are_made_absolute_without_leaving_the_root() {
    assert_eq!(absolute(Path::new("/a/b"), Path::new("../c/./d")), Path::new("/a/c/d"));
    assert_eq!(absolute(Path::new("/a"), Path::new("../../../etc")), Path::new("/etc"));
    assert_eq!(absolute(Path::new("/a"), Path::new("/b/../c")), Path::new("/c"));
}

#[test]
fn the_system_and_stores_are_known_by_whole_parts_of_a_path() {
    assert!(is_system(Path::new("/usr/bin/env")) && is_system(Path::new("/opt/x")));
    assert!(!is_system(Path::new("/usrlocal")) && !is_system(Path::new("/etc")));
    assert_eq!(store_of(Path::new("/nix/store/abc-python/bin/python3")), Some(Path::new("/nix/store")));
    assert_eq!(store_of(Path::new("/nix/var")), None);
}
