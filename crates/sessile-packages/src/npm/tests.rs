use super::main_package;
use crate::{PackageRequest, Registry};

#[test]
fn an_address_gets_its_name_from_what_npm_wrote_down() {
    let staging = tempfile::tempdir().unwrap();
    let root = r#"{"dependencies": {"from-address": "github:u/r", "zod": "1.0.0"}}"#;
    std::fs::write(staging.path().join("package.json"), root).unwrap();
    let request = |first: &str| PackageRequest {
        packages: vec![first.into(), "zod@1".into()],
        ..PackageRequest::new(Registry::Npm, "")
    };
    assert_eq!(main_package(staging.path(), &request("github:u/r")).as_deref(), Some("from-address"));
    assert_eq!(main_package(staging.path(), &request("@s/tool@1")).as_deref(), Some("@s/tool"));
}
