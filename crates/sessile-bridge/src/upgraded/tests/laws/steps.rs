//! Random sessions. Numbers pick from what is there, so that steps mostly mean something.

use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// `initialize`, once more.
    Initialize(u8),
    /// A POST with a request that can have rounds, or one that cannot.
    Ask(u8, bool),
    /// A POST that is answered by the bridge.
    Ping(u8),
    Subscribe(u8, u8),
    Unsubscribe(u8, u8),
    /// A notification of the client.
    Tell(usize),
    /// The client answers a question that it has seen.
    Reply(usize, bool),
    /// The client gives up a request.
    Cancel(u8),
    /// A GET.
    Listen,
    /// A connection ends by itself.
    Close(usize),
    /// A connection takes up to so much.
    Pull(usize, u8),
    /// The server answers a request that is open.
    Answer(usize, Answer),
    /// The server answers whatever this is.
    Invent(u8),
    /// The server acknowledges a listen, up to this resource.
    Acknowledge(usize, u8),
    /// The server says that something has changed, on a listen of its choice.
    Changed(usize, u8),
    /// The server takes back a request that is open, or a question by its name.
    Withdraw(usize, u8),
    /// The server asks, as it must not.
    Question(u8),
    /// Seconds go by.
    Wait(u16),
    /// Another process goes on with the session.
    HandOver,
    /// The server ends.
    Gone,
}

/// What a server may say in answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Complete,
    Error,
    /// Input: how many to elicit, whether to sample too, whether with a state.
    Input(u8, bool, bool),
    /// Input that the client cannot give.
    Beyond,
    Nonsense(u8),
}

/// How a session comes to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Nobody answers any more.
    Timeout,
    /// The server ends; the client takes what is left.
    ServerGone,
    /// The session is forgotten.
    Session,
}

impl End {
    pub(super) const ALL: [Self; 3] = [Self::Timeout, Self::ServerGone, Self::Session];
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => Just(Answer::Complete),
        1 => Just(Answer::Error),
        5 => (0u8..3, any::<bool>(), any::<bool>()).prop_map(|(elicit, sample, state)| Answer::Input(elicit, sample, state)),
        1 => Just(Answer::Beyond),
        1 => (0u8..5).prop_map(Answer::Nonsense),
    ]
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || 0u8..5;
    let any = any::<usize>;
    let step = prop_oneof![
        3 => Just(Step::HandOver),
        1 => id().prop_map(Step::Initialize),
        8 => (id(), prop::bool::weighted(0.8)).prop_map(|(id, rounds)| Step::Ask(id, rounds)),
        1 => id().prop_map(Step::Ping),
        3 => (id(), 0u8..4).prop_map(|(id, uri)| Step::Subscribe(id, uri)),
        2 => (id(), 0u8..4).prop_map(|(id, uri)| Step::Unsubscribe(id, uri)),
        2 => any().prop_map(Step::Tell),
        6 => (any(), prop::bool::weighted(0.8)).prop_map(|(which, ok)| Step::Reply(which, ok)),
        2 => id().prop_map(Step::Cancel),
        2 => Just(Step::Listen),
        1 => any().prop_map(Step::Close),
        10 => (any(), 1u8..5).prop_map(|(which, most)| Step::Pull(which, most)),
        9 => (any(), answer()).prop_map(|(which, answer)| Step::Answer(which, answer)),
        1 => id().prop_map(Step::Invent),
        4 => (any(), 0u8..5).prop_map(|(which, up_to)| Step::Acknowledge(which, up_to)),
        3 => (any(), 0u8..4).prop_map(|(which, uri)| Step::Changed(which, uri)),
        1 => (any(), id()).prop_map(|(which, ask)| Step::Withdraw(which, ask)),
        1 => id().prop_map(Step::Question),
        2 => prop::sample::select(vec![1u16, 59, 61, 300, 900]).prop_map(Step::Wait),
        1 => prop::option::weighted(0.1, Just(Step::Gone)).prop_map(|gone| gone.unwrap_or(Step::Listen)),
    ];
    prop::collection::vec(step, 0..70)
}
