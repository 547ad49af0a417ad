//! What happens because time has passed.

use std::collections::VecDeque;

use sessile_protocol::ErrorObject;
use sessile_protocol::error::TIMEOUT;

use crate::mint::CallId;
use crate::record::Outcome;
use crate::time::Time;

use super::Modern;
use super::call::{Call, Phase};

/// How many calls are remembered that waited for their client for too long.
const EXPIRED: usize = 256;

impl Modern {
    /// When to send [`Event::Tick`](crate::Event::Tick), if nothing happens before.
    pub fn deadline(&self) -> Option<Time> {
        let calls = self.calls.iter().filter_map(|(_, call)| self.due(call)).min();
        let questions = self.homeless.iter().map(|question| question.asked + self.config.request_timeout).min();
        let subscribes = self.subscriptions.oldest_unconfirmed().map(|asked| asked + self.config.request_timeout);
        let tasks = self.server_tasks.values().min().copied();
        let stall = self.streams.stall_deadline(self.config.stall_timeout);
        [calls, questions, subscribes, tasks, stall, self.probe_deadline()].into_iter().flatten().min()
    }

    /// Ends whatever is due.
    pub(super) fn expire(&mut self) {
        self.expire_probe();
        while let Some(id) = self.calls.find(|call| self.due(call).is_some_and(|due| due <= self.now)) {
            self.expire_call(id);
        }
        let limit = self.config.request_timeout;
        let error = ErrorObject::new(TIMEOUT, format!("no call came within {limit:?} that the client could answer on"));
        let is_due = |asked: Time| asked + limit <= self.now;
        let homeless = std::mem::take(&mut self.homeless);
        let (due, open): (VecDeque<_>, _) = homeless.into_iter().partition(|question| is_due(question.asked));
        self.homeless = open;
        for question in due {
            self.reject(question, &error);
        }
        self.expire_subscribes();
        let now = self.now;
        self.server_tasks.retain(|_, until| *until > now);
        self.streams.cut_stalled(self.config.stall_timeout);
    }

    /// When something happens to a call.
    fn due(&self, call: &Call) -> Option<Time> {
        let overdue = call.exchange.since + self.config.request_timeout;
        match &call.phase {
            Phase::Queued(_) => Some(overdue),
            Phase::Running => {
                let may_be_task = call.is_promotable && call.exchange.capabilities.tasks;
                let promotion = self.config.promote_after.filter(|_| may_be_task);
                Some(promotion.map_or(overdue, |after| overdue.min(call.exchange.since + after)))
            }
            Phase::Gathering { until, .. } => Some(overdue.min(*until)),
            Phase::Parked { until, .. } => Some(*until),
            Phase::Task(task) => task.due(),
        }
    }

    fn expire_call(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let is_overdue = call.exchange.since + self.config.request_timeout <= self.now;
        match call.phase {
            Phase::Queued(_) | Phase::Running | Phase::Gathering { .. } if is_overdue => self.time_out(id),
            Phase::Queued(_) => {}
            Phase::Running => self.promote(id),
            Phase::Gathering { .. } => self.park(id),
            Phase::Parked { .. } => self.expire_parked(id),
            Phase::Task(_) => self.expire_task(id),
        }
    }

    fn time_out(&mut self, id: CallId) {
        let limit = self.config.request_timeout;
        self.give_up_at_server(id, "request timed out");
        let error = ErrorObject::new(TIMEOUT, format!("server did not answer within {limit:?}"));
        self.fail_call(id, &error, Outcome::Timeout);
    }

    fn expire_parked(&mut self, id: CallId) {
        self.give_up_at_server(id, "the client did not come back with the input");
        if self.expired.len() == EXPIRED {
            self.expired.pop_front();
        }
        self.expired.push_back(id);
        self.drop_parked(id, &self.input_is_late(), Outcome::Timeout);
    }

    /// What a server is told whose question nobody answered.
    pub(super) fn input_is_late(&self) -> ErrorObject {
        let limit = self.config.park_timeout;
        ErrorObject::new(TIMEOUT, format!("client did not answer within {limit:?}"))
    }
}
