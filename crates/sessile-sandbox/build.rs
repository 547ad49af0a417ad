//! Builds `sessile-init` as a small static program and hands its path to the crate, which carries it along.
//!
//! A cargo inside a cargo: the init profile (small, fat LTO, abort on panic) and static linking hold for this one program, and
//! cargo has no stable way to say so for a dependency.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the outer cargo sets for the outer build and what would mislead the inner one.
const MISLEADING: [&str; 12] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_ARGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "CARGO_MAKEFLAGS",
    "LLVM_PROFILE_FILE",
    "RUSTC",
];

fn main() {
    let here = PathBuf::from(required("CARGO_MANIFEST_DIR"));
    let workspace = here.ancestors().nth(2).unwrap_or_else(|| stop("this crate is not in its workspace"));
    // Relative to this crate, so that the answer is the same wherever the workspace is seen from.
    for source in ["sessile-init", "sessile-link"] {
        println!("cargo::rerun-if-changed=../{source}/src");
        println!("cargo::rerun-if-changed=../{source}/Cargo.toml");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let program = build(workspace);
    println!("cargo::rustc-env=SESSILE_INIT={}", program.display());
}

fn build(workspace: &Path) -> PathBuf {
    let target = required("TARGET");
    let out = PathBuf::from(required("OUT_DIR")).join("init");
    let flags = format!("target.{target}.rustflags=[\"-Ctarget-feature=+crt-static\"]");
    let mut cargo = Command::new(required("CARGO"));
    cargo
        .current_dir(workspace)
        .args(["build", "--quiet", "--package", "sessile-init"])
        .args(["--profile", "init", "--target", &target])
        .args(["--config", &flags])
        .arg("--target-dir")
        .arg(&out);
    if env::var_os("CARGO_FEATURE_WEAKEN").is_some() {
        if required("PROFILE") != "debug" {
            stop("the feature `weaken` leaves protections out; it is for tests and must not be in a release");
        }
        cargo.args(["--features", "weaken"]);
    }
    for (name, flag) in [("CARGO_NET_OFFLINE", "--offline"), ("SESSILE_LOCKED", "--locked")] {
        println!("cargo::rerun-if-env-changed={name}");
        if env::var(name).is_ok_and(|value| value == "true" || value == "1") {
            cargo.arg(flag);
        }
    }
    for name in MISLEADING {
        cargo.env_remove(name);
    }
    match cargo.status() {
        Ok(status) if status.success() => {}
        Ok(status) => stop(&format!("building sessile-init failed: {status}")),
        Err(error) => stop(&format!("cargo cannot be run to build sessile-init: {error}")),
    }
    out.join(target).join("init").join("sessile-init")
}

fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| stop(&format!("cargo did not set {name}")))
}

fn stop(why: &str) -> ! {
    println!("cargo::error={why}");
    std::process::exit(1)
}
