//! Layouts as real hosts had them, recorded; and what is written where.

use super::layout::{Controller, Facts, Hierarchy, Kind, Plan, plan, read};
use super::{group, v1, v2};
use crate::{Limits, Usage};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const ALL: [&str; 3] = ["memory", "pids", "cpu"];

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn v1_at(own: &str, top: &str, controllers: &[Controller]) -> Hierarchy {
    Hierarchy { own: own.into(), top: top.into(), kind: Kind::V1(controllers.to_vec()) }
}

#[test]
fn version_1_with_one_hierarchy_for_each_controller() {
    let mountinfo = "\
25 1 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
26 25 0:23 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
27 25 0:24 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
28 25 0:26 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
29 25 0:27 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
32 25 0:30 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
33 25 0:31 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
34 25 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup rw";
    let own = "8:pids:/\n4:memory:/jobs/42\n2:cpuacct:/\n1:cpu:/\n0::/\n";
    let expected = [
        v1_at("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu", &[Controller::Cpu]),
        v1_at("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/cpuacct", &[Controller::CpuAccounting]),
        v1_at("/sys/fs/cgroup/memory/jobs/42", "/sys/fs/cgroup/memory", &[Controller::Memory]),
        v1_at("/sys/fs/cgroup/pids", "/sys/fs/cgroup/pids", &[Controller::Pids]),
        Hierarchy { own: "/sys/fs/cgroup/unified".into(), top: "/sys/fs/cgroup/unified".into(), kind: Kind::V2 },
    ];
    assert_eq!(read(mountinfo, own), expected);
}

#[test]
fn version_1_seen_from_inside_a_container_begins_at_the_containers_cgroup() {
    let mountinfo = "\
700 699 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro,nosuid - cgroup cgroup rw,cpu,cpuacct
701 699 0:33 /docker/other /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory";
    let own = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc/sub\n";
    // The second mount shows another cgroup than this process's: it is of no use.
    let controllers = [Controller::Cpu, Controller::CpuAccounting];
    let expected = [v1_at("/sys/fs/cgroup/cpu,cpuacct/sub", "/sys/fs/cgroup/cpu,cpuacct", &controllers)];
    assert_eq!(read(mountinfo, own), expected);
}

#[test]
fn version_2_of_a_systemd_service_and_of_a_container() {
    let mountinfo = "31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
    let service = read(mountinfo, "0::/system.slice/sessile.service\n");
    assert_eq!(service[0].own, Path::new("/sys/fs/cgroup/system.slice/sessile.service"));
    assert_eq!((&service[0].kind, service.len()), (&Kind::V2, 1));
    let container = read("9 8 0:27 / /my\\040cgroups rw - cgroup2 cgroup rw", "0::/\n");
    assert_eq!(container[0].own, Path::new("/my cgroups"));
}

#[test]
fn lines_that_make_no_sense_are_no_hierarchies() {
    for mountinfo in
        ["", "x", "1 2 3", "1 2 3 4 5 - cgroup", "a b c / /p rw - cgroup2", "1 1 0:1 / /p rw - cgroup x rw,memory"]
    {
        assert_eq!(read(mountinfo, "garbage\n::\n:"), []);
    }
}

fn facts(path: &str) -> Facts {
    Facts { path: path.into(), writable: true, root: false, others: 0, available: strings(&ALL), passed_on: vec![] }
}

#[test]
fn the_root_of_the_hierarchy_can_be_used_as_it_is() {
    let root = Facts { root: true, others: 300, ..facts("/cg") };
    assert_eq!(plan(&[root], &ALL), Some(Plan::Below("/cg".into())));
}

#[test]
fn a_cgroup_delegated_to_this_process_alone_is_used_after_moving_out_of_it() {
    let way = [facts("/cg/user.slice/app.scope"), Facts { writable: false, ..facts("/cg/user.slice") }];
    assert_eq!(plan(&way, &ALL), Some(Plan::BelowAfterMoving("/cg/user.slice/app.scope".into())));
}

#[test]
fn a_runtime_started_again_in_its_delegated_cgroup_finds_it_ready() {
    let own = Facts { passed_on: strings(&ALL), ..facts("/cg/app.scope") };
    assert_eq!(plan(&[own], &ALL), Some(Plan::Below("/cg/app.scope".into())));
}

