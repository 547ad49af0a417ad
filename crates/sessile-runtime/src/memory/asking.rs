//! Finding out at once what would be found out in time: each era, asked for on purpose.

use crate::error::OpenError;
use crate::exchange::Exchange;
use crate::hosted::Hosted;
use crate::node::Node;
use crate::session::Span;
use crate::stop::StopReason;
use sessile_bridge::{ClientProfile, Pull};
use sessile_identity::Principal;
use sessile_protocol::{Body, LegacyVersion, Message};
use std::sync::Arc;

impl Node {
    /// Starts a server once as a legacy client would and once as a modern one would, so that it is known what it speaks
    /// ([`remembered_eras`](crate::remembered_eras)). The sessions for it end again.
    ///
    /// # Errors
    /// As [`Node::open`], when it can be opened in neither era.
    pub async fn find_eras(&self, server: &Arc<Hosted>) -> Result<(), OpenError> {
        let nobody = Principal::anonymous();
        let info = serde_json::json!({ "name": "sessile", "version": env!("CARGO_PKG_VERSION") });
        let initialize = serde_json::json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": LegacyVersion::LATEST.as_str(),
                "capabilities": {},
                "clientInfo": info,
            },
        });
        if let Ok(initialize) = Message::parse(initialize.to_string().into())
            // Whether it can be opened at all is seen below; an exchange that is dropped ends its session.
            && let Ok(mut exchange) = self.open(server, &nobody, initialize).await
        {
            wait_for_answer(&mut exchange).await;
        }
        let client = ClientProfile { info: Some(info.to_string()), capabilities: "{}".to_owned() };
        let opened = self.open_modern(server, &nobody, &nobody, &client, Span::Idle).await;
        let speaks_legacy = server.memory().eras().legacy == Some(true);
        server.memory().save();
        match opened {
            Ok(session) => session.stop(StopReason::ClientGone),
            Err(_) if speaks_legacy => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Waits until `initialize` is answered, whatever is said before.
async fn wait_for_answer(exchange: &mut Exchange) {
    loop {
        let text = match exchange.pull().await {
            Pull::Json(_) | Pull::End | Pull::Cut(_) => return,
            Pull::Event(event) => event.data,
            Pull::OpenSse | Pull::Pending => continue,
        };
        if Message::parse(text).is_ok_and(|message| matches!(message.body(), Body::Response { .. })) {
            return;
        }
    }
}
