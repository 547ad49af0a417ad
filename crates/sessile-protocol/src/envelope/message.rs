//! One message.

use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::params::Params;
use super::scan::Members;
use super::{EnvelopeError, Fault, MAX_DEPTH, Method, ProgressToken, RequestId, depth};

/// One JSON-RPC message: its raw JSON, and what the envelope says. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Message {
    raw: Bytes,
    body: Body,
    places: Places,
}

/// What kind of message it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Wants exactly one answer.
    Request {
        /// What the answer will carry.
        id: RequestId,
        /// What is asked.
        method: Method,
    },
    /// Wants none.
    Notification {
        /// What is told.
        method: Method,
    },
    /// Answers a request of the other side.
    Response {
        /// The id of the request. `None` in errors about messages whose id nobody could read.
        id: Option<RequestId>,
        /// Whether it carries `error` rather than `result`.
        is_error: bool,
    },
}

/// A range of the raw text. Half the size of `Range<usize>`, and messages are far shorter than 4 GiB.
type Place = Option<(u32, u32)>;

/// Where in the raw text the values lie that may be asked for later.
#[derive(Debug, Clone, Copy, Default)]
struct Places {
    name: Place,
    uri: Place,
    request_id: Place,
    progress_token: Place,
    protocol_version: Place,
    modern_version: Place,
    result: Place,
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl Message {
    /// Reads one message.
    ///
    /// The bytes may have white space around the object; they stay as they are in [`Message::raw`].
    ///
    /// # Errors
    /// When the bytes are not UTF-8, not JSON, not a JSON-RPC 2.0 message, or break a limit of this module.
    pub fn parse(raw: Bytes) -> Result<Self, EnvelopeError> {
        let text = check_text(&raw)?;
        Self::read(&raw, text)
    }

    /// Reads one message from `text`, a part of `raw` that has passed [`check_text`].
    pub(super) fn read(raw: &Bytes, text: &str) -> Result<Self, EnvelopeError> {
        let members: Members<'_> = serde_json::from_str(text).map_err(|error| {
            if error.is_data() { Fault::NotAnObject } else { Fault::NotJson { reason: error.to_string() } }
        })?;
        let id = members.id.and_then(RequestId::from_json);
        let refuse = |fault| EnvelopeError::new(fault, id.clone());
        let body = body_of(&members, id.as_ref()).map_err(refuse)?;
        Ok(Self { raw: raw.slice_ref(text.as_bytes()), body, places: Places::of(&members, text) })
    }

    /// The message as it came, byte for byte.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The message as it came, byte for byte, given away.
    pub fn into_raw(self) -> Bytes {
        self.raw
    }

    /// What kind of message it is.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The method of a request or a notification.
    pub fn method(&self) -> Option<&Method> {
        match &self.body {
            Body::Request { method, .. } | Body::Notification { method } => Some(method),
            Body::Response { .. } => None,
        }
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.body, Body::Request { .. })
    }

    /// `params.progressToken` of a `notifications/progress`, `params._meta.progressToken` of anything else.
    pub fn progress_token(&self) -> Option<ProgressToken> {
        ProgressToken::from_json(self.text(self.places.progress_token)?)
    }

    /// `params.requestId` of a `notifications/cancelled`: the request its sender gave up.
    pub fn cancelled_request(&self) -> Option<RequestId> {
        match &self.body {
            Body::Notification { method } if method == "notifications/cancelled" => {
                RequestId::from_json(self.text(self.places.request_id)?)
            }
            _ => None,
        }
    }

    /// `params.name`, else `params.uri`, where it is a string: what a call is about, for metrics and logs.
    pub fn subject(&self) -> Option<String> {
        let text = self.text(self.places.name).or_else(|| self.text(self.places.uri))?;
        string(text)
    }

    /// `params.protocolVersion` of a request, `result.protocolVersion` of a response.
    pub fn protocol_version(&self) -> Option<String> {
        if let Some(text) = self.text(self.places.protocol_version) {
            return string(text);
        }
        let result: Params<'_> = serde_json::from_str(self.text(self.places.result)?).ok()?;
        string(result.protocol_version?)
    }

    /// The version that `params._meta` names, which only messages of the modern era do. Nothing says that anybody knows
    /// it; a value that is no string counts as its JSON text.
    pub fn modern_version(&self) -> Option<String> {
        let text = self.text(self.places.modern_version)?;
        Some(string(text).unwrap_or_else(|| text.to_owned()))
    }

    /// The JSON text of `params`.
    pub fn params(&self) -> Option<&str> {
        Some(self.parts()?.params?.get())
    }

    /// The JSON text of `result`.
    pub fn result(&self) -> Option<&str> {
        self.text(self.places.result)
    }

    /// The JSON text of `error`.
    pub fn error(&self) -> Option<&str> {
        Some(self.parts()?.error?.get())
    }

    /// The parts that are asked for too rarely to note their places.
    fn parts(&self) -> Option<Parts<'_>> {
        serde_json::from_slice(&self.raw).ok()
    }

    fn text(&self, place: Place) -> Option<&str> {
        let (start, end) = place?;
        let bytes = self.raw.get(Range { start: start as usize, end: end as usize })?;
        std::str::from_utf8(bytes).ok()
    }
}

