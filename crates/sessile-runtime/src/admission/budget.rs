//! Amounts of what a node has.

use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;

/// What a session may take, or all of them together have taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) sessions: u32,
    /// Bytes.
    pub(crate) memory: u64,
    /// Thousandths of a processor.
    pub(crate) millicores: u64,
}

/// What there is. `None` is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budgets {
    pub(crate) sessions: u32,
    /// Bytes.
    pub(crate) memory: Option<u64>,
    /// Thousandths of a processor.
    pub(crate) millicores: Option<u64>,
}

/// Something of which a node has only so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Live sessions.
    Sessions,
    /// Memory, in bytes.
    Memory,
    /// Processors, in cores.
    Cpu,
}

/// A budget that is taken up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Full {
    /// Of what.
    pub budget: Budget,
    /// How much of it there is.
    pub limit: f64,
}

impl Full {
    /// The same for programs.
    pub(crate) fn to_json(self) -> Value {
        let limit = match self.budget {
            Budget::Sessions | Budget::Memory => json!(self.limit as u64),
            Budget::Cpu => json!(self.limit),
        };
        json!({ "budget": self.budget, "limit": limit })
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        match self.budget {
            Budget::Sessions => write!(f, "this node already runs {limit} sessions, which is its limit"),
            Budget::Memory => {
                write!(f, "all memory that this node has for sessions is taken ({:.1} GiB)", limit / f64::from(1 << 30))
            }
            Budget::Cpu => write!(f, "all processors that this node has for sessions are taken ({limit})"),
        }
    }
}

impl Amount {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            sessions: self.sessions.saturating_add(other.sessions),
            memory: self.memory.saturating_add(other.memory),
            millicores: self.millicores.saturating_add(other.millicores),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            sessions: self.sessions.saturating_sub(other.sessions),
            memory: self.memory.saturating_sub(other.memory),
            millicores: self.millicores.saturating_sub(other.millicores),
        }
    }
}

impl Budgets {
    /// What `amount` is too much of.
    pub(crate) fn exceeded_by(&self, amount: Amount) -> Option<Full> {
        let full = |budget, limit| Some(Full { budget, limit });
        if amount.sessions > self.sessions {
            return full(Budget::Sessions, f64::from(self.sessions));
        }
        match (self.memory, self.millicores) {
            (Some(memory), _) if amount.memory > memory => full(Budget::Memory, memory as f64),
            (_, Some(millicores)) if amount.millicores > millicores => full(Budget::Cpu, millicores as f64 / 1e3),
            _ => None,
        }
    }
}

/// Cores as they are counted: in thousandths, so that adding and taking away leaves nothing over.
pub(crate) fn whole_millicores(cores: f64) -> u64 {
    (cores * 1e3).round() as u64
}
