//! The part of the page that people write.

const BEGIN: &str = "<!-- notes -->";
const END: &str = "<!-- /notes -->";

/// Puts the notes of `old`, from marker to marker, in the place of those of `new`.
///
/// A page without both markers, in that order, has no notes, and `new` stays as it is.
pub fn keep_notes(new: &str, old: &str) -> String {
    match (span(new), span(old)) {
        (Some((before, _, after)), Some((_, notes, _))) => format!("{before}{BEGIN}{notes}{END}{after}"),
        _ => new.to_owned(),
    }
}

fn span(page: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (notes, after) = rest.split_once(END)?;
    Some((before, notes, after))
}

/// The section of a page that has no notes yet.
pub(super) fn empty_section() -> String {
    format!("{BEGIN}\nNobody has written here yet. This part is kept when the page is made anew.\n{END}\n")
}
