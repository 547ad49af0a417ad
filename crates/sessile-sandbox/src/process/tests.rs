use super::init_image::InitImage;
use super::spawn::{Birth, spawn};
use super::users::Users;
use crate::Limits;
use crate::cgroup::{Group, Place, PlaceKind};
use sessile_link::HostUsers;
use std::collections::HashSet;
use std::os::unix::net::UnixStream;
use std::time::Duration;

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

/// A directory of a version 2 hierarchy in which this process may make cgroups, if there is one: a hybrid host has it beside version 1.
fn version_2() -> Option<std::path::PathBuf> {
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mountinfo.lines().find(|line| line.contains(" - cgroup2 "))?;
    let place = std::path::Path::new(line.split(' ').nth(4)?).join(format!("sessile-test-{}", std::process::id()));
    std::fs::create_dir(&place).ok().map(|()| place)
}

#[test]
fn in_version_2_a_process_is_born_where_it_belongs_and_killed_with_its_cgroup() {
    let Some(path) = version_2() else { return };
    let place = Place { path: path.clone(), kind: PlaceKind::V2(Vec::new()) };
    let group = Group::new(&[place], "born", &Limits::default()).unwrap();
    let (_link, theirs) = UnixStream::pair().unwrap();
    let (image, joining) = (InitImage::new().unwrap(), group.joining().unwrap());
    assert!(joining.birthplace().is_some());
    let birth = Birth {
        image: &image,
        name: c"sessile-keeper",
        link: theirs.into(),
        also: super::spawn::Also::default(),
        namespaces: 0,
        joining,
        close: true,
    };
    let mut process = spawn(birth).unwrap();
    let members = std::fs::read_to_string(path.join("born/cgroup.procs")).unwrap();
    assert_eq!(members.trim(), process.pid().to_string());
    group.kill();
    assert!(process.wait(Duration::from_secs(2)), "killing the cgroup kills its member");
    drop(group);
    assert!(!path.join("born").exists());
    std::fs::remove_dir(path).unwrap();
}

#[test]
fn init_is_small() {
    let size = super::init_image::PROGRAM.len();
    assert!(size < 1 << 20, "{size} bytes are more than the 1 MiB that the design allows");
}

#[test]
fn the_program_that_init_runs_from_cannot_be_written() {
    let image = InitImage::new().unwrap();
    let path = format!("/proc/self/fd/{}", image.raw());
    let opened = std::fs::OpenOptions::new().write(true).open(path);
    let written = opened.and_then(|mut file| std::io::Write::write(&mut file, b"x"));
    assert_eq!(written.unwrap_err().raw_os_error(), Some(libc::EPERM));
}
