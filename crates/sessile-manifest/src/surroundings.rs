//! What a manifest may refer to outside itself: environment variables, the home, its own directory.

use std::path::{Component, Path, PathBuf};

/// Gives variables by name; a function, so that tests need not change their process.
type Variables = Box<dyn Fn(&str) -> Option<String>>;

/// The surroundings that a manifest is read in.
pub struct Surroundings {
    directory: PathBuf,
    variables: Variables,
}

impl Surroundings {
    /// Relative paths start from `directory`, which is absolute; `${NAME}` and `~` are looked up with
    /// `variables` (`~` is `HOME`).
    pub fn new(directory: impl Into<PathBuf>, variables: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self { directory: directory.into(), variables: Box::new(variables) }
    }

    /// Those of this process, with relative paths starting from `directory`.
    pub fn of_process(directory: impl Into<PathBuf>) -> Self {
        Self::new(directory, |name| std::env::var(name).ok())
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

    /// Where state is kept unless the manifest says so.
    ///
    /// # Errors
    /// In words, when the home directory is not known.
    pub fn default_state_dir(&self) -> Result<PathBuf, String> {
        let given = self.variable("XDG_STATE_HOME").map(PathBuf::from);
        match given.filter(|path| path.is_absolute()) {
            Some(state) => Ok(state.join("sessile")),
            None => Ok(self.home()?.join(".local/state/sessile")),
        }
    }

    fn home(&self) -> Result<PathBuf, String> {
        let home = self.variable("HOME").map(PathBuf::from);
        home.filter(|path| path.is_absolute())
            .ok_or_else(|| "the home directory is not known, as HOME is not set; write the whole path".to_owned())
    }
}
