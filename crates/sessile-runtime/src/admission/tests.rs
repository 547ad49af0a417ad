//! Turns, shares and places.

use super::budget::Amount;
use super::queue::{Asked, Queue, Ticket};
use super::*;
use crate::OpenError;
use proptest::prelude::*;
use sessile_identity::Principal;
use std::collections::BTreeMap;

const ONE: Amount = Amount { sessions: 1, memory: 10, millicores: 1000 };

fn sessions(count: u32) -> Budgets {
    Budgets { sessions: count, memory: None, millicores: None }
}

fn ticket(asked: Asked) -> Ticket {
    match asked {
        Asked::Waits(ticket, _) => ticket,
        other => panic!("it does not wait: {other:?}"),
    }
}

fn admission(budgets: Budgets, timeout: Duration) -> Arc<Admission> {
    Admission::new(budgets, Patience { starts: 2, timeout }, Telemetry::new())
}

#[test]
fn places_are_given_back_when_they_go() {
    let admission = admission(sessions(9), Duration::ZERO);
    let (server, who) = ("files".into(), Principal::anonymous());
    let limits = ServerLimits { sessions: 2, sessions_per_principal: 1 };
    let first = admission.place(&server, &who, limits).unwrap();
    assert!(matches!(admission.place(&server, &who, limits), Err(OpenError::PrincipalFull { limit: 1 })));
    assert_eq!(admission.places_of("files"), 1);
    drop(first);
    assert_eq!(admission.places_of("files"), 0);
    let many = ServerLimits { sessions: 2, sessions_per_principal: 9 };
    let _two = [admission.place(&server, &who, many).unwrap(), admission.place(&server, &who, many).unwrap()];
    assert!(matches!(admission.place(&server, &who, many), Err(OpenError::ServerFull { limit: 2 })));
}

#[test]
fn callers_take_turns_however_many_one_has_waiting() {
    let mut queue = Queue::new(sessions(1), 2000);
    assert_eq!(queue.ask("greedy", ONE), Asked::Granted);
    let greedy: Vec<_> = (0..1000).map(|_| ticket(queue.ask("greedy", ONE))).collect();
    let modest = ticket(queue.ask("modest", ONE));
    let mut order = Vec::new();
    for _ in 0..3 {
        queue.give_back(ONE);
        order.push(queue.next().unwrap().0);
        assert!(queue.next().is_none(), "there is one place");
    }
    assert_eq!(order, [greedy[0], modest, greedy[1]]);
}

#[test]
fn what_does_not_fit_is_passed_over_and_keeps_its_turn() {
    let budgets = Budgets { sessions: 9, memory: Some(100), millicores: None };
    let memory = |memory| Amount { sessions: 1, memory, millicores: 0 };
    let mut queue = Queue::new(budgets, 9);
    for _ in 0..2 {
        assert_eq!(queue.ask("a", memory(50)), Asked::Granted);
    }
    let large = ticket(queue.ask("b", memory(80)));
    let behind_it = ticket(queue.ask("b", memory(20)));
    let small = ticket(queue.ask("c", memory(20)));
    queue.give_back(memory(50));
    assert_eq!(queue.next(), Some((small, memory(20))));
    assert_eq!(queue.next(), None, "of one caller, the first goes first");
    queue.give_back(memory(50));
    assert_eq!(queue.next(), Some((large, memory(80))));
    queue.give_back(memory(80));
    assert_eq!(queue.next(), Some((behind_it, memory(20))));
}

#[test]
fn what_could_never_fit_and_what_is_too_much_to_wait_is_refused_at_once() {
    let budgets = Budgets { sessions: 1, memory: Some(100), millicores: Some(2000) };
    let mut queue = Queue::new(budgets, 1);
    let never = queue.ask("a", Amount { sessions: 1, memory: 101, millicores: 0 });
    assert_eq!(never, Asked::Refused(Full { budget: Budget::Memory, limit: 100.0 }));
    let never = queue.ask("a", Amount { sessions: 1, memory: 1, millicores: 2001 });
    assert_eq!(never, Asked::Refused(Full { budget: Budget::Cpu, limit: 2.0 }));
    assert_eq!(queue.ask("a", ONE), Asked::Granted);
    let first = ticket(queue.ask("a", ONE));
    assert_eq!(queue.ask("b", ONE), Asked::Refused(Full { budget: Budget::Sessions, limit: 1.0 }));
    assert!(!queue.take_spare(ONE));
    queue.leave(first);
    assert_eq!(queue.waiting(), 0);
    assert!(matches!(queue.ask("b", ONE), Asked::Waits(..)));
}

#[derive(Clone, Debug)]
struct Visit {
    caller: u8,
    at: u64,
    stays: u64,
    memory: u64,
}

