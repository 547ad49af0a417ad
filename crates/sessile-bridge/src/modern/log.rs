//! Log messages: how many the server sends, and who wants them (2026-07-28, server/utilities/logging).

use sessile_protocol::{LogLevel, Message, Object};

use crate::record::{Kind, Why};

use super::Modern;
use super::asked::Purpose;
use super::call::Call;

impl Modern {
    /// Tells a legacy server the level that suffices for every call it works on, when that is another than before.
    pub(super) fn tell_level(&mut self) {
        let wishes = self.calls.iter().filter(|(_, call)| call.is_running());
        let wanted = wishes.filter_map(|(_, call)| call.exchange.log.level()).min();
        let Some(level) = wanted.filter(|_| wanted != self.level) else {
            return;
        };
        if self.is_legacy() && self.profile().is_some_and(|profile| profile.has(&["logging"])) {
            self.level = wanted;
            self.ask("logging/setLevel", &format!(r#"{{"level":"{level}"}}"#), Purpose::Own);
        }
    }

    /// Brings a log message to the youngest call that wants it.
    pub(super) fn log_message(&mut self, message: Message) {
        let method = message.method().cloned();
        let params = message.params().and_then(Object::parse);
        let level = params.and_then(|params| params.string("level")).and_then(|level| LogLevel::parse(&level));
        let wants = |call: &Call| {
            let wish = call.exchange.log.level().filter(|_| call.is_running());
            wish.zip(level).is_some_and(|(wish, level)| wish <= level)
        };
        let stream = self.calls.youngest(wants).and_then(|id| self.calls.get(id)).map(|call| call.exchange.stream);
        match (stream, method) {
            (Some(stream), Some(method)) => self.tell(stream, method, message.into_raw()),
            (_, method) => self.undelivered(Kind::Notification, method, Why::NotWanted),
        }
    }
}
