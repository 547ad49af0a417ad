//! An image of what a view shows, for servers that have none of their own: no directory of the host can be shown to a machine, so the
//! program, the libraries it is linked to and the listed files are packed, as long as they are small.

use super::error::PartError;
use super::image;
use super::parts::hex;
use crate::{FileView, SandboxSpec};
use rustix::fs::{Mode, OFlags};
use sessile_erofs::{Content, Contents, Kind, Meta, Tree, WriteError};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// The most that is packed, in bytes and in files.
const MAX_BYTES: u64 = 256 << 20;
const MAX_FILES: usize = 50_000;

/// The most that an image of them holds: each part may fill what is left, and has directories around it.
const MAX_NODES: usize = 4 * MAX_FILES;

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
    /// Directories that are empty inside, whatever the host has there: its own state must not be in a guest's reach either.
    empty: Vec<PathBuf>,
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
        let private = spec.files.iter().filter(|file| matches!(file, FileView::Private { .. }));
        let mut packing = Self { empty: private.map(|file| plain(file.target())).collect(), ..Self::default() };
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
        let mut part = Self { bytes: self.bytes, empty: self.empty.clone(), ..Self::default() };
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
            if self.empty.iter().any(|empty| empty == target) {
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

    /// What it is: the same as long as no file has changed.
    fn digest(&self) -> [u8; 32] {
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
        state.finalize().into()
    }

    /// The image of it, in `images`; made if it is not there.
    pub(super) fn image(&self, images: &Path) -> Result<PathBuf, PartError> {
        let digest = self.digest();
        image::keep(&format!("view-{}", hex(&digest)), images, |into| self.write(&digest, into))
    }

    fn write(&self, digest: &[u8; 32], into: &Path) -> Result<(), PartError> {
        let (tree, sources) = self.tree_of_all()?;
        let file = File::create_new(into).map_err(PartError::io("make", into))?;
        let mut sources = Sources { sources, last: into };
        let written = sessile_erofs::write(&tree, &mut sources, sessile_erofs::uuid(digest), &file);
        written.map(drop).map_err(|error| match error {
            WriteError::Content(error) => PartError::io("pack", sources.last)(error),
            WriteError::Image(error) => PartError::io("write", into)(error),
            error => PartError::io("write", into)(io::Error::other(error)),
        })
    }

    /// Everything at its place, all of it root's, and where the contents of the files are.
    fn tree_of_all(&self) -> Result<(Tree, Vec<&Path>), PartError> {
        let mut tree = Tree::new(MAX_NODES);
        for target in self.directories.keys() {
            add(&mut tree, target, 0o755, 0, Kind::directory())?;
        }
        let mut sources = Vec::new();
        for (target, (source, known)) in &self.files {
            let content = Content { at: sources.len() as u64, length: known.size() };
            let mode = if known.mode() & 0o111 == 0 { 0o644 } else { 0o755 };
            let mtime = u64::try_from(known.mtime()).unwrap_or_default();
            add(&mut tree, target, mode, mtime, Kind::File(content))?;
            sources.push(source.as_path());
        }
        for (target, to) in &self.links {
            // A directory of the same name holds what is behind the link.
            if tree.find(target.as_os_str().as_bytes()).is_none() {
                add(&mut tree, target, 0o777, 0, Kind::Symlink(to.as_os_str().as_bytes().into()))?;
            }
        }
        Ok((tree, sources))
    }
}

/// Adds what is root's.
fn add(tree: &mut Tree, target: &Path, mode: u16, mtime: u64, kind: Kind) -> Result<(), PartError> {
    let added = tree.add_plain(target.as_os_str().as_bytes(), Meta { mode, mtime, ..Meta::default() }, kind);
    added.map_err(|error| PartError::io("pack", target)(io::Error::other(error)))
}

/// The files of the host that are packed, by their number.
struct Sources<'a> {
    sources: Vec<&'a Path>,
    /// The one that was opened last, for errors.
    last: &'a Path,
}

