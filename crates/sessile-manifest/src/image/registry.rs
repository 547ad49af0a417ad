//! References into registries, in the grammar of the OCI distribution specification ("Pulling manifests").

use std::fmt;

use super::{ImageDigest, NotAnImage};

/// An image of a registry. Displays as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegistryRef {
    /// The registry, with a port if it is not the usual one.
    pub host: String,
    /// The name within the registry.
    pub name: String,
    /// A name that moves.
    pub tag: Option<String>,
    /// What it is, for ever. Without it no session starts from the image.
    pub digest: Option<ImageDigest>,
}

const NOT_AN_IMAGE: NotAnImage = NotAnImage(
    "not an image; write \"dir:/PATH\", \"oci:/PATH\" or an image of a registry with its digest, as in \"registry.example/name@sha256:…\"",
);
const NO_HOST: NotAnImage =
    NotAnImage("names no registry; write its host in front, as in \"registry.example/name@sha256:…\"");
const BAD_NAME: NotAnImage = NotAnImage(
    "not the name of an image; it is lower-case letters, digits and single separators (. _ -), in parts with `/` between them",
);
const BAD_TAG: NotAnImage =
    NotAnImage("not a tag; it is up to 128 letters, digits, `.`, `_` and `-`, the first no `.` or `-`");

impl RegistryRef {
    /// Reads `HOST[:PORT]/NAME[:TAG][@sha256:…]`.
    pub(super) fn parse(text: &str) -> Result<Self, NotAnImage> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse()?)),
            None => (text, None),
        };
        if rest.is_empty() || rest.contains("://") || rest.starts_with(['/', '.']) {
            return Err(NOT_AN_IMAGE);
        }
        let (host, rest) = rest.split_once('/').ok_or(NO_HOST)?;
        if !is_host(host) {
            return Err(NO_HOST);
        }
        let (name, tag) = match rest.split_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (rest, None),
        };
        if !is_name(name) {
            return Err(BAD_NAME);
        }
        if !tag.is_none_or(is_tag) {
            return Err(BAD_TAG);
        }
        Ok(Self { host: host.to_owned(), name: name.to_owned(), tag: tag.map(str::to_owned), digest })
    }

    /// The same image under this digest.
    #[must_use]
    pub fn pinned(&self, digest: ImageDigest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
}

/// As elsewhere, what has no dot, no port and is not `localhost` is no host, but the first part of a name.
fn is_host(host: &str) -> bool {
    let authority = host.parse::<http::uri::Authority>();
    let looks_like_one = host == "localhost" || host.contains(['.', ':']);
    looks_like_one && !host.contains('@') && authority.is_ok_and(|authority| !authority.host().is_empty())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, in parts; 255 bytes at most.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let ends = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = part.as_bytes();
        let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(allowed) && !part.contains("..")
    };
    name.len() <= 255 && name.split('/').all(is_part)
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(super) fn is_tag(tag: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    tag.len() <= 128 && !tag.is_empty() && !tag.starts_with(['.', '-']) && tag.bytes().all(inner)
}

impl fmt::Display for RegistryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.as_ref().map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}
