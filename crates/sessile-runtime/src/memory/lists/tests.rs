use super::*;
use std::time::Duration;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn key(number: usize, name: &str) -> ListKey {
    let mut asked = [0; 32];
    asked[..8].copy_from_slice(&number.to_be_bytes());
    ListKey { list: List::Tools, asked: Asked(asked), principal: name.into() }
}

fn result(text: &str, scope: &str) -> (Answer, Audience) {
    Answer::read(&format!(r#"{{"tools":"{text}","cacheScope":"{scope}","ttlMs":1000}}"#), NOW).unwrap()
}

impl Lists {
    fn add(&mut self, key: &ListKey, text: &str, scope: &str) {
        let (answer, audience) = result(text, scope);
        self.put(key.clone(), answer, audience);
    }

    fn says(&mut self, key: &ListKey, text: &str) -> bool {
        self.get(key, NOW).is_some_and(|result| result.contains(&format!(r#""{text}""#)))
    }

    fn counted(&self) -> usize {
        self.answers.values().map(Kept::size).sum()
    }
}

#[test]
fn public_answers_are_for_everyone_and_private_ones_for_one() {
    let (alice, bob) = (key(1, "alice"), key(1, "bob"));
    let mut lists = Lists::default();
    lists.add(&alice, "shared", "public");
    assert!(lists.says(&alice, "shared") && lists.says(&bob, "shared"));

    lists.add(&alice, "hers", "private");
    assert!(lists.says(&alice, "hers"));
    assert_eq!(lists.get(&bob, NOW), None, "what is private now is nobody else's, nor is what was public");
    lists.add(&bob, "his", "private");
    assert!(lists.says(&alice, "hers") && lists.says(&bob, "his"));
}

#[test]
fn an_unknown_scope_is_private() {
    let mut lists = Lists::default();
    lists.add(&key(1, "alice"), "x", "shared");
    assert_eq!(lists.get(&key(1, "bob"), NOW), None);
}

#[test]
fn the_least_recently_used_goes_first() {
    let mut lists = Lists::default();
    for number in 0..MOST {
        lists.add(&key(number, "alice"), "x", "public");
    }
    assert!(lists.says(&key(0, "alice"), "x"));
    lists.add(&key(MOST, "alice"), "x", "public");
    assert_eq!(lists.answers.len(), MOST);
    assert!(lists.says(&key(0, "alice"), "x"), "it was used");
    assert_eq!(lists.get(&key(1, "alice"), NOW), None, "it was not");
}

#[test]
fn bytes_are_bounded() {
    let mut lists = Lists::default();
    let large = "y".repeat(MOST_BYTES / 3);
    for number in 0..5 {
        lists.add(&key(number, "alice"), &large, "private");
        assert!(lists.bytes <= MOST_BYTES);
    }
    assert_eq!(lists.answers.len(), 2);
    assert!(lists.says(&key(4, "alice"), &large));
    assert_eq!(lists.bytes, lists.counted());

    lists.add(&key(9, "alice"), &"z".repeat(MOST_BYTES), "private");
    assert_eq!(lists.get(&key(9, "alice"), NOW), None, "too large by itself");
    assert!(lists.says(&key(4, "alice"), &large), "and nothing else had to go for it");
}

#[test]
fn what_is_over_or_forgotten_takes_no_room() {
    let mut lists = Lists::default();
    lists.add(&key(1, "alice"), "x", "public");
    assert_eq!(lists.get(&key(1, "alice"), NOW + Duration::from_secs(2)), None);
    assert_eq!((lists.answers.len(), lists.bytes), (0, 0));

    lists.add(&key(1, "alice"), "x", "public");
    assert!(!lists.forget(List::Prompts) && lists.says(&key(1, "alice"), "x"));
    assert!(lists.forget(List::Tools));
    assert_eq!((lists.answers.len(), lists.bytes), (0, 0));
}

#[test]
fn private_answers_are_not_among_what_is_kept_elsewhere() {
    let mut lists = Lists::default();
    lists.add(&key(1, "alice"), "x", "private");
    lists.add(&key(2, "alice"), "y", "public");
    let mut back = Lists::default();
    for (list, asked, answer) in lists.public() {
        back.restore(list, asked, answer.clone());
    }
    assert_eq!(back.get(&key(1, "alice"), NOW), None);
    assert!(back.says(&key(2, "bob"), "y"));
}
