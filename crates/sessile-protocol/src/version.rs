//! Protocol versions, and the two eras they fall into.

#[cfg(test)]
mod tests;

use std::fmt;

/// A version with `initialize` and sessions of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(non_camel_case_types, reason = "versions are dates, and read best as such")]
pub enum LegacyVersion {
    /// 2024-11-05: stdio, and HTTP with an SSE stream beside it.
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP; the only version with batches.
    V2025_03_26,
    /// 2025-06-18: elicitation, structured output, the version header.
    V2025_06_18,
    /// 2025-11-25: tasks, URL elicitation, streams that a server may close and a client polls.
    V2025_11_25,
}

impl LegacyVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 4] = [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25];

    /// The newest of them.
    pub const LATEST: Self = Self::V2025_11_25;

    /// What a client over HTTP speaks when it says nothing (2025-11-25, basic/transports, "Protocol Version Header").
    pub const HTTP_DEFAULT: Self = Self::V2025_03_26;

    /// The version as it is written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
        }
    }

    /// Reads a version as it is written on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// Whether several messages may come as one JSON array.
    pub const fn batches(self) -> bool {
        matches!(self, Self::V2025_03_26)
    }

    /// Whether a stream may open with an event without data, whose only use is its id. Older clients try to
    /// parse the empty data as JSON.
    pub const fn primes_streams(self) -> bool {
        matches!(self, Self::V2025_11_25)
    }

    /// Whether clients send `MCP-Protocol-Version` after `initialize`.
    pub const fn has_version_header(self) -> bool {
        matches!(self, Self::V2025_06_18 | Self::V2025_11_25)
    }
}

impl fmt::Display for LegacyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version whose requests carry all there is to know about their client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(non_camel_case_types, reason = "versions are dates, and read best as such")]
pub enum ModernVersion {
    /// 2026-07-28: no `initialize`, no sessions, no requests from the server.
    V2026_07_28,
}

impl ModernVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 1] = [Self::V2026_07_28];

    /// The version as it is written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Reads a version as it is written on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }
}

impl fmt::Display for ModernVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The era of a client or a server, with the version it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Era {
    /// Up to 2025-11-25.
    Legacy(LegacyVersion),
    /// From 2026-07-28.
    Modern(ModernVersion),
}

impl Era {
    /// Reads a version of either era.
    pub fn parse(text: &str) -> Option<Self> {
        LegacyVersion::parse(text).map(Self::Legacy).or_else(|| ModernVersion::parse(text).map(Self::Modern))
    }

    /// The version as it is written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Legacy(version) => version.as_str(),
            Self::Modern(version) => version.as_str(),
        }
    }
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
