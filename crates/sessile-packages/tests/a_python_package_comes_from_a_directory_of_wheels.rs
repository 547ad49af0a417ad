//! A host without an index: wheels in a directory that `PIP_FIND_LINKS` names, which the sandbox must see.

mod workbench;

use std::fs;
use std::path::Path;
use std::process::Command;

use workbench::Workbench;

/// Writes a wheel with one program: what a build would do, without a build.
const MAKE_WHEEL: &str = "\
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + '/probe_tool-1.5-py3-none-any.whl', 'w') as wheel:
    info = 'probe_tool-1.5.dist-info/'
    wheel.writestr('probe_tool.py', 'def main():\\n    import sys; input(); print(sys.argv[1:], sys.prefix)\\n')
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: probe-tool\\nVersion: 1.5\\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(info + 'entry_points.txt', '[console_scripts]\\nprobe-run = probe_tool:main\\n')
    wheel.writestr(info + 'RECORD', '')
";

fn python(args: &[&str], path: &Path) {
    let made = Command::new("python3").args(args).arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "python3 {args:?}");
}

fn with_wheels(wheels: &Path) -> Workbench {
    python(&["-c", MAKE_WHEEL], wheels);
    Workbench::new(&[("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", &wheels.to_string_lossy())])
}

#[tokio::test(flavor = "multi_thread")]
async fn pipx_and_uvx_share_it() {
    let wheels = tempfile::tempdir().unwrap();
    let bench = with_wheels(wheels.path());
    // The package's only program, although it has another name.
    let installed = bench.ensure("pipx run probe-tool a b").await.unwrap();
    assert_eq!((installed.name.as_str(), installed.version.as_str()), ("probe-tool", "1.5"));
    assert!(installed.packages[0].hash.starts_with("sha256:"), "{:?}", installed.packages);
    fs::remove_dir_all(wheels.path()).unwrap();
    let line = bench.first_line(&installed, None, "").await;
    assert!(line.starts_with("['a', 'b'] ") && line.contains(&installed.key), "{line}");
    let again = bench.ensure("uvx --from probe-tool probe-run a b").await.unwrap();
    assert_eq!(again.command, installed.command);
    assert_eq!(bench.said.count("fetching with pip"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_without_pip_gets_one_inside() {
    let wheels = tempfile::tempdir().unwrap();
    let bench = with_wheels(wheels.path());
    let bare = tempfile::tempdir().unwrap();
    python(&["-m", "venv", "--without-pip"], bare.path());
    let interpreter = bare.path().join("bin/python");
    let installed =
        bench.ensure(&format!("uvx --python {} --from probe-tool probe-run x", interpreter.display())).await;
    let installed = installed.unwrap();
    drop(wheels);
    let line = bench.first_line(&installed, None, "").await;
    assert!(line.starts_with("['x'] "), "{line}");
}
