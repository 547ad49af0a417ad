//! An image of what a view shows, for servers that have none of their own: no directory of the host can be shown to a machine, so the
//! program, the libraries it is linked to and the listed files are packed, as long as they are small.

use super::error::PartError;
use super::image;
use super::parts::hex;
use crate::{FileView, SandboxSpec};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::sync::PoisonError;

/// The most that is packed, in bytes and in files.
const MAX_BYTES: u64 = 256 << 20;
const MAX_FILES: usize = 50_000;

/// What is the system's, and not packed as a whole.
const SYSTEM: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/usr/local"];

/// Programs that are nothing without the files of their language.
const INTERPRETERS: [&str; 10] = ["python", "node", "npx", "uvx", "uv", "ruby", "perl", "java", "deno", "bun"];

/// What is to be in an image.
#[derive(Debug, Default)]
pub(super) struct Packing {
    /// By their place inside; sources are followed.
    files: BTreeMap<PathBuf, (PathBuf, Metadata)>,
    directories: BTreeMap<PathBuf, ()>,
    links: BTreeMap<PathBuf, PathBuf>,
    /// Directories that are empty inside, whatever the host has there: its own state, say, which changes with every session.
    hidden: BTreeSet<PathBuf>,
    bytes: u64,
    /// What was left out, in words.
    pub(super) left_out: Vec<String>,
}

/// Why one part does not fit.
enum Unfit {
    Large,
    Error(PartError),
}

impl From<PartError> for Unfit {
    fn from(error: PartError) -> Self {
        Self::Error(error)
    }
}

/// Whether a program can be packed at all: it is one that stands by itself.
pub(super) fn check(program: &Path) -> Result<(), PartError> {
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is =
        |known: &str| name.strip_prefix(known).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'));
    let mut head = [0; 2];
    let read = fs::File::open(program).and_then(|mut file| std::io::Read::read(&mut file, &mut head));
    read.map_err(PartError::read(program))?;
    if head == *b"#!" || INTERPRETERS.iter().any(|known| is(known)) {
        let what = format!("`{}` needs the files of its language, which a microVM cannot be shown", program.display());
        return Err(PartError::NeedsImage { what });
    }
    Ok(())
}

impl Packing {
    /// What `spec` lists, with `program` and the `libraries` it is linked to.
    pub(super) fn of(spec: &SandboxSpec, program: &Path, libraries: &[PathBuf]) -> Result<Self, PartError> {
        let hidden = spec.files.iter().filter_map(|file| match file {
            FileView::Private { target } => Some(plain(target)),
            _ => None,
        });
        let mut packing = Self { hidden: hidden.collect(), ..Self::default() };
        for path in libraries.iter().map(PathBuf::as_path).chain([program]) {
            packing.add_program(path)?;
        }
        for file in &spec.files {
            match file {
                FileView::ReadOnly { source, target } | FileView::CopyOnWrite { source, target } => {
                    if SYSTEM.iter().any(|system| source == Path::new(system)) {
                        packing.directories.insert(plain(target), ());
                    } else {
                        packing.add_view(source, target)?;
                    }
                }
                FileView::Symlink { target, to } => {
                    packing.links.insert(plain(target), to.clone());
                }
                FileView::Writable { .. }
                | FileView::Private { .. }
                | FileView::Text { .. }
                | FileView::Device { .. } => {}
            }
        }
        Ok(packing)
    }

    /// A program or library, where the host has it.
    fn add_program(&mut self, path: &Path) -> Result<(), PartError> {
        let real = path.canonicalize().map_err(PartError::read(path))?;
        let directory = path.parent().unwrap_or(Path::new("/")).canonicalize().map_err(PartError::read(path))?;
        let place = directory.join(path.file_name().unwrap_or_default());
        let known = fs::metadata(&real).map_err(PartError::read(&real))?;
        self.file(plain(&place), real, known).map_err(|unfit| match unfit {
            Unfit::Error(error) => error,
            Unfit::Large => PartError::NeedsImage {
                what: format!("`{}` and its libraries are over {} MiB", path.display(), MAX_BYTES >> 20),
            },
        })
    }

    /// What a view shows, all of it or nothing.
    fn add_view(&mut self, source: &Path, target: &Path) -> Result<(), PartError> {
        let mut part = Self { bytes: self.bytes, hidden: self.hidden.clone(), ..Self::default() };
        let room = MAX_FILES.saturating_sub(self.files.len());
        match part.tree(source, &plain(target), room) {
            Ok(()) => {
                self.bytes = part.bytes;
                self.files.extend(part.files);
                self.directories.extend(part.directories);
                self.links.extend(part.links);
            }
            Err(Unfit::Large) => {
                if source.is_dir() {
                    self.directories.insert(plain(target), ());
                    let below = self.hidden.iter().filter(|hidden| hidden.starts_with(plain(target)));
                    self.directories.extend(below.map(|hidden| (hidden.clone(), ())));
                }
                self.left_out.push(format!(
                    "`{}` is not in the microVM (but for the program): files to pack would be over {} MiB or {MAX_FILES} files; give the server an image",
                    target.display(),
                    MAX_BYTES >> 20
                ));
            }
            Err(Unfit::Error(error)) => return Err(error),
        }
        Ok(())
    }

