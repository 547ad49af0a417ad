use super::*;
use serde_json::{Value, json};
use sessile_bridge::ClientProfile;
use sessile_protocol::Message;
use sessile_sandbox::FileView;
use std::fs;
use tempfile::TempDir;

const PUBLIC: &str = r#"{"resultType":"complete","tools":[],"ttlMs":60000,"cacheScope":"public"}"#;

/// A server in a directory of its own, and a state directory inside it, as when a node is started in the directory of
/// a project.
struct Server {
    directory: TempDir,
}

impl Server {
    fn new() -> Self {
        let server = Self { directory: TempDir::new().unwrap() };
        server.write("server.py", "print()");
        server.write("tools.py", "");
        server
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    fn state_dir(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn file(&self) -> PathBuf {
        file::path(&self.state_dir(), "it")
    }

    fn view(&self) -> View {
        let here = self.directory.path().canonicalize().unwrap();
        View {
            command: vec!["/usr/bin/env".into(), "python3".into(), "server.py".into()],
            cwd: here.clone(),
            files: vec![
                FileView::CopyOnWrite { source: here.clone(), target: here.clone() },
                FileView::Private { target: here.join("state") },
            ],
            env: vec![("MODE".into(), "a".into())],
            explanation: Vec::new(),
            started_in: Some(here),
        }
    }

    fn memory(&self) -> Memory {
        Memory::new(&self.view(), Some(&self.state_dir()), "it")
    }
}

fn key(method: &str, principal: &str) -> ListKey {
    let request = Message::parse(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#).into()).unwrap();
    ListKey::of(&request, &ClientProfile { info: None, capabilities: "{}".into() }, principal).unwrap()
}

fn tools() -> ListKey {
    key("tools/list", "alice")
}

fn profile(version: &str) -> Arc<ServerProfile> {
    let result = json!({
        "protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "instructions": "be kind",
        "serverInfo": {"name": "it", "version": version},
    });
    Arc::new(ServerProfile::from_initialize(&result.to_string()).unwrap())
}

fn discovered(scope: &str) -> Arc<ServerProfile> {
    let result = json!({
        "supportedVersions": ["2026-07-28"], "capabilities": {}, "cacheScope": scope, "ttlMs": 1,
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "it", "version": "9"}},
    });
    Arc::new(ServerProfile::from_discover(&result.to_string()).unwrap())
}

fn later(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[test]
fn what_was_learned_is_known() {
    let server = Server::new();
    let memory = server.memory();
    let start = memory.epoch();
    assert_eq!(memory.eras(), KnownEras::default());
    memory.learn_era(start, EraKind::Modern, false);
    memory.learn_profile(start, profile("1"));
    assert_eq!(memory.eras(), KnownEras { legacy: Some(true), modern: Some(false) });
    assert_eq!(memory.profile(EraKind::Legacy), Some(profile("1")));
    assert_eq!(memory.profile(EraKind::Modern), None);
    memory.learn_profile(start, profile("2"));
    assert_eq!(memory.profile(EraKind::Legacy), Some(profile("2")), "the newest");
}

#[test]
fn a_list_that_changed_is_asked_for_again_and_no_other() {
    let memory = Server::new().memory();
    let epoch = memory.epoch();
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        memory.remember(key(method, "alice"), epoch, PUBLIC);
    }
    memory.changed(List::Resources);
    let is_known = |method| memory.list(&key(method, "alice")).is_some();
    assert!(is_known("tools/list") && is_known("prompts/list"));
    assert!(!is_known("resources/list") && !is_known("resources/templates/list"));
}

#[test]
fn an_answer_that_was_overtaken_by_a_change_is_not_remembered() {
    let memory = Server::new().memory();
    let asked = memory.epoch();
    memory.changed(List::Tools);
    memory.remember(tools(), asked, PUBLIC);
    assert_eq!(memory.list(&tools()), None);
    memory.remember(key("prompts/list", "alice"), asked, PUBLIC);
    assert!(memory.list(&key("prompts/list", "alice")).is_some(), "another list did not change");
    memory.remember(tools(), memory.epoch(), PUBLIC);
    assert!(memory.list(&tools()).is_some());
}

#[test]
fn what_is_private_is_for_its_principal() {
    let memory = Server::new().memory();
    memory.remember(tools(), memory.epoch(), r#"{"tools":[],"ttlMs":60000,"cacheScope":"private"}"#);
    assert!(memory.list(&tools()).is_some());
    assert_eq!(memory.list(&key("tools/list", "bob")), None);
}

#[test]
fn the_time_told_shrinks() {
    let memory = Server::new().memory();
    let now = SystemTime::now();
    memory.remember_at(tools(), memory.epoch(), PUBLIC, now);
    let told: Value = serde_json::from_str(&memory.list_at(&tools(), now + Duration::from_secs(50)).unwrap()).unwrap();
    assert_eq!(told["ttlMs"], json!(10_000));
    assert_eq!(memory.list_at(&tools(), now + Duration::from_secs(60)), None);
}

#[test]
fn another_program_is_noticed_at_once_and_everything_forgotten() {
    let server = Server::new();
    let memory = server.memory();
    let start = memory.epoch();
    memory.learn_profile(start, profile("1"));
    memory.remember(tools(), start, PUBLIC);
    memory.refresh();
    assert!(memory.list(&tools()).is_some() && memory.epoch() == start);

    server.write("server.py", "print(2)");
    memory.refresh();
    assert_eq!(memory.list(&tools()), None);
    assert_eq!(memory.profile(EraKind::Legacy), None);
    assert_eq!(memory.eras(), KnownEras::default());
}

#[test]
fn a_file_beside_the_program_is_noticed_within_a_second() {
    let server = Server::new();
    let memory = server.memory();
    memory.remember(tools(), memory.epoch(), PUBLIC);
    server.write("tools.py", "def add(): pass");
    memory.refresh();
    assert!(memory.list(&tools()).is_some(), "not looked at each time");
    memory.refresh_at(later(2));
    assert_eq!(memory.list(&tools()), None);
}

#[test]
fn what_an_older_version_says_is_not_believed_of_a_newer_one() {
    let server = Server::new();
    let memory = server.memory();
    let start = memory.epoch();
    server.write("server.py", "print(2)");
    memory.refresh();
    // The session of then lives on, and is asked now.
    memory.remember(tools(), memory.epoch().in_session_since(start), PUBLIC);
    memory.learn_era(start, EraKind::Modern, false);
    memory.learn_profile(start, profile("1"));
    assert_eq!(memory.list(&tools()), None);
    assert_eq!((memory.eras(), memory.profile(EraKind::Legacy)), (KnownEras::default(), None));

    let start = memory.epoch();
    memory.changed(List::Tools);
    memory.remember(tools(), memory.epoch().in_session_since(start), PUBLIC);
    assert!(memory.list(&tools()).is_some());
}

#[test]
fn it_is_remembered_by_the_next_node() {
    let server = Server::new();
    let memory = server.memory();
    let start = memory.epoch();
    memory.learn_era(start, EraKind::Modern, false);
    memory.learn_profile(start, profile("1"));
    memory.remember(tools(), start, PUBLIC);
    memory.remember(key("prompts/list", "alice"), start, r#"{"ttlMs":60000,"cacheScope":"private"}"#);
    memory.save();

    let next = server.memory();
    assert_eq!(next.eras(), KnownEras { legacy: Some(true), modern: Some(false) });
    assert_eq!(next.profile(EraKind::Legacy), Some(profile("1")));
    assert!(next.list(&key("tools/list", "bob")).is_some(), "it is for everyone");
    assert_eq!(next.list(&key("prompts/list", "alice")), None, "private answers stay in memory");
    assert!(!fs::read_to_string(server.file()).unwrap().contains("private"));
}

#[test]
fn eras_are_written_at_once() {
    let server = Server::new();
    let memory = server.memory();
    memory.learn_profile(memory.epoch(), profile("1"));
    memory.learn_era(memory.epoch(), EraKind::Modern, true);
    assert_eq!(server.memory().eras(), KnownEras { legacy: Some(true), modern: Some(true) });
}

#[test]
fn lists_are_written_once_a_second_and_when_the_node_looks_again() {
    let server = Server::new();
    let memory = server.memory();
    memory.remember(tools(), memory.epoch(), PUBLIC);
    memory.remember(key("prompts/list", "alice"), memory.epoch(), PUBLIC);
    memory.refresh_at(later(2));
    let next = server.memory();
    assert!(next.list(&tools()).is_some() && next.list(&key("prompts/list", "alice")).is_some());
    next.changed(List::Tools);
    next.save();
    assert_eq!(server.memory().list(&tools()), None, "nor is it remembered that it was once known");
}

#[test]
fn the_file_is_for_its_owner_only_and_nothing_is_left_beside_it() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::new();
    let memory = server.memory();
    memory.learn_profile(memory.epoch(), profile("1"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&server.file()), 0o600);
    assert_eq!(mode(server.file().parent().unwrap()), 0o700);
    assert_eq!(fs::read_dir(server.file().parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn what_a_modern_server_calls_private_is_not_written() {
    for (scope, is_kept) in [("public", true), ("private", false)] {
        let server = Server::new();
        let memory = server.memory();
        memory.learn_profile(memory.epoch(), discovered(scope));
        let next = server.memory();
        assert_eq!(next.eras().modern, Some(true));
        assert_eq!(next.profile(EraKind::Modern), is_kept.then(|| discovered(scope)));
    }
}

#[test]
fn what_was_written_for_other_code_is_not_believed() {
    let server = Server::new();
    let memory = server.memory();
    memory.learn_profile(memory.epoch(), profile("1"));
    let mut other = server.view();
    other.env = vec![("MODE".into(), "b".into())];
    assert_eq!(Memory::new(&other, Some(&server.state_dir()), "it").eras(), KnownEras::default());
    server.write("tools.py", "x = 1");
    assert_eq!(server.memory().eras(), KnownEras::default());
}

#[test]
fn a_damaged_file_is_as_good_as_none_and_is_mended() {
    let server = Server::new();
    let memory = server.memory();
    memory.learn_profile(memory.epoch(), profile("1"));
    let whole = fs::read(server.file()).unwrap();
    let half = whole.get(..whole.len() / 2).unwrap();
    let other_format = String::from_utf8(whole.clone()).unwrap().replace(r#""format":1"#, r#""format":2"#);
    for damaged in [&b""[..], half, b"[]", b"\xff\xfe", other_format.as_bytes()] {
        fs::write(server.file(), damaged).unwrap();
        let memory = server.memory();
        assert_eq!(memory.eras(), KnownEras::default());
        memory.learn_profile(memory.epoch(), profile("2"));
        assert_eq!(server.memory().profile(EraKind::Legacy), Some(profile("2")));
    }
    fs::remove_file(server.file()).unwrap();
    fs::create_dir(server.file()).unwrap();
    let memory = server.memory();
    memory.learn_profile(memory.epoch(), profile("3"));
    assert_eq!(memory.profile(EraKind::Legacy), Some(profile("3")), "without a file it is remembered all the same");
}

#[test]
fn others_are_told_what_is_remembered_and_whether_it_still_holds() {
    let server = Server::new();
    let told = || remembered_eras(&server.state_dir(), "it", &server.view());
    assert_eq!(told(), None);
    let memory = server.memory();
    memory.learn_era(memory.epoch(), EraKind::Modern, false);
    memory.learn_profile(memory.epoch(), profile("3"));
    let eras = told().unwrap();
    assert_eq!(eras.legacy, Speaks::Yes { version: Some("2025-11-25".into()) });
    assert_eq!(eras.modern, Speaks::No);
    assert_eq!((eras.name.as_deref(), eras.version.as_deref()), (Some("it"), Some("3")));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!(eras.current && now - eras.found_at < 60);
    server.write("server.py", "print(3)");
    assert!(!told().unwrap().current);
    assert_eq!(
        serde_json::to_value(&eras).unwrap()["legacy"],
        json!({"speaks": "yes", "version": "2025-11-25"}),
        "as `check --json` prints it"
    );
}
