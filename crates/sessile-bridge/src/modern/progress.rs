//! Progress goes to the call it is about, wherever that stands.

use sessile_protocol::{Message, Method};

use crate::mint::CallId;
use crate::record::{Kind, Why};

use super::Modern;
use super::asked::Purpose;
use super::call::Phase;
use super::rewrite;

impl Modern {
    /// The server has reported progress.
    pub(super) fn progress(&mut self, message: Message) {
        let token = message.progress_token();
        let purpose = token.and_then(|token| self.asked.get(token.as_json()));
        let Some(&Purpose::Call(id)) = purpose else {
            return self.unwanted(&message);
        };
        let Some(call) = self.calls.get_mut(id) else {
            return self.unwanted(&message);
        };
        match call.phase {
            // Its client sees the newest when it comes back.
            Phase::Parked { .. } => {
                if let Some(old) = call.progress.replace(message) {
                    self.undelivered(Kind::Notification, old.method().cloned(), Why::Superseded);
                }
            }
            Phase::Task(_) => self.task_progress(id, &message),
            Phase::Queued(_) | Phase::Running | Phase::Gathering { .. } => self.pass_progress(id, &message),
        }
    }

    /// Sends what came last while the client was away.
    pub(super) fn catch_up(&mut self, id: CallId) {
        if let Some(progress) = self.calls.get_mut(id).and_then(|call| call.progress.take()) {
            self.pass_progress(id, &progress);
        }
    }

    fn pass_progress(&mut self, id: CallId, message: &Message) {
        let exchange = self.calls.get(id).map(|call| &call.exchange);
        let place = exchange.and_then(|exchange| exchange.token.as_ref().map(|token| (exchange.stream, token)));
        let Some((stream, token)) = place else {
            return self.unwanted(message);
        };
        let data = rewrite::progress(message, token);
        self.tell(stream, Method::new("notifications/progress"), data);
    }

    /// Records a notification that nobody asked for.
    pub(super) fn unwanted(&mut self, message: &Message) {
        self.undelivered(Kind::Notification, message.method().cloned(), Why::NotWanted);
    }
}
