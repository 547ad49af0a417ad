use super::*;

fn two_tools() -> Table {
    let mut table = Table::new(&["NAME", "DOES", "ARGUMENTS"]);
    table.row(vec!["add".into(), "adds two numbers and says what they make".into(), "a*  number\nb*  number".into()]);
    table.row(vec!["echo".into(), "says it back".into(), String::new()]);
    table
}

#[test]
fn columns_line_up_and_cells_may_have_several_lines() {
    assert_eq!(
        two_tools().render(None, 1),
        "NAME  DOES                                      ARGUMENTS\n\
         add   adds two numbers and says what they make  a*  number\n\
         \x20                                               b*  number\n\
         echo  says it back"
    );
}

#[test]
fn one_column_gives_way_to_the_width_of_the_terminal() {
    let text = two_tools().render(Some(40), 1);
    assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
    assert!(text.contains("adds two numbers and…"), "{text}");
    assert!(text.contains("a*  number"), "{text}");
}

#[test]
fn a_column_is_not_squeezed_to_nothing() {
    let text = two_tools().render(Some(5), 1);
    assert!(text.contains("adds two nu…"), "{text}");
}
