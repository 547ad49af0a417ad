//! One server of `.mcp.json`.

use std::path::Path;

use crate::expand::expand;
use crate::leaf;
use crate::path::KeyPath;
use crate::report::Report;
use crate::tree::{Entry, Tree, Value};
use crate::{Command, Kind, Remote, Surroundings, Values};

/// Keys that are read of every server.
const KEYS: [&str; 4] = ["disabled", "enabled", "transport", "type"];
/// Keys that are read of a server that is started here.
const STDIO_KEYS: [&str; 4] = ["args", "command", "cwd", "env"];
/// Keys that are read of a server elsewhere.
const HTTP_KEYS: [&str; 4] = ["headers", "httpUrl", "serverUrl", "url"];
/// What tools call the address.
const URLS: [&str; 3] = ["url", "httpUrl", "serverUrl"];
/// What tools call the transport.
const TYPES: [&str; 2] = ["type", "transport"];

/// How the server comes to be; `None` if it is disabled, or with the reason in `report`.
pub(super) fn read_entry(
    entry: &Entry,
    path: &KeyPath<'_>,
    surroundings: &Surroundings,
    report: &mut Report,
) -> Option<Kind> {
    let table = &entry.tree;
    if !matches!(table.value, Value::Table(_)) {
        report.error(&table.span, path, format!("expected an object, found {}", table.noun()));
        return None;
    }
    if says(table, "disabled", true) || says(table, "enabled", false) {
        return None;
    }
    let mut reader = Reader { entry, path, surroundings, report };
    let transport = reader.transport()?;
    reader.warn_of_unused(match transport {
        Transport::Stdio => &STDIO_KEYS,
        Transport::Http => &HTTP_KEYS,
    });
    match transport {
        Transport::Stdio => reader.command(),
        Transport::Http => reader.remote(),
    }
}

fn says(table: &Tree, key: &str, value: bool) -> bool {
    table.get(key).is_some_and(|tree| tree.value == Value::Bool(value))
}

enum Transport {
    Stdio,
    Http,
}

struct Reader<'r> {
    entry: &'r Entry,
    path: &'r KeyPath<'r>,
    surroundings: &'r Surroundings,
    report: &'r mut Report,
}

impl Reader<'_> {
    fn transport(&mut self) -> Option<Transport> {
        let said = TYPES.iter().find_map(|key| self.entry.tree.entry(key));
        let has = |keys: &[&str]| keys.iter().any(|key| self.entry.tree.get(key).is_some());
        match said.map(|said| (said, said.tree.text().unwrap_or_default())) {
            None if has(&URLS) && has(&["command"]) => {
                self.tell("both `command` and `url`; remove one, or say which with `type`")
            }
            None if has(&URLS) => Some(Transport::Http),
            None if has(&["command"]) => Some(Transport::Stdio),
            None => self.tell("nothing to start; expected `command` or `url`"),
            Some((_, "stdio")) => Some(Transport::Stdio),
            Some((_, "http" | "streamable-http" | "streamableHttp" | "streamable_http")) => Some(Transport::Http),
            Some((said, kind)) => {
                let message = match kind {
                    "sse" => {
                        "the HTTP+SSE transport of 2024-11-05 cannot be proxied; \
                         name the server's Streamable HTTP endpoint and write \"http\""
                    }
                    _ => "unknown type; it is one of \"stdio\", \"http\" and \"streamable-http\"",
                };
                self.report.error(&said.tree.span, &self.path.key(&said.key), message);
                None
            }
        }
    }

    fn warn_of_unused(&mut self, used: &[&str]) {
        for entry in self.entry.tree.entries() {
            let key = entry.key.as_str();
            if !KEYS.contains(&key) && !used.contains(&key) {
                let path = self.path.key(key);
                self.report.warning(&entry.key_span, &path, "not used by Sessile");
            }
        }
    }

    fn tell<T>(&mut self, message: &str) -> Option<T> {
        self.report.error(&self.entry.key_span, self.path, message);
        None
    }

    fn command(&mut self) -> Option<Kind> {
        let before = self.report.errors();
        let Some(program) = self.entry.tree.get("command") else {
            return self.tell("nothing to start; `type` is \"stdio\" and there is no `command`");
        };
        let mut command = vec![self.text(program, &self.path.key("command"), "path")];
        if let Some(args) = self.entry.tree.get("args") {
            command.extend(self.list(args, &self.path.key("args")));
        }
        let env = self.pairs("env", "variable", "argument");
        let cwd = self.entry.tree.get("cwd").map(|tree| {
            let path = self.path.key("cwd");
            let text = self.text(tree, &path, "path");
            let resolved = self.surroundings.resolve(Path::new(&text));
            resolved.map_err(|message| self.report.error(&tree.span, &path, message))
        });
        (self.report.errors() == before).then(|| Kind::Command(Command { command, env, cwd: cwd.and_then(Result::ok) }))
    }

    fn remote(&mut self) -> Option<Kind> {
        let before = self.report.errors();
        let Some(url) = URLS.iter().find_map(|key| self.entry.tree.entry(key)) else {
            return self.tell("nowhere to go; `type` is \"http\" and there is no `url`");
        };
        let address = self.text(&url.tree, &self.path.key(&url.key), "url");
        let headers = self.pairs("headers", "header", "header value");
        let url = address.parse().ok()?;
        (self.report.errors() == before).then_some(Kind::Url(Remote { url, headers }))
    }

    /// The text with its variables put in, if it then has `form`; else empty, with the reason told.
    fn text(&mut self, tree: &Tree, path: &KeyPath<'_>, form: &str) -> String {
        let Some(text) = plain(tree) else {
            self.report.error(&tree.span, path, format!("expected a string, found {}", tree.noun()));
            return String::new();
        };
        let checked = expand(&text, self.surroundings)
            .and_then(|text| leaf::check(form, &text).map(|()| text).map_err(|message| vec![message]));
        checked.unwrap_or_else(|messages| {
            messages.into_iter().for_each(|message| self.report.error(&tree.span, path, message));
            String::new()
        })
    }

    fn list(&mut self, tree: &Tree, path: &KeyPath<'_>) -> Vec<String> {
        let Value::Array(elements) = &tree.value else {
            let message = format!("expected an array of strings, found {}", tree.noun());
            self.report.error(&tree.span, path, message);
            return Vec::new();
        };
        let elements = elements.iter().enumerate();
        elements.map(|(i, element)| self.text(element, &path.element(i), "argument")).collect()
    }

    fn pairs(&mut self, key: &str, name_form: &str, value_form: &str) -> Values {
        let path = self.path.key(key);
        let Some(tree) = self.entry.tree.get(key) else {
            return Values::default();
        };
        if !matches!(tree.value, Value::Table(_)) {
            let message = format!("expected an object of strings, found {}", tree.noun());
            self.report.error(&tree.span, &path, message);
        }
        let mut pairs = Vec::new();
        for pair in tree.entries() {
            let here = path.key(&pair.key);
            if let Err(message) = leaf::check(name_form, &pair.key) {
                self.report.error(&pair.key_span, &here, message);
            }
            pairs.push((pair.key.clone(), self.text(&pair.tree, &here, value_form)));
        }
        pairs.into_iter().collect()
    }
}

/// Text, or a number or boolean as other tools turn them into text.
fn plain(tree: &Tree) -> Option<String> {
    match &tree.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Float(float) => Some(float.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}
