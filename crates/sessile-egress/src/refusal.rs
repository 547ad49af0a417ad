//! Why something was not let through, for the client (JSON), for the log and for the counters.

use std::fmt;

use serde_json::json;

use crate::address::AddressKind;
use crate::head::HeadError;
use crate::hello::HelloError;

/// The most characters of what a client asked for that go into answers and logs.
const LONGEST_SHOWN: usize = 300;

/// Something that was not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked for, as far as it could be read; printable and at most 300 characters.
    pub target: String,
    /// Why not.
    pub reason: Reason,
    /// What the log should say and the client need not know, such as the addresses of a name.
    pub detail: Option<String>,
}

/// The rule that something broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No entry names this host.
    NotListed,
    /// An entry names this host, with another port.
    PortNotListed,
    /// The target is an address that is not public, and is not listed.
    AddressRefused(AddressKind),
    /// The name is listed, but all its addresses are of a kind that has to be listed as addresses. The first one's kind.
    AnswersRefused(AddressKind),
    /// `Host` names another host than the target.
    HostMismatch,
    /// The TLS client names another server than the target.
    SniMismatch,
    /// The TLS client encrypts the name of the server it wants.
    EncryptedHello,
    /// What begins like TLS, and is no ClientHello that can be read.
    MalformedHello(HelloError),
    /// The head or the body of a request cannot be read in one way only.
    Malformed(HeadError),
    /// All connections of the session are in use.
    TooManyConnections,
    /// The list was changed while the connection was open.
    NoLongerListed,
}

impl Refusal {
    pub(crate) fn new(target: &dyn fmt::Display, reason: Reason) -> Self {
        let escaped =
            target.to_string().chars().take(LONGEST_SHOWN).flat_map(char::escape_debug).take(LONGEST_SHOWN).collect();
        Self { target: escaped, reason, detail: None }
    }

    pub(crate) fn with_detail(mut self, detail: String) -> Self {
        self.detail = Some(detail);
        self
    }

    /// The rule as a word for programs and counters.
    pub fn rule(&self) -> &'static str {
        match self.reason {
            Reason::NotListed => "not_listed",
            Reason::PortNotListed => "port_not_listed",
            Reason::AddressRefused(_) | Reason::AnswersRefused(_) => "address_refused",
            Reason::HostMismatch => "host_mismatch",
            Reason::SniMismatch => "sni_mismatch",
            Reason::EncryptedHello => "encrypted_hello",
            Reason::MalformedHello(_) => "malformed_tls",
            Reason::Malformed(_) => "malformed_request",
            Reason::TooManyConnections => "too_many_connections",
            Reason::NoLongerListed => "no_longer_listed",
        }
    }

    /// The status of the answer: 403, 400 for what cannot be read, 503 where there is no place.
    pub fn status(&self) -> u16 {
        match self.reason {
            Reason::Malformed(_) => 400,
            Reason::TooManyConnections => 503,
            _ => 403,
        }
    }

    /// What whoever owns the list can do, in a sentence.
    pub fn how_to_allow(&self) -> String {
        let target = &self.target;
        match &self.reason {
            Reason::NotListed | Reason::PortNotListed | Reason::AddressRefused(_) | Reason::NoLongerListed => {
                format!("add \"{target}\" to `egress.allow` of the server, or start with `--allow {target}`")
            }
            Reason::AnswersRefused(_) => {
                "add the address or its network to `egress.allow`, too; the log of the node names it".to_owned()
            }
            Reason::HostMismatch => "send the host of the target in `Host`".to_owned(),
            Reason::SniMismatch => "ask for the host that the TLS client names (SNI), and list that one".to_owned(),
            Reason::EncryptedHello => {
                "switch off encrypted ClientHello (ECH) in the program, GREASE included".to_owned()
            }
            Reason::MalformedHello(_) => "send TLS 1.2 or 1.3 with one server name".to_owned(),
            Reason::Malformed(_) => {
                "send HTTP/1.1 with `CONNECT host:port` or `http://host/path`, as `HTTP_PROXY` makes programs do"
                    .to_owned()
            }
            Reason::TooManyConnections => "close connections that are not in use, then try again".to_owned(),
        }
    }

    /// The body of the answer.
    pub fn to_json(&self) -> String {
        json!({
            "error": self.to_string(),
            "target": self.target,
            "rule": self.rule(),
            "how_to_allow": self.how_to_allow(),
        })
        .to_string()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = &self.target;
        match &self.reason {
            Reason::NotListed => write!(f, "{target} is not in the list of what this server may reach"),
            Reason::PortNotListed => write!(f, "{target} is listed with other ports only"),
            Reason::AddressRefused(kind) => write!(f, "{target} is a {kind} address that is not listed"),
            Reason::AnswersRefused(kind) => write!(f, "{target} is listed, but is a {kind} address that is not"),
            Reason::HostMismatch => write!(f, "the request for {target} names another host in `Host`"),
            Reason::SniMismatch => write!(f, "the TLS client behind {target} asks for another server"),
            Reason::EncryptedHello => write!(f, "the TLS client behind {target} hides which server it asks for"),
            Reason::MalformedHello(error) => write!(f, "what was sent to {target} begins like TLS, but {error}"),
            Reason::Malformed(error) => write!(f, "the request cannot be read: {error}"),
            Reason::TooManyConnections => f.write_str("all connections of this session to the outside are in use"),
            Reason::NoLongerListed => write!(f, "{target} was taken off the list"),
        }
    }
}
