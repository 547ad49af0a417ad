//! What a client can do, as one request declares it, and what a question needs of it.

use serde::{Deserialize, Serialize};
use sessile_protocol::meta::TASKS;
use sessile_protocol::{Method, Object};

/// `clientCapabilities`, as far as the bridge must know them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Capabilities {
    form: bool,
    url: bool,
    sampling: bool,
    sampling_with_tools: bool,
    roots: bool,
    /// The tasks extension (SEP-2663).
    pub(super) tasks: bool,
}

/// What a question needs of the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Need {
    /// Elicitation with a form.
    Form,
    /// Elicitation with a URL.
    Url,
    /// Sampling.
    Sampling,
    /// Sampling with tools.
    SamplingWithTools,
    /// Roots.
    Roots,
}

impl Capabilities {
    pub(super) fn read(declared: &Object<'_>) -> Self {
        let has = |name: &str| declared.object(name).is_some();
        let elicitation = declared.object("elicitation");
        let mode = |mode: &str| elicitation.as_ref().is_some_and(|modes| modes.object(mode).is_some());
        Self {
            // Without modes it means forms, as it did before there were URLs.
            form: elicitation.is_some() && (mode("form") || !mode("url")),
            url: mode("url"),
            sampling: has("sampling"),
            sampling_with_tools: declared.object("sampling").is_some_and(|modes| modes.object("tools").is_some()),
            roots: has("roots"),
            tasks: declared.object("extensions").is_some_and(|known| known.get(TASKS).is_some()),
        }
    }

    pub(super) fn meet(&self, need: Need) -> bool {
        match need {
            Need::Form => self.form,
            Need::Url => self.url,
            Need::Sampling => self.sampling,
            Need::SamplingWithTools => self.sampling_with_tools,
            Need::Roots => self.roots,
        }
    }
}

impl Need {
    /// What a server request needs. `None` for requests that no modern client can be asked.
    pub(super) fn of(method: &Method, params: Option<&str>) -> Option<Self> {
        let params = params.and_then(Object::parse).unwrap_or_default();
        match method.as_str() {
            "elicitation/create" => match params.get("mode") {
                None | Some(r#""form""#) => Some(Self::Form),
                Some(r#""url""#) => Some(Self::Url),
                Some(_) => None,
            },
            "sampling/createMessage" => {
                let with_tools = ["tools", "toolChoice"].iter().any(|name| params.get(name).is_some());
                Some(if with_tools { Self::SamplingWithTools } else { Self::Sampling })
            }
            "roots/list" => Some(Self::Roots),
            _ => None,
        }
    }

    /// The capability, as it is declared.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "elicitation",
            Self::Url => "elicitation.url",
            Self::Sampling => "sampling",
            Self::SamplingWithTools => "sampling.tools",
            Self::Roots => "roots",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(declared: &str, need: Need) -> bool {
        Capabilities::read(&Object::parse(declared).unwrap()).meet(need)
    }

    #[test]
    fn elicitation_without_modes_means_forms() {
        for declared in [r#"{"elicitation":{}}"#, r#"{"elicitation":{"form":{}}}"#] {
            assert!(meets(declared, Need::Form) && !meets(declared, Need::Url), "{declared}");
        }
        let url = r#"{"elicitation":{"url":{}}}"#;
        assert!(meets(url, Need::Url) && !meets(url, Need::Form));
        assert!(!meets("{}", Need::Form) && !meets(r#"{"elicitation":null}"#, Need::Form));
    }

    #[test]
    fn tools_in_sampling_are_declared_by_themselves() {
        let need = |params| Need::of(&Method::new("sampling/createMessage"), Some(params)).unwrap();
        assert_eq!(need(r#"{"messages":[]}"#), Need::Sampling);
        assert_eq!(need(r#"{"tools":[]}"#), Need::SamplingWithTools);
        assert!(!meets(r#"{"sampling":{}}"#, Need::SamplingWithTools));
        assert!(meets(r#"{"sampling":{"tools":{}}}"#, Need::SamplingWithTools));
    }
}
