use std::path::Path;

use proptest::prelude::*;

use super::{ImageRef, LayoutImage};

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn every_form_is_read_and_written_back() {
    let digest = format!("sha256:{HEX}");
    for text in [
        "dir:/srv/rootfs".to_owned(),
        "dir:/with:colon@and@at".to_owned(),
        "oci:/srv/layout".to_owned(),
        "oci:/srv/layout:v1.2".to_owned(),
        "oci:/srv/a:b/layout".to_owned(),
        format!("oci:/srv/layout@{digest}"),
        "registry.example/name".to_owned(),
        "registry.example:5000/team/name__x:v1".to_owned(),
        format!("registry.example/name@{digest}"),
        format!("localhost/a/b-c.d:tag@{digest}"),
        format!("[::1]:5000/name@{digest}"),
    ] {
        let image = ImageRef::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(image.to_string(), text);
        assert_eq!(image.is_pinned(), text.contains("@sha256:"), "{text}");
    }
}

#[test]
fn a_colon_within_the_path_is_no_tag() {
    let Ok(ImageRef::Layout { path, image }) = ImageRef::parse("oci:/srv/a:b/layout") else { panic!() };
    assert_eq!((path.as_path(), image), (Path::new("/srv/a:b/layout"), LayoutImage::Only));
}

#[test]
fn what_is_wrong_says_what_to_write() {
    let told = |text: &str| ImageRef::parse(text).expect_err(text).to_string();
    for (text, word) in [
        ("", "dir:/PATH"),
        ("dir:", "dir:/PATH"),
        ("dir:relative", "begins with `/`"),
        ("oci:./layout", "begins with `/`"),
        ("oci:/layout:", "oci:/PATH:TAG"),
        ("oci:/layout:-x", "oci:/PATH:TAG"),
        ("oci:/layout@sha256:123", "64 digits"),
        ("python", "names no registry"),
        ("library/python", "names no registry"),
        ("https://registry.example/name", "not an image"),
        ("/etc", "not an image"),
        ("user@registry.example/name", "64 digits"),
        ("registry.example/Name", "lower-case"),
        ("registry.example/a//b", "lower-case"),
        ("registry.example/../x", "lower-case"),
        ("registry.example/name:", "not a tag"),
        ("registry.example/name@sha512:00", "64 digits"),
        (&format!("registry.example/name@sha256:{}", HEX.to_uppercase()), "a-f"),
    ] {
        assert!(told(text).contains(word), "{text}: {}", told(text));
    }
}

#[test]
fn relative_paths_start_from_the_directory_that_is_given() {
    let resolve = |path: &Path| Ok::<_, ()>(Path::new("/srv/project").join(path));
    let read = |text| ImageRef::parse_relative(text).unwrap().resolved(resolve).unwrap().to_string();
    assert_eq!(read("dir:rootfs"), "dir:/srv/project/rootfs");
    assert_eq!(read("dir:/rootfs"), "dir:/rootfs");
    assert_eq!(read("oci:layout:v1"), "oci:/srv/project/layout:v1");
}

proptest! {
    #[test]
    fn what_is_read_is_written_as_something_that_reads_the_same(text in any::<String>()) {
        if let Ok(image) = ImageRef::parse(&text) {
            prop_assert_eq!(ImageRef::parse(&image.to_string()), Ok(image));
        }
    }

    #[test]
    fn names_hold_nothing_that_a_path_or_a_url_reads_otherwise(text in "[a-z.]{1,9}/[ -~]{0,24}") {
        if let Ok(ImageRef::Registry(image)) = ImageRef::parse(&text) {
            prop_assert!(!image.name.contains("..") && !image.name.contains(['?', '#', '%', '\\', ' ']));
        }
    }
}
