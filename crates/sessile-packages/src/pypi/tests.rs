use super::{find_program, normal};

#[test]
fn names_compare_as_on_the_index() {
    assert_eq!(normal("My__Tool.x"), "my-tool-x");
    let programs = ["my_tool".to_owned(), "other".to_owned()];
    assert_eq!(find_program(programs.iter(), "My-Tool"), programs.first());
    assert_eq!(find_program(programs.iter(), "mytool"), None);
}
