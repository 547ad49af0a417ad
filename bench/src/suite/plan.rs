//! How much of everything.

use std::time::Duration;

/// The amounts of one run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How often every target has its turn.
    pub rounds: usize,
    /// How long calls are measured, at each number of clients.
    pub call: Duration,
    /// How long calls run before that.
    pub warmup: Duration,
    /// Numbers of clients, each in a session of its own.
    pub clients: Vec<usize>,
    /// New sessions in a round.
    pub new_sessions: usize,
    /// How long sessions churn in a round.
    pub churn: Duration,
    /// How many sessions churn at a time.
    pub churn_concurrency: usize,
    /// How long the calm calls are watched, with churn and without.
    pub calm: Duration,
    /// Calm calls per second.
    pub calm_per_second: f64,
    /// Numbers of live sessions in Sessile.
    pub scale: Vec<usize>,
    /// Numbers of live sessions in the peers, whose processes weigh more.
    pub peer_scale: Vec<usize>,
    /// Numbers of clients for each pair of eras, and for what is answered without a session.
    pub era_clients: [usize; 2],
    /// New sessions in a round of each server in another language.
    pub language_sessions: usize,
    /// Calls parked at one time, and the sessions that they are parked in. A session holds 128 at the most.
    pub parked: Vec<(usize, usize)>,
    /// Fewest answers at each number of parked calls.
    pub answers: usize,
    /// How long request states are sealed and opened.
    pub sealing: Duration,
}

impl Plan {
    /// What the published table is made from: under 15 minutes.
    pub fn full() -> Self {
        Self {
            rounds: 3,
            call: Duration::from_secs(3),
            warmup: Duration::from_millis(300),
            clients: vec![1, 16, 64],
            new_sessions: 40,
            churn: Duration::from_secs(4),
            churn_concurrency: 8,
            calm: Duration::from_secs(4),
            calm_per_second: 250.0,
            scale: vec![10, 30, 100, 300, 1_000, 2_000],
            peer_scale: vec![10, 100],
            era_clients: [1, 64],
            language_sessions: 8,
            parked: vec![(1, 1), (100, 1), (100, 10), (1_000, 10), (1_000, 100)],
            answers: 200,
            sealing: Duration::from_secs(1),
        }
    }

    /// A look: under 3 minutes.
    pub fn quick() -> Self {
        Self {
            rounds: 2,
            call: Duration::from_millis(800),
            warmup: Duration::from_millis(100),
            new_sessions: 12,
            churn: Duration::from_millis(1_200),
            calm: Duration::from_millis(1_600),
            scale: vec![10, 100, 300],
            peer_scale: vec![10, 30],
            language_sessions: 3,
            answers: 50,
            sealing: Duration::from_millis(200),
            ..Self::full()
        }
    }
}
