use proptest::prelude::*;

use super::*;

fn surroundings() -> Surroundings {
    Surroundings::new("/", |name| (name == "A").then(|| "${B}".to_owned()))
}

#[test]
fn values_are_not_expanded_again() {
    assert_eq!(expand("<${A}>", &surroundings()), Ok("<${B}>".to_owned()));
}

#[test]
fn every_unset_variable_is_named() {
    let faults = expand("${X} ${A} ${Y}", &surroundings()).expect_err("unset");
    assert_eq!(faults.len(), 2);
    assert!(faults[0].contains(" X ") && faults[1].contains(" Y "), "{faults:?}");
}

#[test]
fn what_is_no_name_is_refused() {
    for text in ["${}", "${1}", "${a b}", "${a-b}", "${input:key}", "${:-x}", "${A", "${A}${"] {
        assert!(expand(text, &surroundings()).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn text_without_a_variable_stays(text in "[^$]*") {
        prop_assert_eq!(expand(&text, &surroundings()), Ok(text));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[${}A:\\-x]{0,20}") {
        let _ = expand(&text, &surroundings());
    }
}
