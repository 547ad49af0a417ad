use std::fs;
use std::path::{Path, PathBuf};

use super::{Default, default, of_all};

struct Venv(tempfile::TempDir);

impl Venv {
    fn new() -> Self {
        let venv = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(venv.site()).unwrap();
        fs::create_dir_all(venv.0.path().join("bin")).unwrap();
        venv
    }

    fn site(&self) -> PathBuf {
        self.0.path().join("lib/python3.12/site-packages")
    }

    /// A distribution with scripts, each with its text.
    fn with(self, name: &str, scripts: &[(&str, &str)]) -> Self {
        let info = self.site().join(format!("{name}-1.0.dist-info"));
        fs::create_dir_all(&info).unwrap();
        let mut record = format!("{name}/__init__.py,sha256=x,0\n");
        for (script, text) in scripts {
            record.push_str(&format!("../../../bin/{script},sha256=x,10\n"));
            fs::write(self.0.path().join("bin").join(script), text).unwrap();
        }
        fs::write(info.join("RECORD"), record).unwrap();
        self
    }

    fn default(&self, name: &str) -> Default {
        default(self.0.path(), name).unwrap()
    }
}

#[test]
fn scripts_run_by_the_environments_python_and_binaries_by_themselves() {
    let long = "#!/bin/sh\n'''exec' /very/long/python \"$0\" \"$@\"\n' '''\n";
    let venv = Venv::new()
        .with("one", &[("plain", "#!/s/venv/bin/python3\n"), ("long", long)])
        .with("two", &[("binary", "\u{7f}ELF"), ("shell", "#!/bin/sh\necho\n")]);
    let programs = of_all(venv.0.path(), Path::new("/s/venv")).unwrap();
    let lines: Vec<_> = programs.values().map(|command| command.join(" ")).collect();
    assert_eq!(
        lines,
        [
            "/s/venv/bin/binary",
            "/s/venv/bin/python /s/venv/bin/long",
            "/s/venv/bin/python /s/venv/bin/plain",
            "/s/venv/bin/shell"
        ]
    );
}

#[test]
fn the_program_of_a_distribution_is_the_one_of_its_name_or_its_only_one() {
    let venv = Venv::new()
        .with("my_tool", &[("my-tool", ""), ("helper", "")])
        .with("single", &[("program", "")])
        .with("several", &[("a", ""), ("b", "")]);
    assert_eq!(venv.default("My.Tool"), Default::Script("my-tool".into()));
    assert_eq!(venv.default("single"), Default::Script("program".into()));
    assert_eq!(venv.default("several"), Default::None);
    assert_eq!(venv.default("absent"), Default::None);
}

#[test]
fn a_distribution_without_scripts_runs_as_a_module() {
    let venv = Venv::new().with("my_server", &[]).with("library", &[]);
    fs::create_dir_all(venv.site().join("my_server")).unwrap();
    fs::write(venv.site().join("my_server/__main__.py"), "").unwrap();
    assert_eq!(venv.default("my-server"), Default::Module("my_server".into()));
    assert_eq!(venv.default("library"), Default::None);
}
