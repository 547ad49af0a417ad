//! Index, manifest and configuration, as the OCI image specification and the Docker format before it have them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use sessile_manifest::ImageDigest;

use crate::ImageConfig;
use crate::layer::Compression;

/// The name of an image within a layout.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// What leads to a blob.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    #[serde(deserialize_with = "digest")]
    pub(crate) digest: ImageDigest,
    pub(crate) size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

/// What lists the same image for several platforms.
#[derive(Debug, Deserialize)]
pub(crate) struct Index {
    #[serde(default)]
    pub(super) manifests: Vec<Descriptor>,
}

/// What an image consists of.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// What a digest leads to.
#[derive(Debug)]
pub(crate) enum Document {
    Index(Index),
    Manifest(Manifest),
}

/// The configuration of an image.
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    config: Option<Program>,
    rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Program {
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    #[serde(default, deserialize_with = "digests")]
    diff_ids: Vec<ImageDigest>,
}

impl Document {
    /// Tells an index from a manifest by what is in it. One that is both would be something else to each who reads it
    /// (CVE-2021-41190).
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let json: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|error| format!("its manifest is no JSON ({error})"))?;
        let fail = |error| format!("its manifest is not understood ({error})");
        match (json.get("manifests").is_some(), json.get("layers").is_some() || json.get("config").is_some()) {
            (true, true) => Err("its manifest claims to be an index as well".to_owned()),
            (true, false) => serde_json::from_value(json).map(Self::Index).map_err(fail),
            (false, true) => serde_json::from_value(json).map(Self::Manifest).map_err(fail),
            (false, false) if json.get("fsLayers").is_some() => {
                Err("its manifest is of the first Docker format, which checks nothing; push the image again".to_owned())
            }
            (false, false) => Err("its manifest has neither layers nor manifests".to_owned()),
        }
    }
}

impl Index {
    /// The entry for Linux on `architecture`.
    pub(crate) fn choose(&self, architecture: &str) -> Result<&Descriptor, String> {
        let fits = |descriptor: &&Descriptor| match &descriptor.platform {
            Some(platform) => platform.os == "linux" && platform.architecture == architecture,
            // An index of one does without.
            None => self.manifests.len() == 1,
        };
        self.manifests.iter().find(fits).ok_or_else(|| {
            let platforms = self.manifests.iter().filter_map(|descriptor| descriptor.platform.as_ref());
            let mut offered: Vec<_> =
                platforms.map(|platform| format!("{}/{}", platform.os, platform.architecture)).collect();
            offered.truncate(20);
            format!("it is not made for linux/{architecture}; it is made for {}", some(&offered.join(", ")))
        })
    }
}

impl Descriptor {
    /// How the layer is compressed.
    pub(crate) fn compression(&self) -> Result<Compression, String> {
        Compression::of_media_type(&self.media_type).ok_or_else(|| {
            let kind = self.media_type.chars().take(100).collect::<String>();
            format!("layer {} is of a kind that cannot be unpacked ({kind:?})", self.digest)
        })
    }
}

impl Config {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let config: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("its configuration is not understood ({error})"))?;
        // A manifest without an index says its platform here only.
        if config.os != "linux" || config.architecture != architecture() {
            let platform = format!("{}/{}", some(&config.os), some(&config.architecture));
            return Err(format!("it is made for {platform}, and this host is linux/{}", architecture()));
        }
        Ok(config)
    }

    /// The digests of the layers' archives.
    pub(crate) fn diff_ids(&self, layers: usize) -> Result<Vec<ImageDigest>, String> {
        let known = self.rootfs.diff_ids.len();
        if known == layers {
            return Ok(self.rootfs.diff_ids.clone());
        }
        Err(format!("its manifest has {layers} layers, and its configuration knows {known}"))
    }

    pub(crate) fn image_config(self) -> ImageConfig {
        let program = self.config.unwrap_or_default();
        let variable = |text: String| match text.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (text, String::new()),
        };
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        ImageConfig {
            env: program.env.unwrap_or_default().into_iter().map(variable).collect(),
            entrypoint: program.entrypoint.unwrap_or_default(),
            cmd: program.cmd.unwrap_or_default(),
            workdir: said(program.working_dir),
            user: said(program.user),
        }
    }
}

/// This host's kind of processor, as images call it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn some(text: &str) -> &str {
    if text.is_empty() { "nothing that it names" } else { text }
}

fn digest<'de, D: Deserializer<'de>>(source: D) -> Result<ImageDigest, D::Error> {
    let text = String::deserialize(source)?;
    text.parse().map_err(|_| serde::de::Error::custom("only digests of the form sha256:… are known"))
}

fn digests<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<ImageDigest>, D::Error> {
    let texts = Vec::<String>::deserialize(source)?;
    let parsed: Result<Vec<_>, _> = texts.iter().map(|text| text.parse()).collect();
    parsed.map_err(|_| serde::de::Error::custom("only digests of the form sha256:… are known"))
}
