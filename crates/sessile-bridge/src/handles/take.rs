//! The handle of a call.

use sessile_protocol::{Message, Object};

use super::HandleNames;

/// A call without its handle.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The request as the server shall see it.
    pub request: Message,
    /// The handle, which need not be one that was ever given out.
    pub handle: Option<String>,
}

/// Why no handle can be taken out of a call. The call must not go to the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleProblem {
    /// The argument holds something else than a string.
    #[error("`{property}` must be a session handle, a string; pass the handle exactly as `{open_tool}` returned it")]
    NotAString {
        /// The argument.
        property: String,
        /// The tool that gives handles.
        open_tool: String,
    },
    /// The tool that closes a session was called without one.
    #[error("`{property}` is missing; pass the handle of the session to close, as `{open_tool}` returned it")]
    Missing {
        /// The argument.
        property: String,
        /// The tool that gives handles.
        open_tool: String,
    },
    /// The arguments have a member whose name is no Unicode text, so that nobody can say what they hold.
    #[error(
        "the arguments cannot be read: every name in them must be Unicode text; send the call again without others"
    )]
    Unreadable,
}

/// Takes the handle out of a `tools/call` request. Any other message, and a call of a tool that takes no handle, comes
/// back as it is. `null` counts as no handle, as it does for the header, but is taken out too: servers with closed
/// schemas refuse arguments they do not know.
///
/// # Errors
/// When the argument is there and not a string, when the tool that closes sessions is called without it, and when the
/// arguments cannot be read.
pub fn take_handle(names: &HandleNames, request: &Message) -> Result<Taken, HandleProblem> {
    let unchanged = || Ok(Taken { request: request.clone(), handle: None });
    let is_call = request.is_request() && request.method().is_some_and(|method| method == "tools/call");
    let Some(mut params) = request.params().filter(|_| is_call).and_then(Object::parse) else { return unchanged() };
    let Some(tool) = params.string("name") else { return unchanged() };
    let Some(property) = names.property(&tool) else { return unchanged() };
    let (property, open_tool) = (property.to_owned(), names.open_tool().to_owned());
    let mut arguments = arguments_of(&params)?;
    let taken = arguments.as_mut().and_then(|arguments| arguments.remove(&property));
    let handle = match taken.as_deref() {
        None | Some("null") if tool == names.close_tool() => {
            return Err(HandleProblem::Missing { property, open_tool });
        }
        None => return unchanged(),
        Some("null") => None,
        Some(json) => match serde_json::from_str(json) {
            Ok(handle) => Some(handle),
            Err(_) => return Err(HandleProblem::NotAString { property, open_tool }),
        },
    };
    let arguments = arguments.unwrap_or_default().to_json();
    params.set("arguments", arguments);
    let request = with_params(request, params.to_json()).ok_or(HandleProblem::Unreadable)?;
    Ok(Taken { request, handle })
}

/// The arguments of a call; `None` when there are none, or when they are no object, which is the server's to refuse.
fn arguments_of<'a>(params: &'a Object<'_>) -> Result<Option<Object<'a>>, HandleProblem> {
    match params.get("arguments") {
        Some(json) if json.starts_with('{') => Object::parse(json).map(Some).ok_or(HandleProblem::Unreadable),
        _ => Ok(None),
    }
}

fn with_params(request: &Message, params: String) -> Option<Message> {
    let text = std::str::from_utf8(request.raw()).ok()?;
    let mut whole = Object::parse(text)?;
    whole.set("params", params);
    Message::parse(whole.to_json().into()).ok()
}
