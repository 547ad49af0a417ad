//! What is known of a server, as its file holds it.

use super::eras::Eras;
use super::hints::Answer;
use super::key::Asked;
use super::known::Known;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sessile_bridge::{List, ServerProfile};
use sessile_protocol::{Era, Object};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Changes when older files can no longer be read.
const FORMAT: u32 = 1;
/// The most bytes of lists, and of a profile, that go into a file.
const MOST_BYTES: usize = 1 << 20;

/// The whole file, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    pub(super) fingerprint: String,
    pub(super) eras: Eras,
    /// When the eras were found, in milliseconds since 1970.
    pub(super) found_at_ms: u64,
    /// What the server said of itself, in one era or both.
    profiles: Vec<Profile>,
    lists: Vec<ListRecord>,
}

/// What a server said of itself, as it said it or as good as that.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Profile {
    Initialize(Box<RawValue>),
    Discover(Box<RawValue>),
}

/// A list that everyone may see.
#[derive(Debug, Serialize, Deserialize)]
struct ListRecord {
    list: ListName,
    asked: String,
    learned_at_ms: u64,
    lifetime_ms: u64,
    told_ms: u64,
    result: Box<RawValue>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ListName {
    Tools,
    Prompts,
    Resources,
}

impl Record {
    /// Reads the bytes of a file. `None` when they are damaged, or of another format.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|record: &Self| record.format == FORMAT)
    }

    pub(super) fn of(known: &Known) -> Self {
        let mut left = MOST_BYTES;
        let mut fits = |size: usize| {
            let fits = size <= left;
            left -= if fits { size } else { 0 };
            fits
        };
        let profiles = [&known.profiles.modern, &known.profiles.legacy].into_iter().flatten();
        let profiles: Vec<_> = profiles.filter_map(|profile| Profile::of(profile)).collect();
        let profiles = profiles.into_iter().filter(|profile| fits(profile.text().len())).collect();
        let public = known.lists.public().into_iter().filter(|(_, _, answer)| fits(answer.size()));
        Self {
            format: FORMAT,
            fingerprint: known.fingerprint.to_string(),
            eras: known.eras.clone(),
            found_at_ms: milliseconds(known.found),
            profiles,
            lists: public.filter_map(|(list, asked, answer)| ListRecord::of(list, asked, answer)).collect(),
        }
    }

    /// Puts everything back into `known`, which knows nothing yet.
    pub(super) fn restore(self, known: &mut Known) {
        for profile in self.profiles.iter().filter_map(Profile::read) {
            let era = profile.era.into();
            *known.profiles.of(era) = Some(Arc::new(profile));
        }
        known.found = time(self.found_at_ms);
        known.eras = self.eras;
        for record in self.lists {
            if let Some((list, asked, answer)) = record.read() {
                known.lists.restore(list, asked, answer);
            }
        }
    }

    /// `serverInfo`, where the server said it.
    pub(super) fn info(&self) -> Option<String> {
        self.profiles.iter().find_map(|profile| profile.read()?.info)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Profile {
    /// `None` for what a server says is not for everyone: it does not belong into a file.
    fn of(profile: &ServerProfile) -> Option<Self> {
        if let Some(discovered) = &profile.discovered {
            let object = Object::parse(discovered)?;
            let is_private = object.get("cacheScope").is_some_and(|scope| scope != r#""public""#);
            let raw = RawValue::from_string(discovered.clone()).ok()?;
            return (!is_private).then_some(Self::Discover(raw));
        }
        let Era::Legacy(version) = profile.era else {
            return None;
        };
        let mut result = Object::new();
        result.set_string("protocolVersion", version.as_str());
        result.set("capabilities", profile.capabilities.as_str());
        if let Some(info) = &profile.info {
            result.set("serverInfo", info.as_str());
        }
        if let Some(instructions) = &profile.instructions {
            result.set_string("instructions", instructions);
        }
        Some(Self::Initialize(RawValue::from_string(result.to_json()).ok()?))
    }

    fn read(&self) -> Option<ServerProfile> {
        match self {
            Self::Initialize(result) => ServerProfile::from_initialize(result.get()),
            Self::Discover(result) => ServerProfile::from_discover(result.get()),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Initialize(result) | Self::Discover(result) => result.get(),
        }
    }
}

impl ListRecord {
    fn of(list: List, asked: Asked, answer: &Answer) -> Option<Self> {
        let (lifetime, told) = answer.times();
        Some(Self {
            list: match list {
                List::Tools => ListName::Tools,
                List::Prompts => ListName::Prompts,
                List::Resources => ListName::Resources,
            },
            asked: asked.0.iter().map(|byte| format!("{byte:02x}")).collect(),
            learned_at_ms: milliseconds(answer.learned()),
            lifetime_ms: whole_milliseconds(lifetime),
            told_ms: whole_milliseconds(told),
            result: RawValue::from_string(answer.result()).ok()?,
        })
    }

    fn read(&self) -> Option<(List, Asked, Answer)> {
        let list = match self.list {
            ListName::Tools => List::Tools,
            ListName::Prompts => List::Prompts,
            ListName::Resources => List::Resources,
        };
        let span = Duration::from_millis;
        let answer =
            Answer::restored(self.result.get(), time(self.learned_at_ms), span(self.lifetime_ms), span(self.told_ms))?;
        Some((list, Asked(digest(&self.asked)?), answer))
    }
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(digest)
}

fn milliseconds(time: SystemTime) -> u64 {
    whole_milliseconds(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

fn whole_milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A moment that no clock can tell becomes 1970, when everything is long over.
fn time(milliseconds: u64) -> SystemTime {
    let since = Duration::from_millis(milliseconds);
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}
