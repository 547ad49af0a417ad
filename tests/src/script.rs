//! Servers written for one test, in the shell that every machine has.
//!
//! What such a server says goes out to the byte as the test wrote it.

use crate::home::Home;
use std::fmt::Write;

/// An MCP server of a few lines: it answers `initialize`, and else what it is told to.
#[derive(Clone, Debug, Default)]
pub struct Script {
    before: String,
    cases: String,
}

impl Script {
    /// One that answers nothing but `initialize`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Commands to run before the first message is read.
    #[must_use]
    pub fn first(mut self, commands: &str) -> Self {
        let _ = writeln!(self.before, "{commands}");
        self
    }

    /// Commands to run for each line that holds `text`. The line is `$line`, its id, as JSON, `$id`; `say TEXT`
    /// sends a line.
    #[must_use]
    pub fn on(mut self, text: &str, commands: &str) -> Self {
        let _ = writeln!(self.cases, "    *'{text}'*)\n{commands}\n    ;;");
        self
    }

    /// Says `message` in answer to each line that holds `text`. `ID` in it becomes the id of that line.
    #[must_use]
    pub fn answer(self, text: &str, message: &str) -> Self {
        assert!(!message.contains('\''), "the message stands in single quotes: {message}");
        let message = message.replace("ID", "'\"$id\"'");
        self.on(text, &format!("say '{message}'"))
    }

    /// Writes it to `home` and returns its command line.
    pub fn command(&self, home: &Home, name: &str) -> Vec<String> {
        let Self { before, cases } = self;
        let text = format!(
            r#"say() {{ printf '%s\n' "$1"; }}
{before}
while IFS= read -r line; do
  id=${{line#*\"id\":}}; id=${{id%%[,\}}]*}}
  case $line in
{cases}    *'"method":"initialize"'*)
      version=${{line#*\"protocolVersion\":\"}}; version=${{version%%\"*}}
      say '{{"jsonrpc":"2.0","id":'"$id"',"result":{{"protocolVersion":"'"$version"'","capabilities":{{}},"serverInfo":{{"name":"script","version":"1"}}}}}}'
    ;;
  esac
done
"#
        );
        vec!["sh".into(), home.file(&format!("bin/{name}.sh"), &text)]
    }
}
