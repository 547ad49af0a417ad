//! Tools as the server lists them.
//!
//! A client must leave out tools whose `x-mcp-header` annotations are not valid (2026-07-28,
//! basic/transports/streamable-http, "Schema Extension"), and the SDK does so without a word. Whoever tries a server
//! wants to hear of them, so its lists are read here on their way to the SDK.

use reqwest::header::{HeaderName, HeaderValue};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ServerJsonRpcMessage, ServerResult, Tool};
use rmcp::transport::common::client_side_sse::BoxedSseResponse;
use rmcp::transport::streamable_http_client::{StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Headers = HashMap<HeaderName, HeaderValue>;
type Failure = StreamableHttpError<reqwest::Error>;

/// The tools of every list that came, before the SDK saw it. Bounded by the pages that are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed(Arc<Mutex<Vec<Tool>>>);

impl Listed {
    /// What was listed and is not in `tools`.
    pub(super) fn besides(&self, tools: &[Tool]) -> Vec<Tool> {
        let mut listed = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        listed.retain(|tool| tools.iter().all(|known| known.name != tool.name));
        listed
    }

    fn add(&self, message: &ServerJsonRpcMessage) {
        if let ServerJsonRpcMessage::Response(response) = message
            && let ServerResult::ListToolsResult(page) = &response.result
        {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&page.tools);
        }
    }
}

/// The HTTP client of a modern connection.
#[derive(Clone)]
pub(super) struct Listening {
    pub(super) http: reqwest::Client,
    pub(super) listed: Listed,
}

impl StreamableHttpClient for Listening {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let lists = is_list(&message);
        let response = self.http.post_message(uri, message, session_id, auth_header, custom_headers).await?;
        if lists { self.read(response).await } else { Ok(response) }
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: Headers,
        most: usize,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let lists = is_list(&message);
        let post =
            self.http.post_message_with_max_sse_event_size(uri, message, session_id, auth_header, custom_headers, most);
        let response = post.await?;
        if lists { self.read(response).await } else { Ok(response) }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<(), Failure> {
        self.http.delete_session(uri, session_id, auth_header, custom_headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<BoxedSseResponse, Failure> {
        self.http.get_stream(uri, session_id, last_event_id, auth_header, custom_headers).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: Headers,
        most: usize,
    ) -> Result<BoxedSseResponse, Failure> {
        let http = &self.http;
        http.get_stream_with_max_sse_event_size(uri, session_id, last_event_id, auth_header, custom_headers, most).await
    }
}

impl Listening {
    /// Waits for the list, as one JSON object or on a stream, and passes it on.
    async fn read(&self, response: StreamableHttpPostResponse) -> Result<StreamableHttpPostResponse, Failure> {
        let (message, session_id) = response.expect_initialized::<reqwest::Error>().await?;
        self.listed.add(&message);
        Ok(StreamableHttpPostResponse::Json(message, session_id))
    }
}

fn is_list(message: &ClientJsonRpcMessage) -> bool {
    matches!(message, ClientJsonRpcMessage::Request(request)
        if matches!(request.request, ClientRequest::ListToolsRequest(_)))
}
