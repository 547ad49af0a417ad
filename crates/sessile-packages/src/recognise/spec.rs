//! How packages are written.

use crate::RequestError;

/// A package as its registry's tool takes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    /// What to hand to the tool.
    pub(crate) text: String,
    /// The bare name, where there is one.
    pub(crate) name: Option<String>,
    /// Whether a version was asked for.
    pub(crate) has_version: bool,
}

/// `[@scope/]name[@version]`, or an address. `@latest` is what no version means.
pub(crate) fn npm(word: &str) -> Result<Spec, RequestError> {
    let word = word.trim();
    refuse_local(word, &[".tgz", ".tar.gz", ".js", ".mjs", ".ts"])?;
    if word.contains("://") || word.starts_with("github:") || word.starts_with("gitlab:") {
        return Ok(Spec { text: word.to_owned(), name: None, has_version: true });
    }
    let at = word.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1);
    let (name, version) = match at.and_then(|at| word.split_at_checked(at)) {
        Some((name, version)) => (name, version.get(1..)),
        None => (word, None),
    };
    let parts: Vec<&str> = name.strip_prefix('@').map_or_else(|| vec![name], |scoped| scoped.split('/').collect());
    let wanted = if name.starts_with('@') { 2 } else { 1 };
    // `user/repository` is npm's short form for GitHub.
    if !name.starts_with('@') && name.split('/').count() == 2 && version.is_none() {
        return Ok(Spec { text: format!("github:{name}"), name: None, has_version: true });
    }
    let plain = |part: &&str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
    };
    if parts.len() != wanted || !parts.iter().all(plain) {
        return Err(malformed(word, "npm", "write NAME, @SCOPE/NAME or NAME@VERSION"));
    }
    let version = version.filter(|version| !version.is_empty() && *version != "latest");
    let text = version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}"));
    Ok(Spec { text, name: Some(name.to_owned()), has_version: version.is_some() })
}

/// `name[extra]`, with `==1.2`, `>=1,<2` or uv's `@1.2` behind it, `name @ URL`, or an address.
pub(crate) fn pypi(word: &str) -> Result<Spec, RequestError> {
    let word = word.trim();
    refuse_local(word, &[".whl", ".tar.gz", ".zip", ".py"])?;
    let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(word.len());
    let (name, rest) = word.split_at_checked(end).unwrap_or((word, ""));
    if rest.starts_with("://") || word.starts_with("git+") {
        return Ok(Spec { text: word.to_owned(), name: None, has_version: true });
    }
    if name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(malformed(word, "pypi", "write NAME, NAME[EXTRA] or NAME==VERSION"));
    }
    let (extras, version) = match rest.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((extras, version)) => (format!("[{extras}]"), version.trim()),
        None => (String::new(), rest.trim()),
    };
    let constraint = match version.strip_prefix('@').map(str::trim) {
        Some("latest") => String::new(),
        Some(url) if url.contains("://") => format!(" @ {url}"),
        Some(version) => format!("=={version}"),
        None if version.is_empty() || version.starts_with(['=', '>', '<', '~', '!', ';']) => version.to_owned(),
        None => return Err(malformed(word, "pypi", "write NAME, NAME[EXTRA] or NAME==VERSION")),
    };
    Ok(Spec {
        has_version: !constraint.is_empty(),
        text: format!("{name}{extras}{constraint}"),
        name: Some(name.to_owned()),
    })
}

fn malformed(word: &str, registry: &'static str, reason: &'static str) -> RequestError {
    RequestError::Malformed { package: word.to_owned(), registry, reason }
}

/// A path changes behind the store's back.
fn refuse_local(word: &str, endings: &[&str]) -> Result<(), RequestError> {
    let by_start = word.starts_with(['.', '/', '~']) || word.starts_with("file:");
    let by_end = !word.contains("://") && endings.iter().any(|ending| word.ends_with(ending));
    if by_start || by_end {
        return Err(RequestError::Local { package: word.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