    fn tree(&mut self, source: &Path, target: &Path, room: usize) -> Result<(), Unfit> {
        let known = fs::symlink_metadata(source).map_err(PartError::read(source))?;
        let kind = known.file_type();
        if kind.is_symlink() {
            let to = fs::read_link(source).map_err(PartError::read(source))?;
            self.links.insert(target.to_owned(), to);
        } else if kind.is_file() {
            self.file(target.to_owned(), source.to_owned(), known)?;
        } else if kind.is_dir() {
            self.directories.insert(target.to_owned(), ());
            if self.hidden.contains(target) {
                return Ok(());
            }
            for entry in fs::read_dir(source).map_err(PartError::read(source))? {
                let name = entry.map_err(PartError::read(source))?.file_name();
                self.tree(&source.join(&name), &target.join(&name), room)?;
                if self.files.len() + self.directories.len() + self.links.len() > room {
                    return Err(Unfit::Large);
                }
            }
        }
        Ok(()) // sockets, pipes and devices mean nothing in another kernel
    }

    fn file(&mut self, target: PathBuf, source: PathBuf, known: Metadata) -> Result<(), Unfit> {
        self.bytes = self.bytes.saturating_add(known.size());
        if self.bytes > MAX_BYTES {
            return Err(Unfit::Large);
        }
        self.files.insert(target, (source, known));
        Ok(())
    }

    /// What it is, as a digest: the same as long as no file has changed.
    fn key(&self) -> String {
        let mut state = Sha256::new();
        for (target, (source, known)) in &self.files {
            for path in [target, source] {
                state.update(path.as_os_str().as_bytes());
                state.update([0]);
            }
            let (changed, nanos) = (known.ctime(), known.ctime_nsec());
            state.update(format!("{:o} {} {} {changed}.{nanos}\0", known.mode(), known.size(), known.ino()));
        }
        for (target, to) in &self.links {
            state.update([target.as_os_str().as_bytes(), b"\0@", to.as_os_str().as_bytes(), b"\0"].concat());
        }
        for target in self.directories.keys() {
            state.update([target.as_os_str().as_bytes(), b"\0/\0"].concat());
        }
        format!("view-{}", hex(&state.finalize()))
    }

    /// The image of it, in `images`; made if it is not there.
    pub(super) fn image(&self, images: &Path) -> Result<PathBuf, PartError> {
        // Two that are made at once would be two images to the machines that have them, of one name.
        let _one = image::MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        image::keep(&self.key(), images, |into| {
            let mut staging = into.as_os_str().to_owned();
            staging.push(".staging");
            let staging = PathBuf::from(staging);
            let made = self.stage(&staging).and_then(|()| image::make(&staging, image::Owners::Root, into));
            let _ = fs::remove_dir_all(&staging);
            made
        })
    }

    /// Copies everything below `staging`. Links come last, so that none can lead what is written out of it.
    fn stage(&self, staging: &Path) -> Result<(), PartError> {
        let make = |directory: &Path| fs::create_dir_all(directory).map_err(PartError::io("make", directory));
        make(staging)?;
        for target in self.directories.keys() {
            make(&staging.join(target))?;
        }
        for (target, (source, known)) in &self.files {
            let place = staging.join(target);
            make(place.parent().unwrap_or(staging))?;
            fs::copy(source, &place).map_err(PartError::io("pack", source))?;
            let mode = if known.mode() & 0o111 == 0 { 0o644 } else { 0o755 };
            fs::set_permissions(&place, Permissions::from_mode(mode)).map_err(PartError::io("pack", source))?;
        }
        for (target, to) in &self.links {
            let place = staging.join(target);
            make(place.parent().unwrap_or(staging))?;
            match symlink(to, &place) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(PartError::io("pack", target)(error));
                }
                _ => {} // a directory of the same name holds what is behind the link
            }
        }
        Ok(())
    }
}

/// The views of `spec` that are shown of the image once more, at their own places: what may be changed, with its owner's rights, and what
/// lies in a directory that is empty otherwise. `image` is where the image is mounted.
pub(super) fn shown_again(spec: &SandboxSpec, image: &Path) -> Vec<FileView> {
    let is_private = |file: &FileView, target: &Path| match file {
        FileView::Private { target: around } => target.starts_with(around),
        _ => false,
    };
    let again = |file: &FileView| match file {
        FileView::CopyOnWrite { source, target } if source.is_dir() => {
            Some(FileView::CopyOnWrite { source: image.join(plain(target)), target: target.clone() })
        }
        FileView::ReadOnly { source, target } | FileView::CopyOnWrite { source, target } => {
            let hidden = spec.files.iter().any(|other| is_private(other, target));
            let packed = hidden && source.exists();
            packed.then(|| FileView::ReadOnly { source: image.join(plain(target)), target: target.clone() })
        }
        _ => None,
    };
    spec.files.iter().filter_map(again).collect()
}

/// A place inside as a path below the image: no root, no way up.
fn plain(target: &Path) -> PathBuf {
    target.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}
