//! A running `sessile`.

use crate::admin::Admin;
use crate::binaries;
use crate::home::Home;
use crate::http::Endpoint;
use crate::leaks::Footprint;
use crate::script::Script;
use crate::wait::{self, PATIENCE};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener as TcpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// How long everything of a session may take to go (invariant 3 of the design).
pub const GONE_WITHIN: Duration = Duration::from_secs(2);

/// How long a node may take to get ready. Some find out first what carries machines, while others do.
const READY: Duration = Duration::from_secs(60);

/// What a node writes down while it runs, on purpose: what it knows of its servers, its ledger, what it keeps for principals, images of
/// microVMs, and sessions that sleep.
const KEPT: [&str; 6] = [
    "state/servers/",
    "state/ledger.",
    "state/workspaces/",
    "state/run/",
    "state/microvm/images/",
    // Sessions in machines, which a node that is stopped writes down.
    "state/hibernated/",
];

/// A running node. Dropping it stops it, and fails the test if anything of it is left.
#[derive(Debug)]
pub struct Node {
    child: Child,
    /// What it was started as.
    start: Start,
    home: Home,
    endpoints: Vec<Endpoint>,
    admin: Admin,
    stderr: Arc<Mutex<String>>,
    files_at_start: Vec<String>,
    ended: bool,
}

/// A node that has not been started.
#[derive(Clone, Debug)]
pub struct Start {
    home: Home,
    arguments: Vec<String>,
    user: Option<u32>,
    environment: Vec<(String, String)>,
    /// A socket that it is given, as a service manager does.
    socket: Option<Arc<TcpSocket>>,
}

impl Start {
    /// `sessile run` of a command.
    pub fn run(home: Home, command: &[String]) -> Self {
        let mut arguments = Self::common(&home, "run");
        arguments.push("--".into());
        arguments.extend_from_slice(command);
        Self { home, arguments, user: None, environment: Vec::new(), socket: None }
    }

    /// `sessile serve` of a manifest, TOML or JSON by the name of its file.
    pub fn serve(home: Home, name: &str, manifest: &str) -> Self {
        let file = home.file(name, manifest);
        let mut arguments = Self::common(&home, "serve");
        arguments.extend(["-c".into(), file]);
        Self { home, arguments, user: None, environment: Vec::new(), socket: None }
    }

