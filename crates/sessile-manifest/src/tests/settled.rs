//! What a right `sessile.toml` comes to.

use super::*;

#[test]
fn what_is_not_said_has_its_default() {
    let manifest = toml("[servers.a]\ncommand = [\"server\", \"--stdio\"]").expect("right");
    assert_eq!(manifest.node.listen.to_string(), "127.0.0.1:8300");
    assert_eq!(manifest.node.admin.to_string(), "127.0.0.1:8301");
    assert_eq!(manifest.node.state_dir, Path::new("/home/ada/.local/state/sessile"));
    assert!(!manifest.node.allow_anonymous);
    let [server] = manifest.servers.as_slice() else { panic!("one server") };
    assert_eq!(server.limits, Limits::default());
    assert_eq!(server.isolation, Isolation::Process);
    assert_eq!(server.scope, Scope::Auto);
    assert_eq!(server.era, ServerEra::Auto);
    assert!(!server.handles && !server.serialize && !server.strict);
    assert_eq!(server.tasks, Tasks { promote_after: None, keep: Duration::from_secs(3600) });
    assert_eq!(server.limits.park_timeout, Duration::from_secs(600));
    assert_eq!(server.files.workspace, Workspace::Private);
    let Kind::Command(command) = &server.kind else { panic!("a command") };
    assert_eq!(command.command, ["server", "--stdio"]);
    assert!(command.env.is_empty());
    assert_eq!(command.cwd, None);
}

#[test]
fn a_server_inherits_key_by_key() {
    let manifest = toml(
        r#"
        [defaults]
        isolation = "none"
        strict = true
        env = { LOG = "info", REGION = "eu" }
        limits = { memory = "1GiB", pids = 50 }
        [servers.a]
        command = ["a"]
        env = { LOG = "debug" }
        limits = { pids = 60 }
        [servers.b]
        command = ["b"]
        isolation = "process"
        strict = false
        "#,
    )
    .expect("right");
    let a = manifest.server("a").expect("a");
    assert_eq!((a.isolation, a.strict), (Isolation::None, true));
    assert_eq!((a.limits.memory, a.limits.pids), (Size::gib(1), 60));
    let Kind::Command(command) = &a.kind else { panic!("a command") };
    assert_eq!(command.env.get("LOG"), Some("debug"));
    assert_eq!(command.env.get("REGION"), Some("eu"));
    let b = manifest.server("b").expect("b");
    assert_eq!((b.isolation, b.strict, b.limits.pids), (Isolation::Process, false, 50));
}

#[test]
fn what_may_be_reached_is_nothing_or_the_list_that_is_nearest() {
    let manifest = toml(
        r#"
        [defaults.egress]
        allow = ["a.example:443"]
        [servers.a]
        command = ["a"]
        [servers.b]
        command = ["b"]
        egress.allow = []
        [servers.c]
        url = "https://c.example/mcp"
        "#,
    )
    .expect("right");
    assert_eq!(manifest.server("a").expect("a").egress, ["a.example:443"]);
    assert_eq!(manifest.server("b").expect("b").egress, Vec::<String>::new());
    let unsaid = toml("[servers.a]\ncommand = [\"a\"]").expect("right");
    assert!(unsaid.servers.iter().all(|server| server.egress.is_empty()));
    let idle = toml("[servers.c]\nurl = \"https://c.example/mcp\"\negress.allow = [\"a.example:443\"]\n");
    let error = idle.expect_err("it runs elsewhere").to_string();
    assert!(error.contains("servers.c.egress: has no effect on a server with `url`"), "{error}");
}

#[test]
fn a_server_that_says_how_it_starts_does_not_inherit_another_way() {
    let manifest = toml("[defaults]\ncommand = [\"x\"]\n[servers.a]\nurl = \"https://a.example/mcp\"\n[servers.b]\n")
        .expect("right");
    assert!(matches!(manifest.server("a").expect("a").kind, Kind::Url(_)));
    assert!(matches!(manifest.server("b").expect("b").kind, Kind::Command(_)));
}

