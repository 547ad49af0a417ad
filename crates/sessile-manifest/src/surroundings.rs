//! What a manifest may refer to outside itself: environment variables, the home, its own directory.

use std::path::{Component, Path, PathBuf};

/// Gives variables by name; a function, so that tests need not change their process.
type Variables = Box<dyn Fn(&str) -> Option<String>>;

/// Says what is at an absolute path; a function for the same reason.
type Look = Box<dyn Fn(&Path) -> Option<There>>;

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum There {
    Directory,
    /// Anything else.
    File,
}

/// The surroundings that a manifest is read in.
pub struct Surroundings {
    directory: PathBuf,
    variables: Variables,
    look: Option<Look>,
}

impl Surroundings {
    /// Relative paths start from `directory`, which is absolute; `${NAME}` and `~` are looked up with
    /// `variables` (`~` is `HOME`).
    pub fn new(directory: impl Into<PathBuf>, variables: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self { directory: directory.into(), variables: Box::new(variables), look: None }
    }

    /// Those of this process, with relative paths starting from `directory`. What a manifest shows of the host must be there.
    pub fn of_process(directory: impl Into<PathBuf>) -> Self {
        let look = |path: &Path| {
            let found = std::fs::metadata(path).ok()?;
            Some(if found.is_dir() { There::Directory } else { There::File })
        };
        Self { look: Some(Box::new(look)), ..Self::new(directory, |name| std::env::var(name).ok()) }
    }

    /// Whether the host can show `path` to a server, as far as is known here. The error says what to write instead.
    pub(crate) fn shows(&self, path: &Path, needs_directory: bool) -> Result<(), &'static str> {
        let plain: PathBuf = path.components().collect();
        if plain == Path::new("/") {
            return Err("the whole host; name the directories that the server needs");
        }
        if ["/proc", "/sys", "/dev"].iter().any(|own| plain.starts_with(own)) {
            return Err("cannot be shown: the sandbox has its own /proc, /sys and /dev; remove it");
        }
        match self.look.as_ref().map(|look| look(path)) {
            Some(None) => Err("not on this host, or not for this user to see; make it, or remove it here"),
            Some(Some(There::File)) if needs_directory => Err("not a directory; name one, or write \"private\""),
            _ => Ok(()),
        }
    }

    /// The value of an environment variable.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name)
    }

    /// Makes `path` absolute.
    pub(crate) fn resolve(&self, path: &Path) -> Result<PathBuf, String> {
        let mut parts = path.components();
        let from_home = match parts.next() {
            Some(Component::Normal(first)) if first == "~" => true,
            Some(Component::Normal(first)) if first.as_encoded_bytes().starts_with(b"~") => {
                return Err("homes of other users are not looked up; write the whole path".to_owned());
            }
            _ => false,
        };
        let whole = if from_home { self.home()?.join(parts.as_path()) } else { self.directory.join(path) };
        // Collecting the components takes out every `.` and doubled separator.
        Ok(whole.components().collect())
    }

    /// Where state is kept unless the manifest says so: where a service manager has made a directory for it (`StateDirectory=` of
    /// systemd.exec(5)), else where the user's is.
    ///
    /// # Errors
    /// When none of `STATE_DIRECTORY`, `XDG_STATE_HOME` and `HOME` names a directory.
    pub fn default_state_dir(&self) -> Result<PathBuf, String> {
        // A service may have several, one after the other.
        if let Some(state) = self.variable("STATE_DIRECTORY").and_then(|list| whole(list.split(':').next()?)) {
            return Ok(state);
        }
        match self.variable("XDG_STATE_HOME").and_then(|path| whole(&path)) {
            Some(state) => Ok(state.join("sessile")),
            None => Ok(self.home()?.join(".local/state/sessile")),
        }
    }

    fn home(&self) -> Result<PathBuf, String> {
        let home = self.variable("HOME").and_then(|path| whole(&path));
        home.ok_or_else(|| "the home directory is not known, as HOME is not set; write the whole path".to_owned())
    }
}

/// What a variable names, if it is an absolute path.
fn whole(path: &str) -> Option<PathBuf> {
    Some(PathBuf::from(path)).filter(|path| path.is_absolute())
}