#[test]
fn a_login_session_shared_with_a_shell_is_no_place_for_an_ordinary_user() {
    let not_ours = |path| Facts { writable: false, passed_on: strings(&ALL), ..facts(path) };
    let own = Facts { writable: false, others: 2, ..facts("/cg/user.slice/session-1.scope") };
    assert_eq!(plan(&[own, not_ours("/cg/user.slice"), not_ours("/cg")], &ALL), None);
}

#[test]
fn root_in_a_shared_cgroup_goes_to_the_nearest_ancestor_that_passes_everything_on() {
    let own = Facts { others: 2, ..facts("/cg/user.slice/session-1.scope") };
    let slice = Facts { passed_on: strings(&["memory", "pids"]), ..facts("/cg/user.slice") };
    let root = Facts { root: true, ..facts("/cg") };
    assert_eq!(plan(&[own, slice, root], &ALL), Some(Plan::Below("/cg".into())));
}

#[test]
fn a_cgroup_that_lacks_a_controller_is_no_place() {
    let own = Facts { available: strings(&["memory"]), ..facts("/cg/app") };
    assert_eq!(plan(&[own], &ALL), None);
    assert_eq!(plan(&[], &ALL), None);
}

/// A directory with these control files in it, empty.
fn control_files(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    for name in names {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let path = directory.path().to_owned();
    (directory, path)
}

const LIMITS: Limits = Limits { memory: Some(1 << 20), cpu: Some(0.5), pids: Some(7), disk: None, open_files: 1 };

fn content(path: &Path, name: &str) -> String {
    fs::read_to_string(path.join(name)).unwrap()
}

#[test]
fn version_2_gets_limits_without_swap_and_dies_together() {
    let names = ["memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max"];
    let (_directory, path) = control_files(&names);
    v2::limit(&path, &strings(&ALL), &LIMITS).unwrap();
    let written = names.map(|name| content(&path, name));
    assert_eq!(written, ["1048576", "0", "1", "7", "50000 100000"]);
}

#[test]
fn version_1_gets_the_same_limits_in_its_own_words() {
    let names =
        ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "pids.max", "cpu.cfs_period_us", "cpu.cfs_quota_us"];
    let (_directory, path) = control_files(&names);
    v1::limit(&path, &[Controller::Memory, Controller::Pids, Controller::Cpu], &LIMITS).unwrap();
    let written = names.map(|name| content(&path, name));
    assert_eq!(written, ["1048576", "1048576", "7", "100000", "50000"]);
}

#[test]
fn a_limit_that_cannot_be_set_is_an_error_that_names_the_file() {
    let (_directory, path) = control_files(&[]);
    let error = v2::limit(&path, &strings(&ALL), &LIMITS).unwrap_err();
    assert_eq!(error.path, path.join("memory.max"));
    assert!(!path.join("memory.max").exists(), "a control file is never made");
    v2::limit(&path, &[], &LIMITS).unwrap();
}

#[test]
fn both_versions_count_and_what_is_not_counted_stays_unknown() {
    let (_directory, path) = control_files(&[]);
    fs::write(path.join("memory.current"), "4096\n").unwrap();
    fs::write(path.join("memory.events"), "low 0\nmax 3\noom 1\noom_kill 2\n").unwrap();
    fs::write(path.join("cpu.stat"), "usage_usec 1500\nthrottled_usec 20\n").unwrap();
    let mut usage = Usage::default();
    v2::count(&path, &strings(&ALL), &mut usage);
    let expected = Usage {
        cpu: Duration::from_micros(1500),
        memory: Some(4096),
        memory_peak: None, // no `memory.peak` before Linux 5.19
        pids: None,
        out_of_memory_kills: Some(2),
        throttled: Some(Duration::from_micros(20)),
    };
    assert_eq!(usage, expected);

    fs::write(path.join("memory.max_usage_in_bytes"), "8192\n").unwrap();
    fs::write(path.join("memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n").unwrap();
    fs::write(path.join("cpuacct.usage"), "5000\n").unwrap();
    let mut usage = Usage::default();
    v1::count(&path, &[Controller::Memory, Controller::CpuAccounting], &mut usage);
    assert_eq!((usage.memory_peak, usage.out_of_memory_kills, usage.cpu.as_nanos()), (Some(8192), Some(1), 5000));
}

#[test]
fn a_processor_share_is_never_below_what_the_kernel_takes() {
    assert_eq!(group::quota(2.0, 100_000), Some(200_000));
    assert_eq!(group::quota(0.0001, 100_000), Some(1000));
    for nonsense in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(group::quota(nonsense, 100_000), None);
    }
}

