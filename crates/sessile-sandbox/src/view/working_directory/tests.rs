use std::path::Path;

use crate::FileView;
use crate::view::ViewError;
use crate::view::tests::fixture::{Host, copy};

#[test]
fn an_ordinary_directory_is_a_private_copy_at_its_own_place() {
    let host = Host::new();
    let project = host.directory("people/ada/project");
    let view = host.resolve_in(&project, &["sh"]).unwrap();
    assert_eq!(view.cwd, project);
    assert_eq!(host.own(&view), [copy(project)]);
}

#[test]
fn a_home_is_not_shown_and_the_explanation_says_why() {
    let host = Host::new();
    for place in [host.home(), "/".into(), "/tmp".into(), "/etc".into()] {
        let view = host.resolve_in(&place, &["sh"]).unwrap();
        assert_eq!(view.cwd, Path::new("/workspace"), "{}", place.display());
        assert!(!view.files.iter().any(|file| matches!(file, FileView::CopyOnWrite { .. })));
        let said = view.explanation.iter().any(|line| line.starts_with("not shown") && line.contains("/workspace"));
        assert!(said, "{:?}", view.explanation);
    }
}

#[test]
fn a_linked_directory_keeps_its_name_and_has_a_source_without_links() {
    let host = Host::new();
    let real = host.directory("real");
    let link = host.link("link", &real);
    let view = host.resolve_in(&link, &["sh"]).unwrap();
    assert_eq!(view.cwd, link);
    assert_eq!(host.own(&view), [FileView::CopyOnWrite { source: real, target: link }]);
}

#[test]
fn a_directory_that_is_none_is_an_error() {
    let host = Host::new();
    let file = host.file("file", "");
    for place in [file, host.path("missing")] {
        assert!(matches!(host.resolve_in(&place, &["sh"]), Err(ViewError::WorkingDirectory { path }) if path == place));
    }
}
