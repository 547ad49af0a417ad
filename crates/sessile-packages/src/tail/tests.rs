use super::{LINES, LONGEST_LINE, Tail};

#[test]
fn the_last_lines_are_kept_and_long_ones_cut() {
    let mut tail = Tail::default();
    for line in 0..LINES * 3 {
        tail.push(&format!("line {line}"));
    }
    tail.push(&"ü".repeat(LONGEST_LINE));
    let text = tail.to_string();
    assert_eq!(text.lines().count(), LINES);
    assert!(text.contains("line 119") && !text.contains("line 80\n"));
    assert!(text.len() < LONGEST_LINE + LINES * 20);
    assert!(tail.mentions(&["nothing", "line 119"]) && !tail.mentions(&["line 0"]));
}
