use proptest::prelude::*;

use super::*;

#[test]
fn columns_count_characters() {
    let source = Source::new("a\nöö = 1\n");
    assert_eq!(source.place(0), Place { line: 1, column: 1 });
    assert_eq!(source.place(2), Place { line: 2, column: 1 });
    assert_eq!(source.place(6), Place { line: 2, column: 3 });
    assert_eq!(source.place(3), Place { line: 2, column: 1 }, "within the first ö");
    assert_eq!(source.place(99), Place { line: 3, column: 1 });
}

#[test]
fn the_mark_stands_under_its_place() {
    let source = Source::new("x\n\tö = \"abc\"\n");
    let excerpt = source.excerpt(&(8..13), &[]).expect("a line");
    assert_eq!(excerpt, " 2 |  ö = \"abc\"\n   |      ^^^^^");
}

#[test]
fn what_is_hidden_keeps_its_width() {
    let source = Source::new("k = \"säcret\" # x");
    let excerpt = source.excerpt(&(0..1), std::slice::from_ref(&(5..12))).expect("a line");
    assert_eq!(excerpt, " 1 | k = \"******\" # x\n   | ^");
}

#[test]
fn long_lines_are_cut_around_the_mark() {
    let text = format!("{}HERE{}", "-".repeat(500), "+".repeat(500));
    let excerpt = Source::new(&text).excerpt(&(500..504), &[]).expect("a line");
    let (line, mark) = excerpt.split_once('\n').expect("two lines");
    assert_eq!(line.chars().count(), " 1 | ".len() + WIDTH);
    assert_eq!(line.find("HERE"), mark.find("^^^^"));
}

#[test]
fn keys_between_quotes_are_seen_and_values_are_not() {
    let text = "{\"token\": \"s3\\\"cret\", 'k' = 's3cret', \"open";
    let hidden = Source::new(text).quoted(0);
    let hidden: Vec<&str> = hidden.iter().map(|range| &text[range.clone()]).collect();
    assert_eq!(hidden, ["s3\\\"cret", "s3cret", "open"]);
}

proptest! {
    #[test]
    fn any_span_of_any_text_can_be_shown(text in any::<String>(), start in 0_usize..200, length in 0_usize..200) {
        let source = Source::new(&text);
        let hidden = source.quoted(start);
        if let Some(excerpt) = source.excerpt(&(start..start + length), &hidden) {
            let (line, mark) = excerpt.split_once('\n').expect("two lines");
            prop_assert!(mark.contains('^'));
            prop_assert!(line.chars().count() <= WIDTH + 30);
            prop_assert!(mark.chars().count() <= WIDTH + 30);
        }
    }
}
