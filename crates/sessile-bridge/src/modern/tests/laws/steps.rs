//! Random sessions. Numbers pick from what is there, so that steps mostly mean something.

use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A request with this id: what, and what its client wants and can do.
    Ask { id: u8, what: What, token: bool, level: Option<bool>, capabilities: u8 },
    /// The client listens, to so much.
    Listen(u8, u8),
    /// The client comes back to a call that it got questions of, with answers of this kind.
    Retry(usize, Answers),
    /// The client answers questions of a task.
    TaskInput(usize, Answers),
    /// The client gives up a task.
    TaskCancel(usize),
    /// The client gives up a request with a message.
    Cancel(u8),
    /// The HTTP side wants a stream.
    Stream(usize),
    /// A connection ends by itself.
    Close(usize),
    /// A connection takes up to so much.
    Pull(usize, u8),
    /// The server answers something it was asked.
    Answer(usize, Reply),
    /// The server answers something that was taken back, or was never asked.
    LateAnswer(usize),
    /// The server asks.
    Question(u8, What),
    /// The server gives its question up.
    Withdraw(u8),
    /// The user has opened a URL.
    Completed,
    /// The server reports progress on something it was asked.
    Progress(usize, bool),
    /// The server logs so many bytes.
    Log(bool, u16),
    /// A list, or a resource, has changed.
    Changed(u8),
    /// Something for a subscription, at a modern server.
    Subscribed(usize, bool),
    /// One side says what makes no sense.
    Nonsense(usize),
    /// Milliseconds go by.
    Wait(u32),
    /// Another process goes on with the session.
    HandOver,
    /// The server ends.
    Gone,
}

/// A client's request, or a server's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Tool,
    Prompt,
    Resource,
    List,
    Discover,
    Unknown,
}

/// How the client answers questions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answers {
    All,
    First,
    Wrong,
    None,
    Nonsense,
}

/// How the server answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    Result,
    Error,
    Urls,
    Round,
    Task,
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
    let id = || 0u8..4;
    let which = any::<usize>;
    let what = || {
        prop_oneof![
            6 => Just(What::Tool), 2 => Just(What::Prompt), 1 => Just(What::Resource), 1 => Just(What::List),
            1 => Just(What::Discover), 1 => Just(What::Unknown)
        ]
    };
    let answers = || {
        prop_oneof![
            6 => Just(Answers::All), 2 => Just(Answers::First), 1 => Just(Answers::Wrong), 1 => Just(Answers::None),
            1 => Just(Answers::Nonsense)
        ]
    };
    let reply = prop_oneof![
        4 => Just(Reply::Result), 1 => Just(Reply::Error), 1 => Just(Reply::Urls), 3 => Just(Reply::Round),
        1 => Just(Reply::Task)
    ];
    let ask = (id(), what(), any::<bool>(), any::<Option<bool>>(), prop_oneof![3 => Just(15u8), 1 => any::<u8>()])
        .prop_map(|(id, what, token, level, capabilities)| Step::Ask { id, what, token, level, capabilities });
    let said = prop_oneof![
        2 => (which(), any::<bool>()).prop_map(|(which, words)| Step::Progress(which, words)),
        2 => (any::<bool>(), 0u16..700).prop_map(|(severe, size)| Step::Log(severe, size)),
        2 => any::<u8>().prop_map(Step::Changed),
        1 => (which(), any::<bool>()).prop_map(|(which, first)| Step::Subscribed(which, first)),
        1 => Just(Step::Completed),
        1 => which().prop_map(Step::Nonsense),
        1 => prop::option::weighted(0.1, Just(Step::Gone)).prop_map(|gone| gone.unwrap_or(Step::Completed)),
    ];
    let step = prop_oneof![
        3 => Just(Step::HandOver),
        7 => ask,
        2 => (id(), any::<u8>()).prop_map(|(id, filter)| Step::Listen(id, filter)),
        6 => (which(), answers()).prop_map(|(which, answers)| Step::Retry(which, answers)),
        2 => (which(), answers()).prop_map(|(which, answers)| Step::TaskInput(which, answers)),
        1 => which().prop_map(Step::TaskCancel),
        1 => id().prop_map(Step::Cancel),
        1 => which().prop_map(Step::Stream),
        2 => which().prop_map(Step::Close),
        8 => (which(), 1u8..5).prop_map(|(which, most)| Step::Pull(which, most)),
        8 => (which(), reply).prop_map(|(which, reply)| Step::Answer(which, reply)),
        1 => which().prop_map(Step::LateAnswer),
        6 => (id(), what()).prop_map(|(id, what)| Step::Question(id, what)),
        1 => id().prop_map(Step::Withdraw),
        8 => said,
        6 => prop::sample::select(vec![1u32, 20, 20, 1000, 2000, 5000, 20_000, 60_000, 120_000]).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..70)
}
