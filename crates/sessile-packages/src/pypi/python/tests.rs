use sessile_sandbox::view::HostEnv;

use super::{candidates, version_of_venv};

fn tried(wanted: Option<&str>) -> Vec<String> {
    let host: HostEnv = [("PYENV_VERSION", "3.9.1")].into_iter().collect();
    let one =
        |(program, host): (String, HostEnv)| format!("{program} {}", host.get("PYENV_VERSION").unwrap_or_default());
    candidates(&host, wanted).into_iter().map(one).collect()
}

#[test]
fn a_version_is_a_program_of_that_version_also_with_pyenv() {
    assert_eq!(tried(None), ["python3 3.9.1"]);
    assert_eq!(tried(Some("3.12")), ["python3.12 3.12", "python3.12 3.9.1"]);
    assert_eq!(tried(Some("python3.12.4")), ["python3.12 3.12.4", "python3.12 3.9.1"]);
    assert_eq!(tried(Some("/opt/py/bin/python")), ["/opt/py/bin/python 3.9.1"]);
    assert_eq!(tried(Some("pypy3")), ["pypy3 3.9.1"]);
}

#[test]
fn an_environment_names_its_version() {
    let venv = tempfile::tempdir().unwrap();
    assert_eq!(version_of_venv(venv.path()), None);
    std::fs::write(venv.path().join("pyvenv.cfg"), "home = /usr/bin\nversion = 3.12.4\n").unwrap();
    assert_eq!(version_of_venv(venv.path()).as_deref(), Some("3.12.4"));
}
