//! Image layouts made for tests: layers of a few files, in every compression, with digests that can be made to lie.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

pub mod registry;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sessile_images::{Event, Image, ImageError, ImageRef, Progress, Store};
use sha2::{Digest, Sha256};

pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// This host's processor, as images call it.
pub fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// An archive of files: a path that ends with `/` is a directory, `PATH -> TARGET` a link.
pub fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(0);
        if let Some((path, target)) = path.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, path, target).unwrap();
        } else if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            builder.append_data(&mut header, path, std::io::empty()).unwrap();
        } else {
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

#[derive(Clone, Copy, Debug)]
pub enum Packed {
    Plain,
    Gzip,
    Zstd,
}

/// A layout to be written.
pub struct Layout {
    pub path: PathBuf,
    layers: Vec<Value>,
    diff_ids: Vec<String>,
    images: Vec<Value>,
}

impl Layout {
    pub fn new(path: &Path) -> Self {
        std::fs::create_dir_all(path.join("blobs/sha256")).unwrap();
        std::fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { path: path.to_path_buf(), layers: Vec::new(), diff_ids: Vec::new(), images: Vec::new() }
    }

    pub fn blob_path(&self, digest: &str) -> PathBuf {
        self.path.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }

    /// Stores a blob and gives its descriptor.
    pub fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        std::fs::write(self.blob_path(&digest), bytes).unwrap();
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    pub fn layer(&mut self, archive: &[u8], packed: Packed) -> &mut Self {
        let (kind, bytes) = match packed {
            Packed::Plain => ("tar", archive.to_vec()),
            Packed::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(archive).unwrap();
                ("tar+gzip", encoder.finish().unwrap())
            }
            Packed::Zstd => {
                ("tar+zstd", ruzstd::encoding::compress_to_vec(archive, ruzstd::encoding::CompressionLevel::Fastest))
            }
        };
        let descriptor = self.blob(&format!("application/vnd.oci.image.layer.v1.{kind}"), &bytes);
        self.layers.push(descriptor);
        self.diff_ids.push(digest(archive));
        self
    }

    /// The layers of the image at hand, to be changed.
    pub fn layers(&mut self) -> &mut Vec<Value> {
        &mut self.layers
    }

    pub fn path_of_layer(&self, at: usize) -> PathBuf {
        self.blob_path(self.layers[at]["digest"].as_str().unwrap())
    }

    pub fn diff_ids(&mut self) -> &mut Vec<String> {
        &mut self.diff_ids
    }

    /// Ends an image; gives the descriptor of its manifest.
    pub fn manifest(&mut self, architecture: &str, config: Value) -> Value {
        let config = json!({
            "architecture": architecture, "os": "linux", "config": config,
            "rootfs": { "type": "layers", "diff_ids": std::mem::take(&mut self.diff_ids) },
        });
        let config = self.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": std::mem::take(&mut self.layers),
        });
        self.blob("application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes())
    }

    /// Lists an image in the index, under a name.
    pub fn list(&mut self, mut descriptor: Value, name: Option<&str>) -> String {
        if let Some(name) = name {
            descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        }
        let digest = descriptor["digest"].as_str().unwrap().to_owned();
        self.images.push(descriptor);
        let index = json!({ "schemaVersion": 2, "manifests": self.images });
        std::fs::write(self.path.join("index.json"), index.to_string()).unwrap();
        digest
    }

    /// Ends an image for this host and lists it.
    pub fn image(&mut self, name: Option<&str>, config: Value) -> String {
        let manifest = self.manifest(architecture(), config);
        self.list(manifest, name)
    }

    pub fn reference(&self, of: &str) -> ImageRef {
        ImageRef::parse(&format!("oci:{}{of}", self.path.display())).unwrap()
    }
}

/// What a build told.
#[derive(Clone, Default)]
pub struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    pub fn count(&self, part: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|line| line.contains(part)).count()
    }

    pub fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    pub fn progress(&self) -> Arc<dyn Progress> {
        let said = Arc::clone(&self.0);
        Arc::new(move |event: &Event<'_>| said.lock().unwrap().push(event.to_string()))
    }
}

/// A state directory with a store.
pub struct Bench {
    pub state: tempfile::TempDir,
    pub said: Said,
}

impl Bench {
    pub fn new() -> Self {
        Self { state: tempfile::tempdir().unwrap(), said: Said::default() }
    }

    pub fn store(&self) -> Store {
        Store::open(self.state.path()).unwrap()
    }

    pub async fn build(&self, image: &ImageRef) -> Result<Image, ImageError> {
        self.store().build(image, self.said.progress()).await
    }

    /// What a build was refused for. Nothing of it may be left.
    pub async fn refused(&self, image: &ImageRef) -> String {
        let error = self.build(image).await.expect_err("it is refused").to_string();
        self.assert_clean();
        error
    }

    /// Names of what is stored, without the directories of the store itself.
    pub fn stored(&self) -> Vec<String> {
        names(&self.state.path().join("images")).into_iter().filter(|name| !name.starts_with('.')).collect()
    }

    /// No image is half-made, and no build left anything.
    pub fn assert_clean(&self) {
        let images = self.state.path().join("images");
        assert_eq!(names(&images.join(".staging")), Vec::<String>::new());
        assert_eq!(names(&images.join(".locks")), Vec::<String>::new());
    }
}

pub fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
