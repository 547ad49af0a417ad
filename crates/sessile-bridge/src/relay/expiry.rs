//! What happens because time has passed.

use sessile_protocol::error::{TIMEOUT, cancelled, error_response};
use sessile_protocol::{ErrorObject, Method};

use crate::calls::Call;
use crate::record::{Kind, Outcome, Record, Why};
use crate::ring::Content;
use crate::server_requests::ServerRequest;
use crate::time::Time;

use super::Relay;
use super::routing::Affinity;

impl Relay {
    /// Ends whatever is due.
    pub(super) fn expire(&mut self) {
        while let Some(call) = self.next_due_call() {
            self.expire_call(call);
        }
        while let Some(request) = self.next_due_server_request() {
            self.expire_server_request(request);
        }
        self.streams.cut_stalled(self.config.stall_timeout);
    }

    fn next_due_call(&mut self) -> Option<Call> {
        let id = self.calls.oldest().filter(|call| self.is_due(call.started))?.id.clone();
        self.calls.give_up(&id)
    }

    fn next_due_server_request(&mut self) -> Option<ServerRequest> {
        let id = self.server_requests.oldest().filter(|request| self.is_due(request.asked))?.id.clone();
        self.server_requests.give_up(&id)
    }

    fn is_due(&self, since: Time) -> bool {
        since + self.config.request_timeout <= self.now
    }

    fn expire_call(&mut self, call: Call) {
        let limit = self.config.request_timeout;
        self.give_up_at_server(&call.id, "request timed out");
        let error = ErrorObject::new(TIMEOUT, format!("server did not answer within {limit:?}"));
        self.fail_call(call, &error, Outcome::Timeout);
    }

    fn expire_server_request(&mut self, request: ServerRequest) {
        let limit = self.config.request_timeout;
        let error = ErrorObject::new(TIMEOUT, format!("client did not answer within {limit:?}"));
        self.write(error_response(Some(&request.id), &error));
        if self.streams.withdraw(&request.id) {
            let (id, method) = (Some(request.id.clone()), Some(request.method.clone()));
            self.record(Record::Undeliverable { kind: Kind::Request, id, method, why: Why::Timeout });
        } else {
            // The client has seen it, and may still be asking its user.
            let notice = cancelled(&request.id, "request timed out");
            let affinity = request.stream.map_or(Affinity::Listeners, Affinity::Stream);
            self.route(affinity, Content::Notification(Method::new("notifications/cancelled")), notice);
        }
        self.end_server_request(request, Outcome::Timeout);
    }
}
