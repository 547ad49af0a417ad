//! HTTP+SSE of 2024-11-05, where a `GET` is the session's one stream and every `POST` is answered there.
//! Off by default (`node.sse_2024`).

use crate::answer::{Failure, Reply, Wrong, empty_reply};
use crate::body;
use crate::post::{Call, read_payload};
use crate::reply::events;
use crate::stream::Resumption;
use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, Uri};
use http_body::Body;
use sessile_protocol::sse;
use sessile_runtime::{Listening, SessionId};

impl Call<'_> {
    /// `GET /sse`: starts a session and says where its messages go.
    pub(crate) async fn open_sse(&self, messages_path: &str) -> Result<Reply, Failure> {
        let session = self.node.start_single_stream(self.server, &self.principal).await.map_err(Wrong::from)?;
        let exchange = session.listen(None).map_err(Wrong::from)?.owning();
        let endpoint = format!("{messages_path}?sessionId={}", session.id().expose());
        let mut first = BytesMut::new();
        sse::encode(&mut first, None, None, Some("endpoint"), endpoint.as_bytes());
        Ok(events(Listening::Now(exchange), Resumption::Possible, first))
    }

    /// `POST /messages?sessionId=…`: one message; what it brings comes on the stream.
    pub(crate) async fn post_message<B>(&self, request: Request<B>) -> Result<Reply, Failure>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let (head, body) = request.into_parts();
        let Some(id) = session_of(&head.uri) else {
            return Err(Wrong::Shape("sessionId is missing from the address; use the one the stream named").into());
        };
        let session = self.node.find(self.server, &self.principal, &SessionId::from_client(id)).await;
        let session = session.map_err(Wrong::from)?;
        let body = body::read(body, self.server.message_limit()).await?;
        let messages = read_payload(body)?.into_messages();
        session.post(messages).await.map_err(Wrong::from)?;
        Ok(empty_reply(StatusCode::ACCEPTED))
    }
}

fn session_of(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("sessionId="))
}
