//! A template serves the machines that it is one of, and no others: what machines are made of may change while a node runs.

use crate::support::{config, eventually, machine, start, tools};
use sessile_sandbox::{
    Driver, MicrovmConfig, ProcessConfig, SandboxSpec, TellTemplates, TemplateNews, TemplateStock, microvm_driver,
    process_driver,
};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Told = Arc<Mutex<Vec<(TemplateNews, TemplateStock)>>>;

/// A driver with a kernel of its own in `directory`, and what it tells of templates.
async fn driver(directory: &Path, template_memory: u64) -> (impl Driver, Told) {
    let (kernels, boot) = (directory.join("kernel"), directory.join("kernel/boot"));
    if !boot.is_dir() {
        fs::create_dir_all(&boot).unwrap();
        let is_kernel = |name: &str| name.starts_with("vmlinuz-");
        let found = fs::read_dir(tools().join("microvm/boot")).unwrap().flatten();
        let kernel =
            found.map(|entry| entry.path()).find(|path| is_kernel(path.file_name().unwrap().to_str().unwrap()));
        let kernel = kernel.unwrap();
        fs::copy(&kernel, boot.join(kernel.file_name().unwrap())).unwrap();
        symlink(tools().join("microvm/lib").canonicalize().unwrap(), kernels.join("lib")).unwrap();
    }
    let told = Told::default();
    let listener = Arc::clone(&told);
    let config = MicrovmConfig {
        directory: directory.join("state"),
        kernel: kernels,
        template_memory,
        tell_templates: TellTemplates::new(move |told| listener.lock().unwrap().push((told.news.clone(), told.stock))),
        ..config()
    };
    let walls = Arc::new(process_driver(ProcessConfig::default()).unwrap());
    (microvm_driver(config, walls).await.unwrap(), told)
}

fn kind() -> SandboxSpec {
    machine("while :; do read line; done")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_that_is_exchanged_is_the_next_nodes() {
    let directory = tempfile::tempdir().unwrap();
    let (first, told) = driver(directory.path(), 1 << 30).await;
    // It is made for sessions to come, before the first.
    first.prepare(kind()).await;
    let made = |count: usize| {
        let told = told.lock().unwrap();
        told.iter().filter(|(news, _)| matches!(news, TemplateNews::Made { .. })).count() == count
    };
    assert!(eventually(Duration::from_secs(60), || made(1)), "{told:?}");
    let stock = TemplateStock { kept: 1, bytes: 192 << 20, limit: 1 << 30 };
    assert_eq!(told.lock().unwrap().last().unwrap().1, stock);
    assert!(start(&first, kind()).await.is_copy());

    let boot = fs::read_dir(directory.path().join("kernel/boot")).unwrap().flatten().next().unwrap();
    File::options().append(true).open(boot.path()).unwrap().write_all(b"another version").unwrap();
    assert!(start(&first, kind()).await.is_copy(), "a node runs the kernel that it began with");
    let (second, news) = driver(directory.path(), 1 << 30).await;
    assert!(!start(&second, kind()).await.is_copy(), "another kernel is another kind");
    let has_its_own = || news.lock().unwrap().iter().any(|(news, _)| matches!(news, TemplateNews::Made { .. }));
    assert!(eventually(Duration::from_secs(60), has_its_own), "{news:?}");
    assert!(start(&second, kind()).await.is_copy() && made(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_no_memory_for_templates_boots_its_machines() {
    let directory = tempfile::tempdir().unwrap();
    let (driver, told) = driver(directory.path(), 191 << 20).await;
    for _ in 0..2 {
        let sandbox = start(&driver, kind()).await;
        assert!(!sandbox.is_copy() && sandbox.notes().iter().all(|note| !note.contains("template")));
    }
    assert!(told.lock().unwrap().is_empty());
}
