use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Option<(Registry, String, Option<String>)> {
    text.parse().ok().map(|Package { registry, name, version }| (registry, name, version))
}

#[test]
fn a_package_is_a_registry_a_name_and_maybe_a_version() {
    let npm = |name: &str, version: Option<&str>| Some((Registry::Npm, name.to_owned(), version.map(str::to_owned)));
    assert_eq!(read("npm:left-pad@1.3.0"), npm("left-pad", Some("1.3.0")));
    assert_eq!(read("npm:@scope/name@2.0.0-rc.1"), npm("@scope/name", Some("2.0.0-rc.1")));
    assert_eq!(read("npm:@scope/name"), npm("@scope/name", None));
    let pypi = Some((Registry::PyPi, "mcp-server-time".to_owned(), Some("2025.8.4".to_owned())));
    assert_eq!(read("pypi:mcp-server-time==2025.8.4"), pypi);
    assert_eq!(read("pypi:a"), Some((Registry::PyPi, "a".to_owned(), None)));
}

#[test]
fn what_an_installer_could_read_as_something_else_is_refused() {
    for text in [
        "left-pad",
        "cargo:left-pad",
        "npm:",
        "npm:-g",
        "npm:a@latest",
        "npm:a@^1",
        "npm:a@",
        "npm:@scope",
        "npm:@/a@1",
        "npm:../a",
        "npm:a b",
        "npm:git+https://example.com/a",
        "pypi:a@1",
        "pypi:a>=1",
        "pypi:--pre",
        "pypi:a==",
        "pypi:a==1;b",
        "pypi:a==1 --index-url x",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_can_be_read(text in "(npm:(@[a-z]{1,3}/)?|pypi:)[a-z.-]{1,6}((@|==)[0-9a-z.]{1,5})?") {
        if let Ok(package) = text.parse::<Package>() {
            prop_assert_eq!(package.to_string(), text);
        }
    }
}
