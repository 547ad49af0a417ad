//! One `[servers.NAME]` table.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::fitting::{KINDS, own_kind, tell_idle_keys};
use crate::keys::ServerKeys;
use crate::path::KeyPath;
use crate::report::Report;
use crate::scope::SHARED;
use crate::span;
use crate::tree::{Tree, Value};
use crate::workspace::Word;
use crate::{
    Command, Endpoint, EndpointPath, Files, ImageRef, Isolation, Kind, Limits, PackageProgram, Remote, Scope, Server,
    ServerName, Surroundings, Workspace,
};

/// Where a server stands in the file.
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) span: &'a Range<usize>,
    /// Whether all its keys are right, so that what is missing was never written.
    pub(super) is_whole: bool,
}

impl Place<'_> {
    /// Calls `act` with the path to the server.
    pub(super) fn with_path<T>(&self, act: impl FnOnce(&KeyPath<'_>) -> T) -> T {
        let top = KeyPath::Top;
        let servers = top.key("servers");
        act(&servers.key(self.name))
    }

    /// Tells `message` of the key at `keys` below the server.
    fn error(&self, span: &Range<usize>, keys: &[&str], report: &mut Report, message: &str) {
        self.with_path(|path| match keys {
            [] => report.error(span, path, message),
            [key] => report.error(span, &path.key(key), message),
            [table, key, ..] => report.error(span, &path.key(table).key(key), message),
        });
    }
}

/// Reads the checked table `own` over `defaults`; `None` only with the reason in `report`.
pub(super) fn read_server(
    place: &Place<'_>,
    own: &Tree,
    defaults: &Tree,
    surroundings: &Surroundings,
    report: &mut Report,
) -> Option<Server> {
    let before = report.errors();
    let own_kind = own_kind(place, own, report);
    let merged = own.clone().over(&inheritable(defaults, own_kind.is_some()));
    let said = own_kind.or_else(|| KINDS.into_iter().find(|kind| merged.get(kind).is_some()));
    if let Some(kind) = said {
        tell_idle_keys(place, own, kind, report);
    }
    let keys = match serde_json::from_value::<ServerKeys>(merged.to_json()) {
        Ok(keys) => keys,
        // The check leaves nothing that this could find, unless schema and types disagree.
        Err(error) => {
            place.error(place.span, &[], report, &error.to_string());
            return None;
        }
    };
    let mut reader = Reader { place, own, merged: &merged, surroundings, report };
    let files = reader.files(&keys);
    let mut limits = reader.limits(keys.limits.clone());
    let egress = keys.egress.allow.clone();
    let endpoint = reader.endpoint(&keys);
    if endpoint.is_some() && keys.isolation == Isolation::None && keys.url.is_none() {
        reader.one_session_on_the_host(&mut limits);
    }
    let image = reader.image(keys.image.as_deref(), keys.isolation);
    let ServerKeys { isolation, strict, scope, handles, era, serialize, tasks, pool, .. } = keys;
    let kind = reader.kind(keys)?;
    if scope == Scope::Shared && !matches!(kind, Kind::Url(_)) {
        reader.warn_of_sharing();
    }
    let name = place.name.parse::<ServerName>().ok()?;
    let server = Server {
        name,
        endpoint: endpoint.filter(|_| !matches!(kind, Kind::Url(_))),
        kind,
        isolation,
        image,
        strict,
        scope,
        handles,
        era,
        serialize,
        tasks,
        pool,
        limits,
        files,
        egress,
    };
    if server.files.workspace == Workspace::Principal && !matches!(server.kind, Kind::Url(_)) {
        reader.check_principal_workspace(&server);
    }
    if server.isolation == Isolation::Microvm && !matches!(server.kind, Kind::Url(_)) {
        reader.check_machine_files(&server);
    }
    (report.errors() == before).then_some(server)
}

/// What a server takes over from `[defaults]`: not how it comes to be, if it says that itself.
fn inheritable(defaults: &Tree, has_kind: bool) -> Tree {
    let entries = defaults.entries().iter();
    let taken = entries.filter(|entry| !(has_kind && KINDS.contains(&entry.key.as_str())));
    Tree { span: defaults.span.clone(), value: Value::Table(taken.cloned().collect()) }
}

/// Why a microVM writes no directory of the host, and what to write instead.
const IN_MACHINES: &str =
    "no directory of the host can be written from a microVM; remove it, or write `isolation = \"process\"`";

/// The port of a sandbox's loopback at which programs find the way out, where there is one.
pub(crate) const GATE_PORT: u16 = 3128;

struct Reader<'r> {
    place: &'r Place<'r>,
    own: &'r Tree,
    merged: &'r Tree,
    surroundings: &'r Surroundings,
    report: &'r mut Report,
}