impl Places {
    fn of(members: &Members<'_>, text: &str) -> Self {
        let place = |part: Option<&str>| {
            let part = part?;
            let start = u32::try_from((part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?).ok()?;
            Some((start, start.checked_add(u32::try_from(part.len()).ok()?)?))
        };
        let mut places = Self { result: place(members.result), ..Self::default() };
        if let Some(params) = &members.params {
            let is_progress = members.method == Some("\"notifications/progress\"");
            places.name = place(params.name);
            places.uri = place(params.uri);
            places.request_id = place(params.request_id);
            places.protocol_version = place(params.protocol_version);
            places.modern_version = place(params.meta_modern_version);
            places.progress_token = place(if is_progress { params.progress_token } else { params.meta_progress_token });
        }
        places
    }
}

/// The text of a message, if it is UTF-8 and within the limits that hold before JSON is parsed.
pub(super) fn check_text(raw: &Bytes) -> Result<&str, Fault> {
    if u32::try_from(raw.len()).is_err() {
        return Err(Fault::TooLong);
    }
    let text = std::str::from_utf8(raw).map_err(|error| Fault::NotUtf8 { at: error.valid_up_to() })?;
    if !depth::within(raw, MAX_DEPTH) {
        return Err(Fault::TooDeep);
    }
    Ok(text)
}

fn body_of(members: &Members<'_>, id: Option<&RequestId>) -> Result<Body, Fault> {
    if let Some(member) = members.duplicate {
        return Err(Fault::Duplicate { member });
    }
    if members.jsonrpc != Some("\"2.0\"") {
        return Err(Fault::NotJsonRpc2);
    }
    for (one, first) in [("method", members.method), ("result", members.result)] {
        for (other, second) in [("result", members.result), ("error", members.error)] {
            if one != other && first.is_some() && second.is_some() {
                return Err(Fault::Ambiguous { one, other });
            }
        }
    }
    match members.method {
        Some(method) => request_of(members, Method::from_json(method).ok_or(Fault::BadMethod)?, id),
        None => response_of(members, id),
    }
}

fn request_of(members: &Members<'_>, method: Method, id: Option<&RequestId>) -> Result<Body, Fault> {
    if members.params.as_ref().is_some_and(|params| !params.structured) {
        return Err(Fault::BadParams);
    }
    match (members.id, id) {
        (None, _) => Ok(Body::Notification { method }),
        (Some(_), Some(id)) => Ok(Body::Request { id: id.clone(), method }),
        (Some(_), None) => Err(Fault::BadId),
    }
}

fn response_of(members: &Members<'_>, id: Option<&RequestId>) -> Result<Body, Fault> {
    let is_error = members.error.is_some();
    match (members.result, members.error) {
        (None, None) => Err(Fault::Nothing),
        (None, Some(error)) if !error.starts_with('{') => Err(Fault::BadError),
        _ => match (members.id, id) {
            (_, Some(id)) => Ok(Body::Response { id: Some(id.clone()), is_error }),
            (None | Some("null"), None) if is_error => Ok(Body::Response { id: None, is_error }),
            (None, None) => Err(Fault::ResultWithoutId),
            (Some(_), None) => Err(Fault::BadId),
        },
    }
}

fn string(json: &str) -> Option<String> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(json).ok() } else { Some(inner.to_owned()) }
}
