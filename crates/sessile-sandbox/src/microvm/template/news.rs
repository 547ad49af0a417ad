//! What is told of templates, for whoever counts and logs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What became of a template, or of a copy of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateNews {
    /// It is there for copies.
    Made {
        /// A boot, mostly.
        took: Duration,
    },
    /// It could not be made; sessions boot.
    NotMade {
        /// In words.
        why: String,
    },
    /// A copy of it came to nothing; its session boots.
    NotCopied {
        /// In words.
        why: String,
    },
    /// A copy of it runs, and has all of its memory to itself.
    NotShared {
        /// In words.
        why: String,
    },
    /// It was let go of, as nobody used it or another one needed its room.
    Gone,
}

/// The templates of a driver, after what is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplateStock {
    /// How many there are.
    pub kept: usize,
    /// Memory that they take, and those that are being made, in bytes.
    pub bytes: u64,
    /// Memory that they may take, in bytes.
    pub limit: u64,
}

/// One piece of news.
#[derive(Debug)]
pub struct TemplateTold<'a> {
    /// Which machines it is the template of, in words.
    pub kind: &'a str,
    /// What became of it.
    pub news: TemplateNews,
    /// What there is now.
    pub stock: TemplateStock,
}

/// Somebody to tell. It is called from tasks of the runtime and must not block.
#[derive(Clone)]
pub struct TellTemplates(Arc<dyn Fn(&TemplateTold<'_>) + Send + Sync>);

impl TellTemplates {
    /// Tells `listener`.
    pub fn new(listener: impl Fn(&TemplateTold<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    pub(super) fn tell(&self, kind: &str, news: TemplateNews, stock: TemplateStock) {
        (self.0)(&TemplateTold { kind, news, stock });
    }
}

impl Default for TellTemplates {
    /// Tells nobody.
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for TellTemplates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TellTemplates")
    }
}
