//! The templates of a node: one of each kind, made once, kept while they are used.

use super::super::restore_key::RestoreKey;
use super::{Template, TemplateStock};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

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
    /// The memory of its machine, in MiB.
    size: u64,
    /// In a row.
    failures: u32,
    /// The last of them.
    why: Option<String>,
    /// When it was last asked for, made or failed.
    used: Instant,
}

/// See the module.
#[derive(Debug)]
pub(in crate::microvm) struct Shelf<T = Template> {
    places: Mutex<HashMap<RestoreKey, Place<T>>>,
    /// Memory that templates may take together, in MiB. Each has that of one machine.
    limit: u64,
}

/// What there is of a kind.
#[derive(Debug)]
pub(in crate::microvm) enum Found<T = Template> {
    /// A template. While somebody has it, it is kept.
    Template(Arc<T>),
    /// None: why, if that is known.
    None(Option<String>),
}

impl<T> Shelf<T> {
    /// For templates that take at most `limit` MiB together.
    pub(in crate::microvm) fn new(limit: u64) -> Self {
        Self { places: Mutex::default(), limit }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<RestoreKey, Place<T>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Whether the caller is to make the template of a kind, of so many MiB. Nobody else is until it has said what came of it. If so, also
    /// the kinds whose templates had to make room.
    pub(in crate::microvm) fn claim(&self, key: &RestoreKey, size: u64, now: Instant) -> Option<Vec<RestoreKey>> {
        let mut places = self.places();
        if let Some(place) = places.get(key)
            && (place.is_being_made || place.template.is_some() || place.rests(now))
        {
            return None;
        }
        let mut free = self.limit.saturating_sub(places.values().map(Place::takes).sum());
        // Memory that copies have mapped is not free when its template goes.
        let mut settled: Vec<_> = places
            .iter()
            .filter(|(_, place)| place.is_idle() && now.duration_since(place.used) >= SETTLED)
            .map(|(key, place)| (place.used, place.size, key.clone()))
            .collect();
        settled.sort_by_key(|(used, _, _)| *used);
        let mut gone = Vec::new();
        let mut settled = settled.into_iter();
        while free < size {
            let (_, freed, key) = settled.next()?;
            free += freed;
            gone.push(key);
        }
        for key in &gone {
            places.remove(key);
        }
        let place = places.entry(key.clone()).or_insert_with(|| Place {
            template: None,
            is_being_made: false,
            size,
            failures: 0,
            why: None,
            used: now,
        });
        (place.is_being_made, place.used) = (true, now);
        Some(gone)
    }

    /// What there is.
    pub(in crate::microvm) fn stock(&self) -> TemplateStock {
        let places = self.places();
        let taken: u64 = places.values().map(Place::takes).sum();
        TemplateStock {
            kept: places.values().filter(|place| place.template.is_some()).count(),
            bytes: taken << 20,
            limit: self.limit << 20,
        }
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

    /// Lets go of what has not been used for long; gives the kinds whose templates that were.
    pub(in crate::microvm) fn tidy(&self, now: Instant) -> Vec<RestoreKey> {
        let mut gone = Vec::new();
        self.places().retain(|key, place| {
            let stays = place.has_copies() || place.is_being_made || now.duration_since(place.used) < IDLE;
            if !stays && place.template.is_some() {
                gone.push(key.clone());
            }
            stays
        });
        gone
    }
}

impl<T> Place<T> {
    fn has_copies(&self) -> bool {
        self.template.as_ref().is_some_and(|template| Arc::strong_count(template) > 1)
    }

    /// Whether there is a template that no copy lives of.
    fn is_idle(&self) -> bool {
        self.template.is_some() && !self.has_copies()
    }

    /// Memory, in MiB.
    fn takes(&self) -> u64 {
        if self.is_being_made || self.template.is_some() { self.size } else { 0 }
    }

    /// Whether it has failed so often that it is left alone until [`REST`] is over.
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