impl Reader<'_> {
    fn kind(&mut self, keys: ServerKeys) -> Option<Kind> {
        if let Some(command) = keys.command {
            if command.first().is_none_or(String::is_empty) {
                let span = self.span(&["command"]);
                self.place.error(&span, &["command"], self.report, "the program's name is empty");
                return None;
            }
            let cwd = keys.cwd.map(|cwd| self.path(&["cwd"], &cwd));
            return Some(Kind::Command(Command { command, env: keys.env.into_iter().collect(), cwd }));
        }
        if let Some(package) = keys.package {
            let package = package.parse().ok()?;
            let env = keys.env.into_iter().collect();
            return Some(Kind::Package(PackageProgram { package, args: keys.args, env }));
        }
        if let Some(url) = keys.url {
            let headers = keys.headers.into_iter().collect();
            return Some(Kind::Url(Remote { url: url.parse().ok()?, headers }));
        }
        // Else the kind may be what was misspelt.
        if self.place.is_whole {
            let message = "nothing to start; write `command`, `package` or `url`";
            self.place.error(self.place.span, &[], self.report, message);
        }
        None
    }

    /// Where the server listens, if it speaks HTTP.
    fn endpoint(&mut self, keys: &ServerKeys) -> Option<Endpoint> {
        let path = keys.path.as_deref().and_then(|path| path.parse::<EndpointPath>().ok());
        let Some(port) = keys.port else {
            if self.own.get("path").is_some() && keys.url.is_none() {
                let span = self.span(&["path"]);
                let message =
                    "goes with `port`: a server without one speaks over stdio; write `port = 8000`, or remove it";
                self.place.error(&span, &["path"], self.report, message);
            }
            return None;
        };
        if port.get() == GATE_PORT && !keys.egress.allow.is_empty() && keys.url.is_none() {
            let span = self.span(&["port"]);
            let message = format!(
                "{GATE_PORT} is where servers with `egress.allow` find their way out; let the server listen on another port"
            );
            self.place.error(&span, &["port"], self.report, &message);
        }
        Some(Endpoint { port, path: path.unwrap_or_default() })
    }

    /// Without isolation the port is one of the host: a second session would talk to the first one's server.
    fn one_session_on_the_host(&mut self, limits: &mut Limits) {
        let own = self.own.get("limits").and_then(|limits| limits.get("sessions"));
        if let Some(written) = own.filter(|_| limits.sessions > 1) {
            let message = "with `port` and isolation \"none\" there is one port on the host, for one session; write 1, or remove it";
            self.place.error(&written.span, &["limits", "sessions"], self.report, message);
        }
        limits.sessions = 1;
        limits.sessions_per_principal = 1;
    }

    /// The image, in a microVM. Elsewhere an inherited one is passed over and an own one is a mistake.
    fn image(&mut self, text: Option<&str>, isolation: Isolation) -> Option<ImageRef> {
        let image = ImageRef::parse_relative(text?).ok()?;
        if isolation == Isolation::Microvm {
            return image.resolved(|path| Ok::<_, ()>(self.path(&["image"], path))).ok();
        }
        if let Some(own) = self.own.entry("image").filter(|_| self.own.get("url").is_none()) {
            let message = "only microVMs are started from an image; add `isolation = \"microvm\"`, or remove it";
            self.place.error(&own.key_span, &["image"], self.report, message);
        }
        None
    }

    fn files(&mut self, keys: &ServerKeys) -> Files {
        let read_only = self.paths(["files", "read_only"], &keys.files.read_only);
        let read_write = self.paths(["files", "read_write"], &keys.files.read_write);
        let workspace = match &keys.files.workspace {
            None => Workspace::Private,
            Some(path) => self.workspace(path),
        };
        Files { read_only, read_write, workspace }
    }

    fn workspace(&mut self, path: &Path) -> Workspace {
        const KEYS: [&str; 2] = ["files", "workspace"];
        match path.to_str().map(Workspace::of_word) {
            Some(Word::Is(workspace)) => return workspace,
            Some(Word::IsLike(word)) => {
                let message = format!("did you mean \"{word}\"? For a directory of that name, write `./` before it");
                let span = self.span(&KEYS);
                self.place.error(&span, &KEYS, self.report, &message);
                return Workspace::Private;
            }
            Some(Word::No) | None => {}
        }
        let path = self.path(&KEYS, path);
        if let Err(message) = self.surroundings.shows(&path, true) {
            let span = self.span(&KEYS);
            self.place.error(&span, &KEYS, self.report, message);
        }
        Workspace::Host(path)
    }

    /// Tells what does not go together with a workspace for each principal.
    fn check_principal_workspace(&mut self, server: &Server) {
        let against = [
            (
                server.scope == Scope::Shared,
                &["scope"] as &[&str],
                "everybody shares one session, which is no one principal's; write another scope, or another `files.workspace` than \
                 \"principal\"",
            ),
            (
                server.pool.warm > 0,
                &["pool", "warm"],
                "a warm sandbox belongs to nobody yet, so that it cannot have a principal's workspace; write 0, or another \
                 `files.workspace` than \"principal\"",
            ),
            (
                server.handles,
                &["handles"],
                "a session of a handle and the one of its client's own would wait for each other's workspace; write false, or another \
                 `files.workspace` than \"principal\"",
            ),
            (
                server.isolation == Isolation::None,
                &["isolation"],
                "a plain process has no workspace; write \"process\", or remove `files.workspace`",
            ),
            (
                server.isolation == Isolation::Microvm,
                &["isolation"],
                "a microVM sees no directory of the host; write \"process\", or remove `files.workspace`",
            ),
        ];
        for (_, keys, message) in against.into_iter().filter(|(is, ..)| *is) {
            let span = self.span(keys);
            self.place.error(&span, keys, self.report, message);
        }
    }

    /// Tells which directories of the host a microVM cannot have.
    fn check_machine_files(&mut self, server: &Server) {
        let files = &server.files;
        for index in 0..files.read_write.len() {
            self.element_error(["files", "read_write"], index, IN_MACHINES);
        }
        for index in 0..server.image.iter().len() * files.read_only.len() {
            let message = "a server with an image sees the image alone; put it in the image, or remove it";
            self.element_error(["files", "read_only"], index, message);
        }
        if let Workspace::Host(_) = files.workspace {
            const KEYS: [&str; 2] = ["files", "workspace"];
            let span = self.span(&KEYS);
            self.place.error(&span, &KEYS, self.report, IN_MACHINES);
        }
    }

    fn limits(&mut self, mut limits: Limits) -> Limits {
        if limits.sessions_per_principal > limits.sessions {
            self.contradiction("sessions_per_principal", "sessions", &limits.sessions.to_string());
            limits.sessions_per_principal = limits.sessions;
        }
        if limits.park_timeout > limits.max_lifetime {
            self.contradiction("park_timeout", "max_lifetime", &span::show(limits.max_lifetime));
            limits.park_timeout = limits.max_lifetime;
        }
        limits
    }

    /// Tells that the limit `key` is more than `bound` allows, to who wrote both; else the default or
    /// inherited one gives way.
    fn contradiction(&mut self, key: &str, bound: &str, most: &str) {
        let own = self.own.get("limits");
        let own = |key| own.and_then(|limits| limits.get(key));
        if let (Some(_), Some(more)) = (own(bound), own(key)) {
            let message = format!("more than `{bound}`, which is {most}");
            self.place.error(&more.span, &["limits", key], self.report, &message);
        }
    }

    fn warn_of_sharing(&mut self) {
        let span = self.span(&["scope"]);
        self.place.with_path(|path| self.report.warning(&span, &path.key("scope"), SHARED));
    }

    /// The absolute path; itself, with the reason told, where that cannot be had.
    fn path(&mut self, keys: &[&str], path: &Path) -> PathBuf {
        self.surroundings.resolve(path).unwrap_or_else(|message| {
            let span = self.span(keys);
            self.place.error(&span, keys, self.report, &message);
            path.to_owned()
        })
    }

    /// The absolute paths of the array at `keys`.
    fn paths(&mut self, keys: [&str; 2], paths: &[PathBuf]) -> Vec<PathBuf> {
        let mut resolved = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            match self.surroundings.resolve(path) {
                Ok(path) => {
                    if let Err(message) = self.surroundings.shows(&path, false) {
                        self.element_error(keys, index, message);
                    }
                    resolved.push(path);
                }
                Err(message) => self.element_error(keys, index, &message),
            }
        }
        resolved
    }

    /// Tells `message` of element `index` of the array at `keys`.
    fn element_error(&mut self, keys: [&str; 2], index: usize, message: &str) {
        let element = match self.at(&keys).map(|tree| &tree.value) {
            Some(Value::Array(elements)) => elements.get(index),
            _ => None,
        };
        let span = element.map_or_else(|| self.place.span.clone(), |element| element.span.clone());
        let [table, key] = keys;
        self.place.with_path(|path| {
            self.report.error(&span, &path.key(table).key(key).element(index), message);
        });
    }

    fn at(&self, keys: &[&str]) -> Option<&Tree> {
        keys.iter().try_fold(self.merged, |tree, key| tree.get(key))
    }

    fn span(&self, keys: &[&str]) -> Range<usize> {
        self.at(keys).map_or_else(|| self.place.span.clone(), |tree| tree.span.clone())
    }
}
