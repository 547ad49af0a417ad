//! The directory that a session works in.

use std::path::PathBuf;

/// The directory that a session works in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Workspace {
    /// An empty directory for each session, gone with it.
    #[default]
    Private,
    /// A directory for each principal, kept below the state directory; one session at a time has it.
    Principal,
    /// A directory of the host, absolute, shared by the sessions of the server.
    Host(PathBuf),
}

/// What a text is as a [`Workspace`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// One of the words.
    Is(Workspace),
    /// Nearly one, and so hardly the name of a directory.
    IsLike(&'static str),
    /// A path.
    No,
}

impl Workspace {
    pub(crate) fn of_word(text: &str) -> Word {
        match text {
            "private" => return Word::Is(Self::Private),
            "principal" => return Word::Is(Self::Principal),
            _ => {}
        }
        // Comparing costs the product of the lengths.
        let is_bare = text.len() <= 24 && !text.contains('/');
        let is_near = |word: &&str| is_bare && strsim::damerau_levenshtein(text, word) <= 2;
        ["private", "principal"].into_iter().find(is_near).map_or(Word::No, Word::IsLike)
    }
}
