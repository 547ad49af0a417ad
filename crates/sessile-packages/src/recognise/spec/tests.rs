use super::{Spec, npm, pypi};
use crate::RequestError;

fn spec(text: &str, name: Option<&str>, has_version: bool) -> Spec {
    Spec { text: text.into(), name: name.map(Into::into), has_version }
}

#[test]
fn npm_packages() {
    for (word, expected) in [
        ("tool", spec("tool", Some("tool"), false)),
        ("tool@latest", spec("tool", Some("tool"), false)),
        ("tool@1.2.3", spec("tool@1.2.3", Some("tool"), true)),
        ("@scope/tool", spec("@scope/tool", Some("@scope/tool"), false)),
        ("@scope/tool@^2", spec("@scope/tool@^2", Some("@scope/tool"), true)),
        ("tool@npm:other@1", spec("tool@npm:other@1", Some("tool"), true)),
        ("user/repository", spec("github:user/repository", None, true)),
        ("github:user/repository#v1", spec("github:user/repository#v1", None, true)),
        ("https://example.org/x.tgz", spec("https://example.org/x.tgz", None, true)),
    ] {
        assert_eq!(npm(word), Ok(expected), "{word}");
    }
}

#[test]
fn pypi_packages() {
    for (word, expected) in [
        ("tool", spec("tool", Some("tool"), false)),
        ("tool@latest", spec("tool", Some("tool"), false)),
        ("tool@1.2", spec("tool==1.2", Some("tool"), true)),
        ("tool==1.2", spec("tool==1.2", Some("tool"), true)),
        ("tool[cli, x] >= 1, <2", spec("tool[cli, x]>= 1, <2", Some("tool"), true)),
        ("tool[cli]@3", spec("tool[cli]==3", Some("tool"), true)),
        ("tool @ git+https://h/o/r", spec("tool @ git+https://h/o/r", Some("tool"), true)),
        ("git+https://h/o/r@v1", spec("git+https://h/o/r@v1", None, true)),
        ("https://h/x.whl", spec("https://h/x.whl", None, true)),
    ] {
        assert_eq!(pypi(word), Ok(expected), "{word}");
    }
}

#[test]
fn files_and_directories_are_not_installed() {
    for word in [".", "./tool", "../tool", "/srv/tool", "~/tool", "file:tool", "tool.tgz", "server.js"] {
        assert!(matches!(npm(word), Err(RequestError::Local { .. })), "{word}");
    }
    for word in [".", "./tool", "/srv/tool", "tool-1.0.whl", "server.py"] {
        assert!(matches!(pypi(word), Err(RequestError::Local { .. })), "{word}");
    }
}

#[test]
fn what_could_be_taken_for_a_flag_or_a_path_is_no_package() {
    for word in ["", "-g", "--registry=x", "@scope", "@scope/", "@/x", "@a/b/c", "a/b/c", "a b", "@../x", "@scope/.."] {
        assert!(npm(word).is_err(), "{word:?}: {:?}", npm(word));
    }
    for word in ["", "-r", "--index-url=x", "a b", "a;x/../y b", "[x]", "==1"] {
        let result = pypi(word);
        assert!(result.is_err() || word.starts_with("a;"), "{word:?}: {result:?}");
    }
}