proptest! {
    /// A node on which sessions come and go, in a time of its own. What is taken never exceeds the budgets and is all
    /// given back; whoever waits has no free room that its turn allows; nobody waits longer than its patience; and of
    /// callers who ask for the same, one that waits is passed by another at most once for each place that gets free.
    #[test]
    fn the_laws_of_waiting(
        visits in prop::collection::vec(
            (0_u8..4, 0_u64..200, 1_u64..40, 1_u64..4).prop_map(|(caller, at, stays, memory)| {
                Visit { caller, at, stays, memory: memory * 10 }
            }),
            1..120,
        ),
        places in 1_u32..6,
        memory in 3_u64..12,
        patience in 1_u64..60,
    ) {
        let budgets = Budgets { sessions: places, memory: Some(memory * 10), millicores: None };
        let mut queue = Queue::new(budgets, 40);
        let mut waiting: BTreeMap<Ticket, (Visit, u64)> = BTreeMap::new();
        let mut running: Vec<(u64, Amount)> = Vec::new();
        for now in 0..400_u64 {
            let amount = |visit: &Visit| Amount { sessions: 1, memory: visit.memory, millicores: 0 };
            let (over, go_on): (Vec<_>, Vec<_>) = running.into_iter().partition(|(end, _)| *end <= now);
            running = go_on;
            for (_, amount) in over {
                queue.give_back(amount);
            }
            let tired: Vec<_> = waiting.iter().filter(|(_, (_, since))| now - since >= patience).map(|(t, _)| *t).collect();
            let mut granted = Vec::new();
            granted.extend(std::iter::from_fn(|| queue.next()));
            for ticket in tired {
                if !granted.iter().any(|(given, _)| *given == ticket) {
                    queue.leave(ticket);
                    waiting.remove(&ticket);
                }
            }
            granted.extend(std::iter::from_fn(|| queue.next()));
            let mut served: BTreeMap<u8, Vec<Ticket>> = BTreeMap::new();
            for (ticket, amount) in granted {
                let (visit, _) = waiting.remove(&ticket).expect("only who waits is served");
                prop_assert_eq!(amount.memory, visit.memory);
                served.entry(visit.caller).or_default().push(ticket);
                // Of one caller, nobody who came earlier still waits.
                let earlier = waiting.iter().any(|(other, (theirs, _))| theirs.caller == visit.caller && *other < ticket);
                prop_assert!(!earlier);
                running.push((now + visit.stays, amount));
            }
            for visit in visits.iter().filter(|visit| visit.at == now) {
                match queue.ask(visit.caller, amount(visit)) {
                    Asked::Granted => running.push((now + visit.stays, amount(visit))),
                    Asked::Waits(ticket, _) => {
                        waiting.insert(ticket, (visit.clone(), now));
                    }
                    Asked::Refused(_) => {
                        let never = visit.memory > memory * 10;
                        prop_assert!(never || waiting.len() == 40);
                    }
                }
            }
            prop_assert!(queue.next().is_none(), "what could be had was given");
            prop_assert_eq!(queue.waiting(), waiting.len());
            let taken = running.iter().fold(Amount::default(), |sum, (_, amount)| sum.plus(*amount));
            prop_assert_eq!(queue.taken(), taken);
            prop_assert!(budgets.exceeded_by(taken).is_none());
            prop_assert!(waiting.values().all(|(_, since)| now - since <= patience));
        }
        prop_assert_eq!((queue.taken(), queue.waiting()), (Amount::default(), 0));
    }

    /// Of callers that ask for the same, none is served twice before another that waits was served once.
    #[test]
    fn turns_go_round(lines in prop::collection::vec(1_usize..30, 2..8)) {
        let mut queue = Queue::new(sessions(1), 1000);
        prop_assert_eq!(queue.ask(usize::MAX, ONE), Asked::Granted);
        let mut owner = BTreeMap::new();
        for (caller, length) in lines.iter().enumerate() {
            for _ in 0..*length {
                owner.insert(ticket(queue.ask(caller, ONE)), caller);
            }
        }
        let mut left = lines;
        let mut round = Vec::new();
        for _ in 0..owner.len() {
            queue.give_back(ONE);
            let (ticket, _) = queue.next().expect("somebody waits");
            let caller = owner[&ticket];
            prop_assert!(!round.contains(&caller), "{caller} goes twice in {round:?}");
            round.push(caller);
            left[caller] -= 1;
            if (0..left.len()).all(|other| left[other] == 0 || round.contains(&other)) {
                round.clear();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_until_its_time_is_over() {
    let admission = admission(sessions(1), Duration::from_secs(5));
    let who = Principal::anonymous();
    let held = admission.share(&who, ONE, || {}).await.unwrap();
    let began = tokio::time::Instant::now();
    let refused = admission.share(&who, ONE, || {}).await.unwrap_err();
    assert!(matches!(refused, OpenError::NodeFull(Full { budget: Budget::Sessions, .. })), "{refused:?}");
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert!(!admission.is_waited_for());
    drop(held);
    assert_eq!(admission.standing().taken, Amount::default());
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_holds_nobody_up() {
    let admission = admission(sessions(1), Duration::from_secs(5));
    let who = Principal::anonymous();
    let held = admission.share(&who, ONE, || {}).await.unwrap();
    let leaves = tokio::time::timeout(Duration::from_secs(1), admission.share(&who, ONE, || {})).await;
    assert!(leaves.is_err(), "nothing was free");
    let mut made_room = false;
    let (next, ()) = tokio::join!(admission.share(&who, ONE, || made_room = true), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(admission.spare(ONE).is_none(), "nothing is spare while somebody waits");
        drop(held);
    });
    assert!(made_room);
    drop(next.unwrap());
    assert!(admission.spare(ONE).is_some());
    assert_eq!(admission.standing().taken, Amount::default());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_ends_lets_nobody_wait() {
    let admission = admission(sessions(1), Duration::from_secs(5));
    let who = Principal::anonymous();
    let held = admission.share(&who, ONE, || {}).await.unwrap();
    let (refused, ()) = tokio::join!(admission.share(&who, ONE, || {}), async { admission.close() });
    assert!(matches!(refused, Err(OpenError::Draining)));
    drop(held);
    assert!(matches!(admission.share(&who, ONE, || {}).await, Err(OpenError::Draining)));
    assert!(admission.spare(ONE).is_none());
}