impl Contents for Sources<'_> {
    fn open(&mut self, content: Content) -> io::Result<Box<dyn Read + '_>> {
        let found = usize::try_from(content.at).ok().and_then(|number| self.sources.get(number).copied());
        self.last = found.ok_or(io::ErrorKind::NotFound)?;
        // What has become a pipe meanwhile is not waited for.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(self.last, flags, Mode::empty())?);
        // What has grown meanwhile, as logs do, is as long as it was.
        Ok(Box::new(file.take(content.length)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SandboxId;
    use std::time::Duration;

    #[test]
    fn what_is_empty_inside_is_not_packed_and_changes_nothing() {
        let host = tempfile::tempdir().unwrap();
        let project = host.path().canonicalize().unwrap();
        let state = project.join("state");
        let package = state.join("packages/one");
        fs::create_dir_all(&package).unwrap();
        for file in [project.join("server.cfg"), state.join("keys"), package.join("program")] {
            fs::write(file, "x").unwrap();
        }
        let spec = SandboxSpec {
            files: vec![
                FileView::ReadOnly { source: project.clone(), target: project.clone() },
                FileView::Private { target: state.clone() },
                FileView::ReadOnly { source: package.clone(), target: package.clone() },
            ],
            hostname: "packed".into(),
            start_timeout: Duration::ZERO,
            ..SandboxSpec::new(SandboxId::new("packed").unwrap(), Vec::new())
        };
        let pack = || Packing::of(&spec, Path::new("/bin/true"), &[]).unwrap();
        let packing = pack();
        let is_packed = |path: &Path| packing.files.contains_key(&plain(path));
        assert!(is_packed(&project.join("server.cfg")) && is_packed(&package.join("program")));
        assert!(packing.directories.contains_key(&plain(&state)) && !is_packed(&state.join("keys")));
        fs::write(state.join("ledger"), "x").unwrap();
        assert_eq!(pack().digest(), packing.digest(), "what the runtime writes makes no other image");
        fs::write(project.join("other.cfg"), "x").unwrap();
        assert_ne!(pack().digest(), packing.digest());
    }

    #[test]
    fn a_file_that_grows_meanwhile_is_as_long_as_it_was_and_one_that_shrinks_is_an_error() {
        let host = tempfile::tempdir().unwrap();
        let (log, image) = (host.path().join("log"), host.path().join("image"));
        let line = b"served\n\n";
        fs::write(&log, line.repeat(625)).unwrap();
        let mut packing = Packing::default();
        packing.add_view(&log, Path::new("/app/log")).unwrap();
        let written = || {
            let written = packing.write(&packing.digest(), &image);
            let lines = fs::read(&image).unwrap().windows(line.len()).filter(|bytes| *bytes == line).count();
            fs::remove_file(&image).unwrap();
            written.map(|()| lines).map_err(|error| error.to_string())
        };
        assert_eq!(written(), Ok(625));
        fs::write(&log, line.repeat(1125)).unwrap();
        assert_eq!(written(), Ok(625));
        fs::write(&log, b"x").unwrap();
        assert!(written().unwrap_err().contains(&format!("cannot pack `{}`", log.display())));
    }

    #[test]
    fn a_link_leads_nothing_out_of_the_image_and_gives_way_to_what_is_there() {
        let host = tempfile::tempdir().unwrap();
        let outside = host.path().join("outside");
        let mut packing = Packing::default();
        packing.links.insert("lib".into(), "/usr/lib".into());
        packing.links.insert("out".into(), outside.clone());
        packing.links.insert("out/further".into(), "/etc".into());
        let file = host.path().join("file");
        fs::write(&file, "x").unwrap();
        packing.file("lib/libc.so".into(), file.clone(), fs::metadata(&file).unwrap()).map_err(|_| "unfit").unwrap();
        let (tree, _) = packing.tree_of_all().unwrap();
        let kind = |path: &str| tree.find(path.as_bytes()).and_then(|id| tree.node(id)).map(|node| node.kind.clone());
        assert!(matches!(kind("lib"), Some(Kind::Directory(_))) && matches!(kind("lib/libc.so"), Some(Kind::File(_))));
        packing.write(&packing.digest(), &host.path().join("image")).unwrap();
        assert!(!outside.exists());
    }
}
