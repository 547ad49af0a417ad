use crate::view::resolve;
use crate::view::tests::fixture::Host;

#[test]
fn path_holds_visible_directories_of_the_host_in_their_order() {
    let mut host = Host::new();
    let tool = host.program("tool/bin/tool", "");
    let hidden = host.program("people/ada/.local/bin/other", "");
    let entries = [hidden.parent().unwrap(), "/usr/bin".as_ref(), "/usr/sbin".as_ref(), "relative".as_ref()];
    host.set("PATH", std::env::join_paths(entries).unwrap());
    let view = resolve(&host.request(&[tool.to_str().unwrap()])).unwrap();
    let (_, path) = view.env.iter().find(|(name, _)| name == "PATH").unwrap();
    assert!(path.starts_with(&format!("{}:/usr/bin:/usr/sbin:", host.path("tool/bin").display())), "{path}");
    assert!(!path.contains("people") && !path.contains("relative"), "{path}");
    assert_eq!(path.split(':').filter(|entry| *entry == "/usr/bin").count(), 1, "{path}");
}
