//! Whose turn it is. No clock and no I/O: who waits too long leaves.
//!
//! Those who wait take turns: one start of one caller, then one of the next, and of one caller in the order in which they
//! came. A caller with a thousand waiting starts delays another by one start at a time. Whose start does not fit is passed
//! over and keeps its turn, so that nobody waits for room that only somebody else needs. The price: a large start may see
//! small ones go first until its time is over.

use super::budget::{Amount, Budgets, Full};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A waiting start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What became of asking.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// It was there.
    Granted,
    /// It will be told by [`Queue::next`]. What there was too little of.
    Waits(Ticket, Full),
    /// It could never be had, or too many wait already.
    Refused(Full),
}

#[derive(Debug)]
struct Start {
    ticket: Ticket,
    amount: Amount,
    /// What there was too little of when it came.
    full: Full,
}

/// What is taken, and who waits.
#[derive(Debug)]
pub(super) struct Queue<K> {
    budgets: Budgets,
    taken: Amount,
    capacity: usize,
    /// Starts that wait, by caller, in the order in which they came. No line is empty.
    lines: HashMap<K, VecDeque<Start>>,
    /// The callers that have a line, in the order of their turns.
    turns: VecDeque<K>,
    waiting: usize,
    tickets: u64,
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// At most `capacity` starts may wait.
    pub(super) fn new(budgets: Budgets, capacity: usize) -> Self {
        Self {
            budgets,
            taken: Amount::default(),
            capacity,
            lines: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
            tickets: 0,
        }
    }

    /// Asks for `amount` in the name of `caller`.
    pub(super) fn ask(&mut self, caller: K, amount: Amount) -> Asked {
        if let Some(full) = self.budgets.exceeded_by(amount) {
            return Asked::Refused(full);
        }
        let missing = self.budgets.exceeded_by(self.taken.plus(amount));
        let behind = self.lines.get(&caller).and_then(|line| line.front()).map(|first| first.full);
        // Where the caller waits already, it waits behind itself, whether this would fit or not.
        let Some(full) = missing.or(behind) else {
            self.taken = self.taken.plus(amount);
            return Asked::Granted;
        };
        if self.waiting >= self.capacity {
            return Asked::Refused(full);
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting += 1;
        if behind.is_none() {
            self.turns.push_back(caller.clone());
        }
        self.lines.entry(caller).or_default().push_back(Start { ticket, amount, full });
        Asked::Waits(ticket, full)
    }

    /// Takes `amount` if it is there and nobody waits.
    pub(super) fn take_spare(&mut self, amount: Amount) -> bool {
        let sum = self.taken.plus(amount);
        let fits = self.waiting == 0 && self.budgets.exceeded_by(sum).is_none();
        if fits {
            self.taken = sum;
        }
        fits
    }

    /// Takes `amount`, whether it is there or not.
    pub(super) fn take(&mut self, amount: Amount) {
        self.taken = self.taken.plus(amount);
    }

    /// Gives back what was granted. [`Queue::next`] is to be called then.
    pub(super) fn give_back(&mut self, amount: Amount) {
        self.taken = self.taken.minus(amount);
    }

    /// A start waits no more. [`Queue::next`] is to be called then.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        let found = self.lines.iter().find_map(|(caller, line)| {
            let place = line.iter().position(|start| start.ticket == ticket)?;
            Some((caller.clone(), place))
        });
        if let Some((caller, place)) = found {
            self.take_out(&caller, place);
        }
    }

    /// Grants what is free to whoever's turn it is and whom it is enough for. To be called until it gives nothing.
    pub(super) fn next(&mut self) -> Option<(Ticket, Amount)> {
        let fits = |caller: &K| {
            let first = self.lines.get(caller)?.front()?;
            let sum = self.taken.plus(first.amount);
            self.budgets.exceeded_by(sum).is_none().then_some(sum)
        };
        let (turn, sum) = self.turns.iter().enumerate().find_map(|(turn, caller)| Some((turn, fits(caller)?)))?;
        let caller = self.turns.remove(turn)?;
        // Its next turn comes after everybody else's.
        self.turns.push_back(caller.clone());
        let Start { ticket, amount, .. } = self.take_out(&caller, 0)?;
        self.taken = sum;
        Some((ticket, amount))
    }

    fn take_out(&mut self, caller: &K, place: usize) -> Option<Start> {
        let line = self.lines.get_mut(caller)?;
        let out = line.remove(place)?;
        self.waiting -= 1;
        if line.is_empty() {
            self.lines.remove(caller);
            self.turns.retain(|other| other != caller);
        }
        Some(out)
    }

    pub(super) fn budgets(&self) -> Budgets {
        self.budgets
    }

    pub(super) fn taken(&self) -> Amount {
        self.taken
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }
}
