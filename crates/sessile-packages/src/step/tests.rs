use super::overlay;

#[test]
fn later_variables_win() {
    let set =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    let env = overlay(set(&[("A", "1"), ("B", "1")]), set(&[("B", "2"), ("B", "3")]).into_iter());
    assert_eq!(env, set(&[("A", "1"), ("B", "3")]));
}
