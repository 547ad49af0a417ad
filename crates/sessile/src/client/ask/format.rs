//! The string formats that an elicitation may ask for.

use url::Url;

/// A format of text (MCP 2025-11-25, `StringSchema`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// An address of a mailbox.
    Email,
    /// An absolute URI.
    Uri,
    /// `2026-11-21`.
    Date,
    /// `2026-11-21T09:30:00Z`, or with an offset (RFC 3339).
    DateTime,
}

impl Format {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "email" => Self::Email,
            "uri" => Self::Uri,
            "date" => Self::Date,
            "date-time" => Self::DateTime,
            _ => return None,
        })
    }

    /// What it is called in a question.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Email => "an e-mail address",
            Self::Uri => "a URI",
            Self::Date => "a date such as 2026-11-21",
            Self::DateTime => "a time such as 2026-11-21T09:30:00Z",
        }
    }

    pub(crate) fn fits(self, text: &str) -> bool {
        match self {
            Self::Email => is_email(text),
            Self::Uri => Url::parse(text).is_ok(),
            Self::Date => is_date(text),
            Self::DateTime => is_date_time(text),
        }
    }
}

/// Only what every address has: a part before one `@`, and a part after it, without blanks.
fn is_email(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, host)| !local.is_empty() && !host.is_empty()) && !text.contains(char::is_whitespace)
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).is_ok()
}

fn is_date_time(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    if upper.ends_with('Z') {
        return humantime::parse_rfc3339(&upper).is_ok();
    }
    // An offset: `…T09:30:00+01:00`.
    let Some(split) = upper.len().checked_sub(6).filter(|&split| upper.is_char_boundary(split)) else { return false };
    let (time, offset) = upper.split_at(split);
    let clock = offset.strip_prefix(['+', '-']).and_then(|offset| offset.split_once(':'));
    let in_day = |part: &str, below: u8| part.len() == 2 && part.parse::<u8>().is_ok_and(|number| number < below);
    clock.is_some_and(|(hours, minutes)| in_day(hours, 24) && in_day(minutes, 60))
        && humantime::parse_rfc3339(&format!("{time}Z")).is_ok()
}
