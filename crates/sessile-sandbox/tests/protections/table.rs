//! The attempts, and which protections hold each.

use sessile_link::Protection::{self, *};

/// One attempt of a hostile server.
#[cfg_attr(not(feature = "weaken"), allow(dead_code))] // only then the layers are taken apart
pub(crate) struct Attempt {
    pub(crate) name: &'static str,
    /// Each of these holds it alone.
    pub(crate) layers: &'static [Protection],
    /// What has to be left out as well for the attempt to get that far, or because it needs one that is left out.
    pub(crate) aside: &'static [Protection],
    /// Who runs the runtime in this row.
    who: Who,
}

#[derive(Clone, Copy, PartialEq)]
enum Who {
    Anybody,
    Root,
    Rootless,
}

/// The attempts that mean something for root, or for an ordinary user.
pub(crate) fn attempts(root: bool) -> impl Iterator<Item = &'static Attempt> {
    let other = if root { Who::Rootless } else { Who::Root };
    ALL.iter().filter(move |attempt| attempt.who != other)
}

const fn by(name: &'static str, layers: &'static [Protection]) -> Attempt {
    Attempt { name, layers, aside: &[], who: Who::Anybody }
}

const fn for_root(name: &'static str, layers: &'static [Protection]) -> Attempt {
    Attempt { who: Who::Root, ..by(name, layers) }
}

const fn rootless(name: &'static str, layers: &'static [Protection]) -> Attempt {
    Attempt { who: Who::Rootless, ..by(name, layers) }
}

const ALL: &[Attempt] = &[
    // The kernel's surface.
    by("user_namespace", &[SystemCalls]),
    by("user_namespace_of_a_child", &[SystemCalls]),
    by("namespaces_by_clone3", &[SystemCalls]),
    by("mount_in_a_user_namespace", &[SystemCalls, Landlock]),
    by("chroot_in_a_user_namespace", &[SystemCalls]),
    by("raw_socket_in_a_user_namespace", &[SystemCalls]),
    by("trace_a_child", &[SystemCalls]),
    by("read_memory_of_a_process", &[SystemCalls]),
    by("take_a_descriptor_of_a_process", &[SystemCalls]),
    by("compare_kernel_objects", &[SystemCalls]),
    by("load_a_kernel_program", &[SystemCalls]),
    by("count_kernel_events", &[SystemCalls]),
    by("handle_page_faults", &[SystemCalls]),
    by("ring_of_calls", &[SystemCalls]),
    by("add_a_key", &[SystemCalls]),
    by("open_by_handle", &[SystemCalls]),
    by("load_a_module", &[SystemCalls]),
    by("load_a_kernel", &[SystemCalls]),
    by("watch_a_file_system", &[SystemCalls]),
    by("netlink_beyond_routes", &[SystemCalls]),
    by("socket_to_the_hypervisor", &[SystemCalls]),
    by("fixed_addresses", &[SystemCalls]),
    by("type_into_a_terminal", &[SystemCalls]),
    by("call_in_32_bits", &[SystemCalls]),
    by("read_the_kernels_log", &[SystemCalls]),
    // Files and /proc.
    by("a_file_of_the_host", &[FreshRoot]),
    for_root("write_to_the_root", &[ReadOnlyRoot, Landlock, OwnUser]),
    rootless("write_to_the_root", &[ReadOnlyRoot, Landlock]),
    by("write_to_what_is_shown", &[ReadOnlyViews, Landlock]),
    for_root("use_a_device_that_is_shown", &[TameMounts]),
    Attempt {
        aside: &[SystemCalls, Landlock, NoCapabilities],
        ..for_root("become_root_by_a_program", &[TameMounts, NoNewPrivileges, OwnUserNamespace])
    },
    by("keep_a_capability_for_later", &[NoCapabilities]),
    by("read_what_proc_tells_of_the_host", &[MaskedProc]),
    by("write_to_proc", &[ReadOnlyProc, Landlock]),
    for_root("write_to_sysctls", &[ReadOnlyProc, Landlock, OwnUser]),
    by("write_over_a_mask", &[Landlock]),
    by("see_init", &[HiddenProcesses]),
    by("dump_memory", &[NoCoreDumps]),
    // Neighbours.
    for_root("find_a_process_of_the_host", &[OwnProcesses]),
    by("connect_to_the_host", &[OwnNetwork]),
    by("connect_to_an_abstract_socket", &[OwnNetwork, Landlock]),
    by("shared_memory_of_the_host", &[OwnIpc]),
    by("the_runtimes_keyring", &[SystemCalls, OwnKeyring]),
    by("the_hosts_name", &[OwnHostname]),
    by("the_hosts_control_groups", &[OwnCgroup]),
    by("the_runtimes_environment", &[OwnEnvironment]),
    by("a_descriptor_of_the_runtime", &[ClosedDescriptors]),
    by("files_that_anybody_may_write", &[FixedUmask]),
];
