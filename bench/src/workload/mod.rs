//! The shapes of load. Each is bounded in count and time, checks every answer, and ends early on request.

mod bystander;
mod call;
mod churn;
mod crew;
mod new_session;
mod pace;
mod parking;
mod scale;

pub use bystander::{BystanderLoad, bystander};
pub use call::{CallLoad, call};
pub use churn::{ChurnLoad, churn};
pub(crate) use crew::{Crew, first_id, give_up};
pub use new_session::{NewSessionLoad, new_session};
pub(crate) use pace::{Budget, Pace};
pub use parking::{ParkLoad, park};
pub use scale::{ScaleLoad, ScaleStep, scale};

#[cfg(test)]
mod tests;
