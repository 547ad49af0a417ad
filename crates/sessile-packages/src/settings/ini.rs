//! `.npmrc` and `pip.conf`: a setting a line, where an indented line goes on with the one above.

/// Keys and values, in order. Sections are passed over.
pub(super) fn settings(text: &str) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';', '[']) {
            continue;
        }
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = settings.last_mut()
        {
            value.push(' ');
            value.push_str(content);
        } else if let Some((key, value)) = content.split_once(['=', ':']).filter(|_| !content.starts_with("//")) {
            settings.push((key.trim().to_owned(), value.trim().to_owned()));
        } else if let Some((key, value)) = content.split_once('=') {
            settings.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    settings
}

/// The names in `${NAME}`.
pub(super) fn variables(text: &str) -> Vec<&str> {
    text.split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim_end_matches('?'))
        .collect()
}