mod freezing {
    use super::*;
    use crate::cgroup::freeze::{self, NotFrozen};
    use crate::cgroup::place::{Place, PlaceKind};
    use std::time::Duration;

    fn v2_place(path: &Path) -> Vec<Place> {
        vec![Place { path: path.to_owned(), kind: PlaceKind::V2(strings(&ALL)) }]
    }

    #[test]
    fn version_2_is_frozen_when_its_events_say_so() {
        let (_directory, path) = control_files(&["cgroup.freeze", "memory.swap.max"]);
        fs::write(path.join("memory.max"), "1048576\n").unwrap();
        // As Linux 6.1 had it right after the switch was turned, and when all had come to rest.
        fs::write(path.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        let events = path.join("cgroup.events");
        let resting = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            fs::write(events, "populated 1\nfrozen 1\n").unwrap();
        });
        freeze::freeze(&v2_place(&path)).unwrap();
        resting.join().unwrap();
        assert_eq!(content(&path, "cgroup.freeze"), "1");
        fs::write(path.join("cgroup.freeze"), "").unwrap();
        freeze::thaw(&v2_place(&path)).unwrap();
        assert_eq!(content(&path, "cgroup.freeze"), "0");
        assert_eq!(content(&path, "memory.swap.max"), "0", "it may not swap when it runs");
    }

    #[test]
    fn what_does_not_come_to_rest_is_let_go() {
        let (_directory, path) = control_files(&["cgroup.freeze"]);
        fs::write(path.join("cgroup.events"), "populated 1\nfrozen 0\n").unwrap();
        assert!(matches!(freeze::freeze(&v2_place(&path)), Err(NotFrozen::Late)));
        assert!(content(&path, "cgroup.freeze").ends_with('0'));
    }

    #[test]
    fn version_1_has_a_hierarchy_for_it_and_the_others_are_left_alone() {
        let (_memory, memory) = control_files(&["memory.force_empty"]);
        let (_freezer, freezer) = control_files(&[]);
        // The file says what it was told.
        fs::write(freezer.join("freezer.state"), "").unwrap();
        let places = vec![
            Place { path: memory.clone(), kind: PlaceKind::V1(vec![Controller::Memory]) },
            Place { path: freezer.clone(), kind: PlaceKind::V1(vec![Controller::Freezer]) },
        ];
        freeze::freeze(&places).unwrap();
        assert_eq!(content(&freezer, "freezer.state"), "FROZEN");
        assert_eq!(content(&memory, "memory.force_empty"), "");
        freeze::reclaim(&places);
        assert_eq!(content(&memory, "memory.force_empty"), "0");
        freeze::thaw(&places).unwrap();
        assert_eq!(content(&freezer, "freezer.state"), "THAWED");
    }

    #[test]
    fn version_2_gives_memory_back_and_may_swap_meanwhile() {
        let (_directory, path) = control_files(&["cgroup.freeze", "memory.swap.max", "memory.reclaim"]);
        fs::write(path.join("memory.current"), "8192\n").unwrap();
        freeze::reclaim(&v2_place(&path));
        assert_eq!(
            (content(&path, "memory.swap.max").as_str(), content(&path, "memory.reclaim").as_str()),
            ("max", "8192")
        );
    }

    #[test]
    fn without_a_cgroup_there_is_no_way() {
        assert!(matches!(freeze::freeze(&[]), Err(NotFrozen::NoMeans)));
        let (_directory, path) = control_files(&[]);
        assert!(matches!(freeze::freeze(&v2_place(&path)), Err(NotFrozen::NoMeans)), "a kernel before 5.2");
    }

    #[test]
    fn what_a_dead_node_left_frozen_is_thawed() {
        let directory = tempfile::tempdir().unwrap();
        for (name, file) in [("a", "freezer.state"), ("b", "cgroup.freeze")] {
            fs::create_dir(directory.path().join(name)).unwrap();
            fs::write(directory.path().join(name).join(file), "").unwrap();
        }
        freeze::thaw_below(directory.path());
        assert_eq!(content(&directory.path().join("a"), "freezer.state"), "THAWED");
        assert_eq!(content(&directory.path().join("b"), "cgroup.freeze"), "0");
    }
}