    fn common(home: &Home, command: &str) -> Vec<String> {
        let state = home.state().display().to_string();
        let words = [command, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--state-dir", &state];
        words.map(str::to_owned).into()
    }

    /// Adds an option of the command line.
    #[must_use]
    pub fn option(mut self, words: &[&str]) -> Self {
        // Options come after the subcommand and before `--`.
        self.arguments.splice(1..1, words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Runs it as another user and group than this test.
    #[must_use]
    pub fn as_user(mut self, id: u32) -> Self {
        self.user = Some(id);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives it a socket that listens already, as a service manager does (`sd_listen_fds(3)`): connections wait while no node runs.
    #[must_use]
    pub fn given(mut self, socket: &Arc<TcpSocket>) -> Self {
        self.socket = Some(Arc::clone(socket));
        self
    }

    /// The program to start, which takes the place of a shell where it needs a descriptor of a certain number.
    fn command(&self) -> Command {
        let Some(socket) = &self.socket else {
            let mut command = Command::new(binaries::sessile());
            command.stdin(Stdio::null());
            return command;
        };
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg("exec \"$0\" \"$@\" 3<&0 </dev/null").arg(binaries::sessile());
        let socket = socket.try_clone().expect("a socket can be duplicated");
        command.stdin(OwnedFd::from(socket)).env("LISTEN_FDS", "1");
        command
    }

    /// Starts it, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not get ready, with what it said.
    pub fn start(self) -> Node {
        let mut command = self.command();
        command.args(&self.arguments).current_dir(self.home.path());
        command.env("RUST_BACKTRACE", "0").env_remove("SESSILE_LOG").envs(self.environment.clone());
        if let Some(user) = self.user {
            self.home.give_to(user);
            command.uid(user).gid(user);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("sessile does not start: {error}"));
        let stdout = lines_of(child.stdout.take().expect("stdout is a pipe"));
        let (stderr, reader) = text_of(child.stderr.take().expect("stderr is a pipe"));
        let mut endpoints = Vec::new();
        let began = Instant::now();
        let admin = loop {
            match stdout.recv_timeout(READY.saturating_sub(began.elapsed())) {
                Ok(line) => match line.split_once(' ') {
                    Some(("ready", url)) => endpoints.push(url.parse().expect("ready comes with a URL")),
                    Some(("admin", url)) => break url.parse().expect("admin comes with a URL"),
                    _ => panic!("sessile said {line:?} on stdout"),
                },
                Err(_) => {
                    let status = kill_and_wait(&mut child);
                    // The pipe has ended with the process; all that was said is there.
                    reader.join().expect("reading does not panic");
                    let said = stderr.lock().expect("nobody panicked").clone();
                    panic!("sessile {:?} did not get ready ({status}):\n{said}", self.arguments);
                }
            }
        };
        let files_at_start = self.home.listing();
        let home = self.home.clone();
        Node { child, start: self, home, endpoints, admin: Admin::new(admin), stderr, files_at_start, ended: false }
    }
}

impl Node {
    /// A node that runs a fixture: `everything` is `fixture-everything`.
    pub fn of(fixture: &str, arguments: &[&str]) -> Self {
        let home = Home::new();
        let command = words(&home.fixture(fixture), arguments);
        Start::run(home, &command).start()
    }

    /// A node that serves a fixture as `it`, with limits as the manifest has them, one a line.
    pub fn limited(fixture: &str, arguments: &[&str], limits: &str) -> Self {
        let home = Home::new();
        let command = words(&home.fixture(fixture), arguments);
        let manifest = manifest("", &[("it", &command, limits)]);
        Start::serve(home, "sessile.toml", &manifest).start()
    }

    /// A node that serves a fixture as `it`, with keys of its table as the manifest has them, one a line.
    pub fn configured(fixture: &str, arguments: &[&str], keys: &str) -> Self {
        let home = Home::new();
        let command = words(&home.fixture(fixture), arguments);
        Start::serve(home, "sessile.toml", &table("it", &command, keys)).start()
    }

    /// A node that serves a script as `it`, with limits as the manifest has them, one a line.
    pub fn scripted(script: &Script, limits: &str) -> Self {
        let home = Home::new();
        let command = script.command(&home, "it");
        let manifest = manifest("", &[("it", &command, limits)]);
        Start::serve(home, "sessile.toml", &manifest).start()
    }

    /// The endpoint of its only, or its first, server.
    pub fn endpoint(&self) -> &Endpoint {
        self.endpoints.first().expect("a node has a server")
    }

    /// All endpoints it printed.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The endpoint of a server by its name.
    pub fn server(&self, name: &str) -> Endpoint {
        self.endpoint().at(&format!("/{name}/mcp"))
    }

    /// Its admin API.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The directory it lives in.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on stderr so far.
    pub fn log(&self) -> String {
        self.stderr.lock().expect("nobody panicked").clone()
    }

    /// By what it can be recognised later.
    pub fn footprint(&self) -> Footprint {
        let directory = self.home.path().file_name().expect("a home has a name").to_string_lossy();
        Footprint::of(self.pid(), &directory)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap_or_else(|error| panic!("cannot signal sessile: {error}"));
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it goes on.
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let status = wait::blocking(within, || self.child.try_wait().expect("sessile is our child"));
        let status = status.unwrap_or_else(|| panic!("sessile still runs after {within:?}:\n{}", self.log()));
        self.ended = true;
        status
    }

    /// Has its public listener closed and opened again, and waits until that is done.
    ///
    /// # Panics
    /// When connections that were open are not closed.
    pub async fn reopen_listener(&self) {
        let reopened = || self.log().matches("listening anew").count();
        let before = reopened();
        let mut idle = TcpStream::connect(self.endpoint().address).await.expect("the node listens");
        self.signal(Signal::HUP);
        let read = wait::patiently("the end of an idle connection", idle.read(&mut [0; 1])).await;
        assert_eq!(read.ok().unwrap_or_default(), 0, "nobody says anything on an idle connection");
        wait::until("the listener is open again", PATIENCE, async || (reopened() > before).then_some(())).await;
    }

    /// Ends it with a signal, and starts it again in the same home.
    ///
    /// # Panics
    /// When it does not end, or does not get ready.
    pub fn restart(self, signal: Signal) -> Self {
        self.restart_after(signal, Duration::ZERO)
    }

    /// The same, with a while between the end and the start.
    ///
    /// # Panics
    /// When it does not end, or does not get ready.
    pub fn restart_after(mut self, signal: Signal, pause: Duration) -> Self {
        self.signal(signal);
        self.wait(PATIENCE);
        std::thread::sleep(pause);
        let start = self.start.clone();
        drop(self);
        start.start()
    }

    /// Stops it as an operator would, and sees that it ends well and leaves nothing.
    ///
    /// # Panics
    /// When it does not.
    pub fn stop(mut self) {
        let footprint = self.footprint();
        self.signal(Signal::TERM);
        let status = self.wait(PATIENCE);
        assert!(status.success(), "sessile ended with {status}:\n{}", self.log());
        if let Err(left) = footprint.is_gone(GONE_WITHIN) {
            panic!("{left}\nthe log of the node:\n{}", self.log());
        }
    }

    fn stop_however_it_goes(&mut self) -> Result<(), String> {
        let footprint = self.footprint();
        for patience in [Duration::from_millis(500), Duration::from_secs(10)] {
            // The first signal lets calls finish; the second does not.
            self.signal(Signal::TERM);
            if wait::blocking(patience, || self.child.try_wait().ok().flatten()).is_some() {
                self.ended = true;
                return footprint.is_gone(GONE_WITHIN);
            }
        }
        kill_and_wait(&mut self.child);
        Err("sessile did not stop when it was told to twice".into())
    }

    fn new_files(&self) -> Vec<String> {
        let now = self.home.listing();
        let is_new = |file: &String| file.starts_with("state/") && !self.files_at_start.contains(file);
        now.into_iter().filter(|file| is_new(file) && !is_kept(file)).collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let stopped = if self.ended { Ok(()) } else { self.stop_however_it_goes() };
        let log = self.log();
        if std::thread::panicking() {
            // Cargo shows it beside the failure.
            println!("the log of the node:\n{log}");
            return;
        }
        if let Err(problem) = stopped {
            panic!("{problem}\nthe log of the node:\n{log}");
        }
        assert!(!log.contains("panicked at"), "sessile panicked:\n{log}");
        let new = self.new_files();
        assert!(new.is_empty(), "files left behind: {new:?}");
    }
}

/// Whether a file of a [`Home`] is one that a node writes down on purpose.
pub fn is_kept(file: &str) -> bool {
    KEPT.iter().any(|kept| file.starts_with(kept))
}

/// A manifest: keys of `[node]`, one a line, and servers with their commands and limits.
pub fn manifest(node: &str, servers: &[(&str, &[String], &str)]) -> String {
    let mut text = format!("[node]\n{node}\n");
    for (name, command, limits) in servers {
        // A JSON array of strings is a TOML array of strings.
        let command = serde_json::to_string(command).expect("strings are JSON");
        let _ = write!(text, "\n[servers.{name}]\ncommand = {command}\n\n[servers.{name}.limits]\n{limits}\n");
    }
    text
}

/// The table of one server in a manifest, with further keys, one a line.
pub fn table(name: &str, command: &[String], keys: &str) -> String {
    let command = serde_json::to_string(command).expect("strings are JSON");
    format!("[servers.{name}]\ncommand = {command}\n{keys}\n\n")
}

/// A command line.
pub fn words(program: &str, arguments: &[&str]) -> Vec<String> {
    std::iter::once(program).chain(arguments.iter().copied()).map(str::to_owned).collect()
}

fn kill_and_wait(child: &mut Child) -> String {
    // Fails where it has ended already.
    let _ = child.kill();
    child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
}

fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Read to the end, also when nobody wants it any more.
            let _ = sender.send(line);
        }
    });
    receiver
}

fn text_of(pipe: impl Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text = Arc::<Mutex<String>>::default();
    let ours = Arc::clone(&text);
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let mut text = ours.lock().expect("nobody panicked");
            text.push_str(&String::from_utf8_lossy(&line));
            text.push('\n');
        }
    });
    (text, reader)
}
