use crate::view::resolve;
use crate::view::tests::fixture::{Host, read_only};

#[test]
fn named_certificates_are_shown_and_their_variables_pass() {
    let mut host = Host::new();
    let bundle = host.file("people/ada/.config/company/ca.pem", "");
    host.set("NODE_EXTRA_CA_CERTS", &bundle);
    host.set("SSL_CERT_FILE", "/no/such/file.pem");
    host.set("SSL_CERT_DIR", host.home());
    let view = resolve(&host.request(&["sh"])).unwrap();
    assert_eq!(host.own(&view), [read_only(&bundle)]);
    let passed: Vec<_> = view.env.iter().filter(|(name, _)| name.contains("CERT")).collect();
    assert_eq!(passed, [&("NODE_EXTRA_CA_CERTS".to_owned(), bundle.to_str().unwrap().to_owned())]);
}