#[test]
fn every_limit_is_read() {
    let manifest = toml(
        r#"
        [servers.a]
        command = ["a"]
        [servers.a.limits]
        memory = "64MiB"
        cpu = 2
        pids = 5
        disk = "2MB"
        start_timeout = "1s"
        request_timeout = "2s"
        idle_timeout = "3s"
        hibernate_after = "2500ms"
        max_lifetime = "1h 4s"
        park_timeout = "9m"
        drain = "0s"
        sessions = 6
        sessions_per_principal = 5
        in_flight = 7
        message = "1MiB"
        adopt_grace = "5s"
        replay_bytes = "0B"
        replay_events = 0
        get_streams = 8
        stream_timeout = "55s"
        "#,
    )
    .expect("right");
    let expected = Limits {
        memory: Size::mib(64),
        cpu: 2.0,
        pids: 5,
        disk: Size::from_bytes(2_000_000),
        start_timeout: Duration::from_secs(1),
        request_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(3),
        hibernate_after: Some(Duration::from_millis(2500)),
        max_lifetime: Duration::from_secs(3604),
        park_timeout: Duration::from_secs(540),
        drain: Duration::ZERO,
        sessions: 6,
        sessions_per_principal: 5,
        in_flight: 7,
        message: Size::mib(1),
        adopt_grace: Duration::from_secs(5),
        replay_bytes: Size::from_bytes(0),
        replay_events: 0,
        get_streams: 8,
        stream_timeout: Duration::from_secs(55),
    };
    assert_eq!(manifest.servers[0].limits, expected);
}

#[test]
fn every_key_of_the_node_is_read() {
    let manifest = toml(
        r#"
        [node]
        listen = "0.0.0.0:0"
        admin = "[::1]:9000"
        state_dir = "state"
        allow_anonymous = true
        api_keys = "~/keys"
        allowed_hosts = ["mcp.example.com", "10.0.0.1:8300"]
        allowed_origins = ["https://app.example.com", "http://localhost:5173"]
        sse_2024 = true
        default_server = "b"
        drain = "1s"
        sessions = 7
        ended_sessions_kept = 0
        hibernation_disk = "3GiB"
        template_memory = "0B"
        [servers.a]
        command = ["a"]
        [servers.b]
        command = ["b"]
        "#,
    )
    .expect("right");
    let node = &manifest.node;
    assert_eq!(node.listen.to_string(), "0.0.0.0:0");
    assert_eq!(node.admin.to_string(), "[::1]:9000");
    assert_eq!(node.state_dir, Path::new("/srv/project/state"));
    assert!(node.allow_anonymous && node.sse_2024);
    assert_eq!(node.api_keys.as_deref(), Some(Path::new("/home/ada/keys")));
    assert_eq!(node.allowed_hosts, ["mcp.example.com", "10.0.0.1:8300"]);
    assert_eq!(node.allowed_origins, ["https://app.example.com", "http://localhost:5173"]);
    assert_eq!(node.drain, Duration::from_secs(1));
    assert_eq!((node.sessions, node.ended_sessions_kept), (7, 0));
    assert_eq!((node.hibernation_disk, node.template_memory), (Size::gib(3), Size::gib(0)));
    assert_eq!(manifest.default_server().expect("named").name.as_str(), "b");
}

#[test]
fn without_a_name_only_an_only_server_is_the_default() {
    let one = toml("[servers.a]\ncommand = [\"a\"]").expect("right");
    assert_eq!(one.default_server().expect("only").name.as_str(), "a");
    let two = toml("[servers.a]\ncommand = [\"a\"]\n[servers.b]\ncommand = [\"b\"]").expect("right");
    assert!(two.default_server().is_none());
}

#[test]
fn paths_start_from_the_file_or_the_home() {
    let manifest = toml(
        r#"
        [servers.a]
        command = ["./server"]
        cwd = "."
        files = { read_only = ["/etc/ssl", "data"], read_write = ["~/notes"], workspace = "./work" }
        "#,
    )
    .expect("right");
    let files = &manifest.servers[0].files;
    assert_eq!(files.read_only, [Path::new("/etc/ssl"), Path::new("/srv/project/data")]);
    assert_eq!(files.read_write, [Path::new("/home/ada/notes")]);
    assert_eq!(files.workspace, Workspace::Host("/srv/project/work".into()));
    let Kind::Command(command) = &manifest.servers[0].kind else { panic!("a command") };
    assert_eq!(command.cwd.as_deref(), Some(Path::new("/srv/project")));
}

#[test]
fn packages_and_addresses_are_read() {
    let manifest = toml(
        r#"
        [servers.npm]
        package = "npm:@scope/server@1.2.3"
        args = ["stdio"]
        [servers.far]
        url = "https://example.com/mcp?key=1"
        headers = { Authorization = "Bearer x" }
        "#,
    )
    .expect("right");
    let Kind::Package(program) = &manifest.servers[0].kind else { panic!("a package") };
    assert_eq!(program.package.to_string(), "npm:@scope/server@1.2.3");
    assert_eq!(program.args, ["stdio"]);
    let Kind::Url(remote) = &manifest.servers[1].kind else { panic!("a url") };
    assert_eq!(remote.url.as_str(), "https://example.com/mcp?key=1");
    assert_eq!(remote.headers.get("Authorization"), Some("Bearer x"));
}

