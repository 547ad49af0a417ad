//! What makes room for what.

use super::*;

impl Ring {
    /// Panics unless the sums are right and the bounds kept.
    pub(crate) fn check(&self, max_bytes: usize, max_events: usize) {
        let sum = |loose: bool| -> usize {
            let of_kind = |position: &Position| self.loose.contains(position) || !loose;
            self.entries.iter().filter(|(at, _)| of_kind(at)).map(|(_, entry)| entry.data.len()).sum()
        };
        assert_eq!((self.bytes, self.loose_bytes), (sum(false), sum(true)));
        assert!(self.loose.iter().all(|position| self.entries.contains_key(position)));
        assert!(self.entries.len() <= 1 || (self.bytes <= max_bytes && self.entries.len() <= max_events));
    }

    /// All events, and whether each is held.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Position, &Entry, bool)> {
        self.entries.iter().map(|(position, entry)| (*position, entry, !self.loose.contains(position)))
    }
}

fn event(size: usize) -> Entry {
    let content = Content::Notification("n".into());
    Entry { stream: None, sequence: 0, content, data: vec![b'x'; size].into(), sent: false }
}

#[test]
fn only_loose_events_make_room_oldest_first() {
    let mut ring = Ring::new(10, 10);
    let held = ring.push(event(4));
    let first = ring.push(event(4));
    ring.loosen(first);
    let second = ring.push(event(4));
    ring.loosen(second);
    assert!(ring.is_over());
    assert_eq!((ring.oldest_loose(second), ring.oldest_loose(first)), (Some(first), None));
    assert_eq!(ring.remove(first).map(|entry| entry.data.len()), Some(4));
    assert!(!ring.is_over());
    assert_eq!(ring.oldest_loose(second), None, "the newest makes no room for itself");
    ring.hold(second);
    assert!(ring.is_backlogged());
    ring.loosen(held);
    ring.loosen(held);
    ring.check(10, 10);
    assert!(!ring.is_backlogged());
}

#[test]
fn only_what_nobody_took_is_found_by_its_request() {
    let mut ring = Ring::new(10, 10);
    let content = Content::Request(1.into(), "roots/list".into());
    let position = ring.push(Entry { content, ..event(1) });
    assert_eq!((ring.unsent_request(&1.into()), ring.unsent_request(&2.into())), (Some(position), None));
    ring.get_mut(position).unwrap().sent = true;
    assert_eq!(ring.unsent_request(&1.into()), None);
}
