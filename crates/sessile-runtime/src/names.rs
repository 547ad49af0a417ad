//! Sessions by the names that modern requests call them by.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sessile_identity::Principal;

use crate::session::Session;

/// How many names are known before those are looked for that lead nowhere any more.
const SWEEP_FROM: usize = 64;

/// A name that a session goes by. Two principals may use the same text; so may two servers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Named {
    pub(crate) server: Arc<str>,
    pub(crate) principal: Principal,
    pub(crate) text: Box<str>,
}

/// Where the session of one name is, or is being opened: whoever holds the lock opens it, the others wait for it.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Weak<Session>>>;

/// All names that are in use.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    slots: HashMap<Named, Slot>,
    sweep_at: usize,
}

impl Names {
    /// The place of the session called `name`.
    pub(crate) fn slot(&self, name: &Named) -> Slot {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = inner.slots.get(name) {
            return Arc::clone(slot);
        }
        if inner.slots.len() >= inner.sweep_at.max(SWEEP_FROM) {
            inner.slots.retain(|_, slot| is_used(slot));
            inner.sweep_at = inner.slots.len() * 2;
        }
        Arc::clone(inner.slots.entry(name.clone()).or_default())
    }

    /// Says that `name` leads to `session`, unless it leads to another one already.
    pub(crate) fn lead(&self, name: &Named, session: &Arc<Session>) {
        if let Ok(mut place) = self.slot(name).try_lock()
            && place.strong_count() == 0
        {
            *place = Arc::downgrade(session);
        }
    }

    /// Says that `name` leads to `session` no more, which is on the disk.
    pub(crate) fn forget(&self, name: &Named, session: &Arc<Session>) {
        if let Ok(mut place) = self.slot(name).try_lock()
            && std::ptr::eq(place.as_ptr(), Arc::as_ptr(session))
        {
            *place = Weak::new();
        }
    }

    /// The session called `name`, if there is one and nobody is about to replace it.
    pub(crate) fn live(&self, name: &Named) -> Option<Arc<Session>> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = inner.slots.get(name)?.try_lock().ok()?.upgrade()?;
        session.is_live().then_some(session)
    }
}

fn is_used(slot: &Slot) -> bool {
    // More than ours: somebody opens it, or waits for it.
    Arc::strong_count(slot) > 1 || slot.try_lock().map_or(true, |session| session.strong_count() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Named {
        Named { server: "counter".into(), principal: Principal::anonymous(), text: text.into() }
    }

    #[test]
    fn names_that_lead_nowhere_are_forgotten() {
        let names = Names::default();
        let kept = names.slot(&named("kept"));
        for number in 0..10_000 {
            drop(names.slot(&named(&number.to_string())));
        }
        assert!(names.0.lock().unwrap().slots.len() <= SWEEP_FROM + 1);
        assert!(Arc::ptr_eq(&kept, &names.slot(&named("kept"))), "a name somebody waits for stays");
    }

    #[test]
    fn a_name_belongs_to_its_principal_and_server() {
        let names = Names::default();
        let other = Named { principal: Principal::api_key("alice"), ..named("x") };
        assert!(!Arc::ptr_eq(&names.slot(&named("x")), &names.slot(&other)));
        let elsewhere = Named { server: "files".into(), ..named("x") };
        assert!(!Arc::ptr_eq(&names.slot(&named("x")), &names.slot(&elsewhere)));
    }
}
