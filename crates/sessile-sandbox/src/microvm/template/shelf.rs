//! The templates of a node: one of each kind, made once, kept while they are used.

use super::super::restore_key::RestoreKey;
use super::Template;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Templates that are kept at once. Each has the memory of one machine.
const KEPT: usize = 8;

/// How long one is kept that nobody starts a machine from, once its last copy has ended.
const IDLE: Duration = Duration::from_secs(600);

/// How long one is safe from being exchanged for another.
const SETTLED: Duration = Duration::from_secs(60);

/// Failures in a row after which a kind is left alone, and for how long.
const FAILURES: u32 = 3;
const REST: Duration = Duration::from_secs(600);

/// What is known of one kind.
#[derive(Debug)]
struct Place<T> {
    template: Option<Arc<T>>,
    is_being_made: bool,
    /// In a row.
    failures: u32,
    /// The last of them.
    why: Option<String>,
    /// When it was last asked for, made or failed.
    used: Instant,
}

/// See the module.
#[derive(Debug)]
pub(in crate::microvm) struct Shelf<T = Template>(Mutex<HashMap<RestoreKey, Place<T>>>);

/// What there is of a kind.
#[derive(Debug)]
pub(in crate::microvm) enum Found<T = Template> {
    /// A template. While somebody has it, it is kept.
    Template(Arc<T>),
    /// None: why, if that is known.
    None(Option<String>),
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shelf<T> {
    fn places(&self) -> MutexGuard<'_, HashMap<RestoreKey, Place<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The template of a kind, for a start.
    pub(in crate::microvm) fn find(&self, key: &RestoreKey, now: Instant) -> Found<T> {
        let mut places = self.places();
        let Some(place) = places.get_mut(key) else { return Found::None(None) };
        match &place.template {
            Some(template) => {
                place.used = now;
                Found::Template(Arc::clone(template))
            }
            None => Found::None(place.why.clone()),
        }
    }

    /// Whether the caller is to make the template of a kind. Nobody else is until it has said what came of it.
    pub(in crate::microvm) fn claim(&self, key: &RestoreKey, now: Instant) -> bool {
        let mut places = self.places();
        if let Some(place) = places.get(key)
            && (place.is_being_made || place.template.is_some() || place.rests(now))
        {
            return false;
        }
        let is_taken = |place: &Place<T>| place.is_being_made || place.template.is_some();
        if places.values().filter(|place| is_taken(place)).count() >= KEPT {
            let oldest = places
                .iter()
                .filter(|(_, place)| place.template.is_some() && now.duration_since(place.used) >= SETTLED)
                .min_by_key(|(_, place)| place.used)
                .map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return false };
            places.remove(&oldest);
        }
        let place = places.entry(key.clone()).or_insert_with(|| Place {
            template: None,
            is_being_made: false,
            failures: 0,
            why: None,
            used: now,
        });
        (place.is_being_made, place.used) = (true, now);
        true
    }

    /// What came of making one.
    pub(in crate::microvm) fn made(&self, key: &RestoreKey, made: Result<T, String>, now: Instant) {
        if let Some(place) = self.places().get_mut(key) {
            (place.is_being_made, place.used) = (false, now);
            match made {
                Ok(template) => place.template = Some(Arc::new(template)),
                Err(why) => place.fail(why),
            }
        }
    }

    /// What came of a copy.
    pub(in crate::microvm) fn copied(&self, key: &RestoreKey, outcome: Result<(), String>, now: Instant) {
        if let Some(place) = self.places().get_mut(key) {
            place.used = now;
            match outcome {
                Ok(()) => (place.failures, place.why) = (0, None),
                Err(why) => place.fail(why),
            }
        }
    }

    /// Lets go of what has not been used for long.
    pub(in crate::microvm) fn tidy(&self, now: Instant) {
        self.places().retain(|_, place| {
            let has_copies = place.template.as_ref().is_some_and(|template| Arc::strong_count(template) > 1);
            has_copies || place.is_being_made || now.duration_since(place.used) < IDLE
        });
    }
}

impl<T> Place<T> {
    /// Whether it has failed so often that it is left alone for now.
    fn rests(&self, now: Instant) -> bool {
        self.failures >= FAILURES && now.duration_since(self.used) < REST
    }

    fn fail(&mut self, why: String) {
        self.failures += 1;
        self.why = Some(why);
        if self.failures >= FAILURES {
            self.template = None;
        }
    }
}

#[cfg(test)]
mod tests;
