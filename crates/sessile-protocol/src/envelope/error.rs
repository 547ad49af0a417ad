//! Why bytes are not a message.

use super::{MAX_DEPTH, MAX_ID_BYTES, MAX_METHOD_BYTES, RequestId};
use crate::error::{ErrorObject, INVALID_REQUEST, PARSE_ERROR};

/// Why bytes are not a JSON-RPC message, and whose message it was where that could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct EnvelopeError {
    fault: Fault,
    id: Option<RequestId>,
}

/// What is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are not UTF-8.
    #[error("message is not UTF-8 (first bad byte at offset {at})")]
    NotUtf8 {
        /// Offset of the first byte that is not UTF-8.
        at: usize,
    },
    /// The text is not JSON.
    #[error("message is not JSON: {reason}")]
    NotJson {
        /// What the parser found, with line and column.
        reason: String,
    },
    /// The message is longer than any limit a manifest can state.
    #[error("message is longer than 4 GiB")]
    TooLong,
    /// Objects and arrays nest deeper than [`MAX_DEPTH`].
    #[error("message nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The text is JSON, but no object.
    #[error("message is not a JSON object")]
    NotAnObject,
    /// `jsonrpc` is absent or not `"2.0"`.
    #[error("message has no member \"jsonrpc\": \"2.0\"")]
    NotJsonRpc2,
    /// A member of the envelope is there twice, so that two readers could understand two different messages.
    #[error("member \"{member}\" is there twice")]
    Duplicate {
        /// The member's name.
        member: &'static str,
    },
    /// The id is neither a string nor an integer, or longer than [`MAX_ID_BYTES`].
    #[error("id is not a string or an integer of at most {MAX_ID_BYTES} bytes")]
    BadId,
    /// The method is not a string, or longer than [`MAX_METHOD_BYTES`].
    #[error("method is not a string of at most {MAX_METHOD_BYTES} bytes")]
    BadMethod,
    /// `params` is neither an object nor an array.
    #[error("params is not an object or an array")]
    BadParams,
    /// `error` is not an object.
    #[error("error is not an object")]
    BadError,
    /// Members of a request and of a response, or of a result and of an error, in one message.
    #[error("message has both \"{one}\" and \"{other}\"")]
    Ambiguous {
        /// One member.
        one: &'static str,
        /// The member that excludes it.
        other: &'static str,
    },
    /// None of `method`, `result` and `error` is there.
    #[error("message has no method, no result and no error")]
    Nothing,
    /// A result without an id answers nothing.
    #[error("result has no id")]
    ResultWithoutId,
    /// An array without messages.
    #[error("batch is empty")]
    EmptyBatch,
    /// An array with more messages than allowed.
    #[error("batch holds more than {limit} messages")]
    BatchTooLong {
        /// The most messages a batch may hold.
        limit: usize,
    },
}

impl EnvelopeError {
    pub(super) fn new(fault: Fault, id: Option<RequestId>) -> Self {
        Self { fault, id }
    }

    /// What is wrong.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// The id of the message, where it could be read: an answer that carries it finds its request.
    pub fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }

    /// The JSON-RPC code: [`PARSE_ERROR`] when the bytes are not JSON, else [`INVALID_REQUEST`].
    pub fn code(&self) -> i64 {
        match self.fault {
            Fault::NotUtf8 { .. } | Fault::NotJson { .. } => PARSE_ERROR,
            _ => INVALID_REQUEST,
        }
    }

    /// The error as it is told to whoever sent the message.
    pub fn to_object(&self) -> ErrorObject {
        ErrorObject::new(self.code(), self.fault.to_string())
    }
}

impl From<Fault> for EnvelopeError {
    fn from(fault: Fault) -> Self {
        Self { fault, id: None }
    }
}
