//! Random sessions. Numbers pick from what is there, so that steps mostly mean something.

use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A POST with these request ids; `true` adds a progress token.
    Ask(Vec<(u8, bool)>),
    /// A GET.
    Listen,
    /// A GET with a `Last-Event-ID` that was given out.
    Resume(usize),
    /// The HTTP side wants a stream.
    Stream(usize),
    /// A connection ends by itself.
    Close(usize),
    /// A connection takes up to so much.
    Pull(usize, u8),
    /// The client answers a server request.
    Reply(u8),
    /// The client gives up a request.
    Cancel(u8),
    /// The server answers a request.
    Answer(u8),
    /// The server asks.
    Question(u8),
    /// The server gives its question up.
    Withdraw(u8),
    /// The server reports progress on a token.
    Progress(u8),
    /// The server says something of so many bytes.
    Tell(u16),
    /// A list has changed.
    Changed,
    /// Seconds go by.
    Wait(u16),
    /// Another process goes on with the session.
    HandOver,
    /// The server ends.
    Gone,
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

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = || 0u8..5;
    let step = prop_oneof![
        3 => Just(Step::HandOver),
        6 => (id(), any::<bool>()).prop_map(|one| Step::Ask(vec![one])),
        1 => prop::collection::vec((id(), any::<bool>()), 2..4).prop_map(Step::Ask),
        2 => Just(Step::Listen),
        3 => any::<usize>().prop_map(Step::Resume),
        2 => any::<usize>().prop_map(Step::Stream),
        3 => any::<usize>().prop_map(Step::Close),
        9 => (any::<usize>(), 1u8..5).prop_map(|(which, most)| Step::Pull(which, most)),
        3 => id().prop_map(Step::Reply),
        1 => id().prop_map(Step::Cancel),
        5 => id().prop_map(Step::Answer),
        4 => id().prop_map(Step::Question),
        1 => id().prop_map(Step::Withdraw),
        2 => id().prop_map(Step::Progress),
        3 => (0u16..700).prop_map(Step::Tell),
        2 => Just(Step::Changed),
        2 => prop::sample::select(vec![1u16, 3, 5, 300, 900]).prop_map(Step::Wait),
        1 => prop::option::weighted(0.1, Just(Step::Gone)).prop_map(|gone| gone.unwrap_or(Step::Changed)),
    ];
    prop::collection::vec(step, 0..60)
}
