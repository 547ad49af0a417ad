//! The kernel modules that a machine needs, from the kernel's own tree: found by name, in the order in which they need each other.
//!
//! What a module needs it says itself (`depends=` in its `.modinfo`), so that no index has to be made for an unpacked kernel.

use super::error::PartError;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a machine uses: its transport, link, disk and file systems.
const NEEDED: [&str; 5] = ["virtio_mmio", "virtio_console", "virtio_blk", "overlay", "erofs"];

/// The largest module that is read, in bytes, unpacked.
const MAX_SIZE: u64 = 32 << 20;

/// How a module's file may end.
const PLAIN: &str = ".ko";
const XZ: &str = ".ko.xz";

/// A module, ready to be loaded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

/// Reads what a machine needs from `tree`, a kernel's directory of modules (`/lib/modules/VERSION`).
pub(super) fn read(tree: &Path) -> Result<Vec<Module>, PartError> {
    let mut files = BTreeMap::new();
    list(&tree.join("kernel"), 0, &mut files)?;
    let built_in = fs::read_to_string(tree.join("modules.builtin")).unwrap_or_default();
    let built_in: Vec<String> = built_in.lines().filter_map(|line| name_of(Path::new(line))).collect();
    let mut found = Vec::new();
    for name in NEEDED {
        add(name, tree, &files, &built_in, &mut found, 0)?;
    }
    Ok(found)
}

/// How a module's file names it: `_` and `-` are the same.
fn name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let name = file.strip_suffix(XZ).or_else(|| file.strip_suffix(PLAIN))?;
    Some(name.replace('-', "_"))
}

fn list(directory: &Path, depth: u32, files: &mut BTreeMap<String, PathBuf>) -> Result<(), PartError> {
    if depth > 8 {
        return Ok(());
    }
    for entry in fs::read_dir(directory).map_err(PartError::read(directory))?.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&path, depth + 1, files)?;
        } else if let Some(name) = name_of(&path) {
            files.insert(name, path);
        }
    }
    Ok(())
}

/// Adds `name` behind everything that it needs.
fn add(
    name: &str,
    tree: &Path,
    files: &BTreeMap<String, PathBuf>,
    built_in: &[String],
    found: &mut Vec<Module>,
    depth: u32,
) -> Result<(), PartError> {
    if depth > 8 || built_in.iter().any(|known| known == name) || found.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let missing = || PartError::Module { name: name.to_owned(), tree: tree.to_owned() };
    let content = unpacked(files.get(name).ok_or_else(missing)?)?;
    for needed in depends(&content) {
        add(&needed, tree, files, built_in, found, depth + 1)?;
    }
    found.push(Module { name: name.to_owned(), content });
    Ok(())
}

/// The names behind `depends=`.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = module.get(at + KEY.len()..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value);
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

fn unpacked(path: &Path) -> Result<Vec<u8>, PartError> {
    let packed = fs::read(path).map_err(PartError::read(path))?;
    if !path.to_string_lossy().ends_with(XZ) {
        return Ok(packed);
    }
    let mut plain = Bounded(Vec::new());
    let broken = |error: lzma_rs::error::Error| PartError::read(path)(std::io::Error::other(format!("{error:?}")));
    lzma_rs::xz_decompress(&mut packed.as_slice(), &mut plain).map_err(broken)?;
    Ok(plain.0)
}

/// Takes so much and no more: a small file may unpack to anything.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        if self.0.len().saturating_add(piece.len()) as u64 > MAX_SIZE {
            return Err(std::io::Error::other(format!("it is over {MAX_SIZE} bytes unpacked")));
        }
        self.0.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, depends: &str) -> Vec<u8> {
        format!("\u{7f}ELF\0license=GPL\0depends={depends}\0name={name}\0").into_bytes()
    }

    fn tree(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        tree
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        lzma_rs::xz_compress(&mut &content[..], &mut packed).unwrap();
        packed
    }

    #[test]
    fn each_module_comes_behind_what_it_needs() {
        let tree = tree(&[
            ("kernel/drivers/virtio/virtio_mmio.ko", module("virtio_mmio", "virtio,virtio_ring")),
            ("kernel/drivers/virtio/virtio.ko", module("virtio", "virtio-ring")),
            ("kernel/drivers/virtio/virtio_ring.ko", module("virtio_ring", "")),
            ("kernel/drivers/char/virtio_console.ko.xz", packed(&module("virtio_console", "virtio"))),
            ("kernel/drivers/block/virtio_blk.ko", module("virtio_blk", "virtio_ring,virtio")),
            ("kernel/fs/erofs/erofs.ko", module("erofs", "libcrc32c")),
            ("kernel/lib/libcrc32c.ko", module("libcrc32c", "")),
            ("modules.builtin", b"kernel/fs/overlayfs/overlay.ko\n".to_vec()),
        ]);
        let modules = read(tree.path()).unwrap();
        let names: Vec<_> = modules.iter().map(|module| module.name.as_str()).collect();
        let expected = ["virtio_ring", "virtio", "virtio_mmio", "virtio_console", "virtio_blk", "libcrc32c", "erofs"];
        assert_eq!(names, expected);
        assert_eq!(modules[3].content, module("virtio_console", "virtio"));
    }

    #[test]
    fn a_missing_module_is_named() {
        let tree = tree(&[("kernel/nothing.ko", module("nothing", ""))]);
        let error = read(tree.path()).unwrap_err().to_string();
        assert!(error.contains("virtio_mmio"), "{error}");
    }
}
