use super::{Entry, Wish};
use crate::FileView;
use crate::view::tests::fixture::{copy, read_only};

fn arrange(entries: Vec<Entry>) -> Vec<FileView> {
    super::arrange(entries).into_iter().map(|entry| entry.view).collect()
}

fn implied(view: FileView) -> Entry {
    Entry { view, wish: Wish::Implied, why: None }
}

fn asked(view: FileView) -> Entry {
    Entry { view, wish: Wish::Asked, why: None }
}

fn private(path: &str) -> FileView {
    FileView::Private { target: path.into() }
}

fn writable(path: &str) -> FileView {
    FileView::Writable { source: path.into(), target: path.into() }
}

fn text(path: &str) -> FileView {
    FileView::Text { target: path.into(), content: String::new() }
}

#[test]
fn names_that_start_alike_are_no_parents() {
    let entries =
        vec![implied(read_only("/data/abc")), implied(read_only("/data/ab")), implied(read_only("/data/ab-c"))];
    assert_eq!(arrange(entries), [read_only("/data/ab"), read_only("/data/ab-c"), read_only("/data/abc")]);
}

#[test]
fn a_private_parent_hides_so_its_child_stays() {
    let entries = vec![implied(read_only("/tmp/x")), implied(private("/tmp"))];
    assert_eq!(arrange(entries), [private("/tmp"), read_only("/tmp/x")]);
}

#[test]
fn what_is_seen_through_a_parent_goes() {
    for parent in [read_only("/p"), copy("/p"), writable("/p")] {
        assert_eq!(arrange(vec![implied(read_only("/p/x/y")), implied(parent.clone())]), [parent]);
    }
}

#[test]
fn a_child_that_wants_more_than_its_parent_gives_stays() {
    assert_eq!(arrange(vec![implied(read_only("/p")), implied(copy("/p/x"))]), [read_only("/p"), copy("/p/x")]);
    assert_eq!(arrange(vec![implied(copy("/p")), asked(writable("/p/x"))]), [copy("/p"), writable("/p/x")]);
    assert_eq!(arrange(vec![asked(writable("/p")), asked(read_only("/p/x"))]), [writable("/p"), read_only("/p/x")]);
}

#[test]
fn another_source_under_a_parent_stays() {
    let other = FileView::ReadOnly { source: "/elsewhere".into(), target: "/p/x".into() };
    assert_eq!(arrange(vec![implied(other.clone()), implied(read_only("/p"))]), [read_only("/p"), other]);
}

#[test]
fn the_stronger_of_two_wishes_for_one_place_wins() {
    assert_eq!(arrange(vec![asked(writable("/p")), implied(copy("/p"))]), [writable("/p")]);
    assert_eq!(arrange(vec![asked(read_only("/p")), implied(copy("/p"))]), [copy("/p")]);
    assert_eq!(arrange(vec![implied(read_only("/etc/passwd")), implied(text("/etc/passwd"))]), [text("/etc/passwd")]);
    assert_eq!(arrange(vec![implied(text("/etc/x")), asked(read_only("/etc/x"))]), [read_only("/etc/x")]);
    let concealed = Entry { view: private("/p"), wish: Wish::Concealed, why: None };
    assert_eq!(arrange(vec![concealed, implied(copy("/p"))]), [private("/p")]);
}

#[test]
fn a_private_place_that_the_host_has_too_is_a_private_copy() {
    assert_eq!(arrange(vec![implied(read_only("/workspace")), implied(private("/workspace"))]), [copy("/workspace")]);
}

#[test]
fn what_lies_behind_a_link_of_the_system_is_visible() {
    let link = FileView::Symlink { target: "/bin".into(), to: "usr/bin".into() };
    assert_eq!(arrange(vec![implied(link.clone()), implied(read_only("/bin/sh"))]), [link]);
}
