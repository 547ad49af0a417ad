use super::*;

#[test]
fn an_id_is_one_safe_path_component() {
    for good in ["a", "s-1", "0123456789abcdef", &"x".repeat(64)] {
        assert_eq!(SandboxId::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "A", "a/b", "..", "a b", "a_b", "ä", &"x".repeat(65)] {
        assert_eq!(SandboxId::new(bad), Err(InvalidSandboxId(bad.into())));
    }
}
