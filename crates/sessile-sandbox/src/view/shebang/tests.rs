use super::{Shebang, of, parse};
use crate::view::tests::fixture::Host;

fn parsed(line: &str) -> (String, Option<String>) {
    let Shebang { interpreter, through_env, .. } = parse(line).unwrap();
    (interpreter, through_env)
}

#[test]
fn plain_and_through_env() {
    assert_eq!(parsed("/bin/sh -e"), ("/bin/sh".into(), None));
    assert_eq!(parsed(" /usr/bin/env node"), ("/usr/bin/env".into(), Some("node".into())));
    assert_eq!(parsed("/usr/bin/env -S NODE_OPTIONS=--x deno run"), ("/usr/bin/env".into(), Some("deno".into())));
    assert_eq!(parse("  "), None);
}

#[test]
fn binaries_and_text_without_it_have_none() {
    let host = Host::new();
    assert_eq!(of(&host.file("elf", "\u{7f}ELF#!/bin/sh")), None);
    assert_eq!(of(&host.file("empty", "")), None);
    assert_eq!(of(&host.path("missing")), None);
    assert_eq!(of(&host.file("script", "#!/bin/sh\r\necho")).unwrap().interpreter, "/bin/sh");
}