#[test]
fn the_share_of_one_principal_gives_way_to_all_sessions() {
    let limits = |text: &str| {
        let text = format!("[defaults.limits]\nsessions_per_principal = 50\n[servers.a]\ncommand = [\"a\"]\n{text}");
        toml(&text).expect("right").servers[0].limits.sessions_per_principal
    };
    assert_eq!(limits("limits.sessions = 3"), 3);
    assert_eq!(limits("limits.sessions = 80"), 50);
}

#[test]
fn a_call_waits_no_longer_than_its_session_lives() {
    let limits = |text: &str| {
        let text = format!("[defaults.limits]\npark_timeout = \"3h\"\n[servers.a]\ncommand = [\"a\"]\n{text}");
        toml(&text).expect("right").servers[0].limits.park_timeout
    };
    assert_eq!(limits("limits.max_lifetime = \"1h\""), Duration::from_secs(60 * 60));
    assert_eq!(limits("limits.max_lifetime = \"4h\""), Duration::from_secs(3 * 60 * 60));
    assert_eq!(limits("limits.park_timeout = \"9h\""), Duration::from_secs(8 * 60 * 60));
}

#[test]
fn a_file_is_found_and_read_by_its_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sessile.toml");
    std::fs::write(&path, "\u{feff}[servers.a]\ncommand = [\"a\"]\ncwd = \"here\"\n").expect("written");
    let manifest = crate::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
    let Kind::Command(command) = &manifest.servers[0].kind else { panic!("a command") };
    assert_eq!(command.cwd, Some(directory.path().join("here")));

    let missing = directory.path().join("none.toml");
    let error = crate::load(&missing).expect_err("missing").to_string();
    assert_eq!(error, format!("{}: no such file; name another with `-c FILE`", missing.display()));

    let large = directory.path().join("large.toml");
    std::fs::write(&large, " ".repeat(1024 * 1024 + 1)).expect("written");
    let error = crate::load(&large).expect_err("large").to_string();
    assert!(error.ends_with("larger than 1 MiB, which no manifest is"), "{error}");
}

#[test]
fn the_format_is_told_by_name_then_by_content() {
    let of = |name: &str, text: &str| Format::of(Path::new(name), text);
    assert_eq!(of("a.toml", "{"), Format::Toml);
    assert_eq!(of(".mcp.json", ""), Format::McpJson);
    assert_eq!(of("settings.JSON", ""), Format::McpJson);
    assert_eq!(of("manifest", "  {\"mcpServers\": {}}"), Format::McpJson);
    assert_eq!(of("manifest", "[node]"), Format::Toml);
}

#[test]
fn an_image_is_taken_over_by_microvms_alone_and_its_path_starts_from_the_manifest() {
    let manifest = toml(
        r#"
        [defaults]
        image = "dir:rootfs"
        [servers.a]
        command = ["a"]
        isolation = "microvm"
        [servers.b]
        command = ["b"]
        [servers.c]
        command = ["c"]
        isolation = "microvm"
        image = "oci:~/layout:v1"
        "#,
    )
    .expect("right");
    let image = |name| manifest.server(name).expect(name).image.as_ref().map(ToString::to_string);
    assert_eq!(image("a").as_deref(), Some("dir:/srv/project/rootfs"));
    assert_eq!(image("b"), None);
    assert_eq!(image("c").as_deref(), Some("oci:/home/ada/layout:v1"));
}

#[test]
fn state_is_kept_where_a_service_manager_or_the_user_has_a_place_for_it() {
    let of = |variables: &'static [(&str, &str)]| {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Surroundings::new("/srv", find).default_state_dir().map(|path| path.display().to_string())
    };
    assert_eq!(of(&[("HOME", "/home/ada")]).unwrap(), "/home/ada/.local/state/sessile");
    assert_eq!(of(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/home/ada/state")]).unwrap(), "/home/ada/state/sessile");
    assert_eq!(of(&[("STATE_DIRECTORY", "/var/lib/sessile:/var/lib/other")]).unwrap(), "/var/lib/sessile");
    assert_eq!(
        of(&[("STATE_DIRECTORY", "relative"), ("HOME", "/home/ada")]).unwrap(),
        "/home/ada/.local/state/sessile"
    );
    assert!(of(&[]).unwrap_err().contains("HOME is not set"));
}
