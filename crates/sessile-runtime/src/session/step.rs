//! One step of a session: a change under its lock, and what the bridge asks for then.

use std::task::Waker;
use std::time::Instant;

use sessile_bridge::{Action, Record};
use sessile_protocol::Message;

use super::Session;
use super::locked::Core;
use super::parts::{Opened, Span};
use crate::stop::StopReason;

/// The request that is no call: it lasts as long as its client listens.
const LISTEN: &str = "subscriptions/listen";
/// Requests that ask for a list that may change.
const LISTS: [&str; 4] = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];
/// Requests of which every client makes some before it wants anything.
const GREETINGS: [&str; 4] = ["initialize", "ping", "server/discover", "logging/setLevel"];
/// Tasks of the server's own that one session remembers.
const SERVER_TASKS: usize = 1024;

impl Session {
    /// Runs `change` under the lock, then carries out what the bridge asks for. What has changed is written down before anything of it
    /// reaches the server or a client.
    pub(crate) fn step<R>(&self, change: impl FnOnce(&mut Core) -> R) -> R {
        self.step_and(change, true)
    }

    /// The same for a change that need not be written down: another runtime finds out by itself.
    pub(crate) fn glance<R>(&self, change: impl FnOnce(&mut Core) -> R) -> R {
        self.step_and(change, false)
    }

    fn step_and<R>(&self, change: impl FnOnce(&mut Core) -> R, counts: bool) -> R {
        let mut wake: [Option<Waker>; 4] = [const { None }; 4];
        let mut more: Vec<Waker> = Vec::new();
        let (result, ended_calls, call_pump) = {
            let mut core = self.lock();
            let was_backlogged = core.bridge.is_backlogged();
            let result = change(&mut core);
            let mut ended_calls = 0;
            let mut is_written = false;
            while let Some(action) = core.bridge.poll() {
                match action {
                    Action::ToServer(message) => {
                        core.input.add(message);
                        is_written = true;
                    }
                    Action::Wake(connection) => {
                        if let Some(waker) = core.wakers.remove(&connection) {
                            match wake.iter_mut().find(|place| place.is_none()) {
                                Some(place) => *place = Some(waker),
                                None => more.push(waker),
                            }
                        }
                    }
                    Action::Record(record) => {
                        ended_calls += usize::from(gives_place_back(&record));
                        core.told |= matches!(&record, Record::CallEnded { method, .. } if LISTS.contains(&&**method));
                        crate::records::emit(self, &record);
                    }
                    Action::Ready(profile) => {
                        self.hosted.opened_as(self.since, &profile);
                        self.opened_server.send_replace(Opened::Ready(profile));
                    }
                    Action::Unopened(error) => {
                        self.opened_server.send_replace(Opened::Failed(error));
                    }
                    Action::ListChanged(list) if core.has_lists() => self.hosted.memory().changed(list),
                    Action::ListChanged(_) => {}
                    Action::Task(change) => {
                        if let Some(tasks) = &self.tasks {
                            tasks.note(self, &change);
                        }
                    }
                    Action::ServerTask(task) => {
                        if core.server_tasks.len() < SERVER_TASKS {
                            core.server_tasks.insert(task);
                        }
                    }
                }
            }
            if ended_calls > 0 {
                core.calls += ended_calls as u64;
                core.taken_places = core.taken_places.saturating_sub(ended_calls);
                core.last_active = Instant::now();
            }
            if self.span == Span::Request && core.held && core.holds == 0 && core.bridge.in_flight() == 0 {
                core.stop.get_or_insert(StopReason::RequestEnded);
            }
            if counts || is_written {
                self.write_down(&mut core);
            }
            if is_written {
                core.input.flush();
            }
            let call_pump = core.input.queued() > 0
                || core.stop.is_some()
                || (was_backlogged && !core.bridge.is_backlogged())
                || core.deadline_moved_closer(self);
            (result, ended_calls, call_pump)
        };
        if ended_calls > 0 {
            self.places.add_permits(ended_calls);
        }
        if call_pump {
            self.pump.notify_one();
        }
        wake.into_iter().flatten().chain(more).for_each(Waker::wake);
        result
    }
}

/// Whether a message takes one of the places of requests in flight. A listener only listens.
pub(super) fn takes_place(message: &Message) -> bool {
    message.is_request() && message.method().is_some_and(|method| method != LISTEN)
}

/// Whether a message asks the server for more than what it is.
pub(super) fn asks_for_something(message: &Message) -> bool {
    let method = message.method().filter(|_| message.is_request());
    method.is_some_and(|method| method != LISTEN && !LISTS.contains(&&**method) && !GREETINGS.contains(&&**method))
}

fn gives_place_back(record: &Record) -> bool {
    matches!(record, Record::CallEnded { method, .. } if method != LISTEN)
}
