//! What is left in memory of a session that sleeps on the disk.

use crate::admission::Place;
use crate::error::OpenError;
use crate::hosted::Hosted;
use crate::names::Named;
use crate::session::Visit;
use crate::session_id::{SessionId, SessionName};
use crate::stop::StopReason;
use sessile_identity::Principal;
use sessile_store::Label;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A session that sleeps.
#[derive(Debug)]
pub(crate) struct Asleep {
    pub(crate) id: SessionId,
    pub(crate) name: SessionName,
    pub(crate) principal: Principal,
    pub(crate) server: Arc<Hosted>,
    /// The names that lead to it.
    pub(crate) names: Vec<Box<str>>,
    /// Whether modern clients speak to it.
    pub(crate) modern: bool,
    /// Calls that wait for their clients.
    pub(crate) parked: usize,
    pub(crate) generation: u64,
    /// Of its file.
    pub(crate) bytes: u64,
    /// Times are milliseconds since 1970.
    pub(crate) opened_ms: u64,
    pub(crate) since_ms: u64,
    pub(crate) expires_ms: u64,
    /// Requests answered.
    pub(crate) calls: u64,
    /// How often it was woken before.
    pub(crate) wakes: u64,
    /// Its place among the sessions of its server and owner.
    pub(crate) place: Mutex<Option<Place>>,
    pub(crate) bed: Bed,
}

impl Asleep {
    /// What its file is written for.
    pub(crate) fn label(&self) -> Label {
        Label {
            session: self.name.to_string(),
            server: self.server.name().to_owned(),
            principal: self.principal.id().to_string(),
            generation: self.generation,
        }
    }

    /// One of its names.
    pub(crate) fn named(&self, text: &str) -> Named {
        let (server, principal) = (Arc::clone(self.server.shared_name()), self.principal.clone());
        Named { server, principal, text: text.into() }
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.modern
    }

    pub(crate) fn take_place(&self) -> Option<Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn put_place(&self, place: Place) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }
}

/// What came of waking a session.
#[derive(Clone, Debug)]
pub(crate) enum Woken {
    /// It runs, and stays awake until all who waited have come to it: as long as this lives.
    Up(Arc<Visit>),
    /// It sleeps on; a later try may succeed.
    NotNow(Box<OpenError>),
    /// It is over.
    Over(StopReason),
}

/// Who may do something to a session that sleeps: one at a time, whether that is to wake it or to end it.
#[derive(Debug, Default)]
pub(crate) struct Bed(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    /// Nobody is at it.
    #[default]
    Free,
    /// Somebody wakes it: what will come of it.
    Waking(watch::Receiver<Option<Woken>>),
    /// This came of it, for good.
    Done(Woken),
}

impl Bed {
    /// Waits for what comes of waking it. The first who comes begins it with `wake`, in a task of its own that goes on whoever leaves; the
    /// others wait for the same.
    pub(crate) async fn wake<F>(self: &Bed, wake: impl FnOnce(watch::Sender<Option<Woken>>) -> F) -> Woken
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut news = {
            let mut state = self.lock();
            match &*state {
                State::Done(woken) => return woken.clone(),
                State::Waking(news) => news.clone(),
                State::Free => {
                    let (tell, news) = watch::channel(None);
                    *state = State::Waking(news.clone());
                    drop(state);
                    tokio::spawn(wake(tell));
                    news
                }
            }
        };
        let told = news.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
        told.unwrap_or(Woken::Over(StopReason::HibernationLost))
    }

    /// Says what came of waking it, to those who wait and, unless it may be tried again, to those who come later.
    pub(crate) fn tell(&self, tell: &watch::Sender<Option<Woken>>, woken: Woken) {
        *self.lock() = match woken {
            Woken::NotNow(_) => State::Free,
            _ => State::Done(woken.clone()),
        };
        tell.send_replace(Some(woken));
    }

    /// Takes it away for good, unless somebody is at it: whoever gets `true` ends it.
    pub(crate) fn take(&self, reason: StopReason) -> bool {
        let mut state = self.lock();
        let is_free = matches!(*state, State::Free);
        if is_free {
            *state = State::Done(Woken::Over(reason));
        }
        is_free
    }

    /// What comes of the one who is at it, if there is one.
    pub(crate) async fn settled(&self) -> Option<Woken> {
        let mut news = match &*self.lock() {
            State::Free => return None,
            State::Done(woken) => return Some(woken.clone()),
            State::Waking(news) => news.clone(),
        };
        news.wait_for(Option::is_some).await.ok().and_then(|told| told.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::task::JoinSet;

    /// What is final; that it runs is no different.
    fn up() -> Woken {
        Woken::Over(StopReason::ServerExit)
    }

    fn not_now() -> Woken {
        Woken::NotNow(Box::new(OpenError::Draining))
    }

    /// Wakes `bed` with `outcome`, after others had the time to come too.
    async fn wake(bed: Arc<Bed>, count: Arc<AtomicUsize>, outcome: Woken) -> Woken {
        let inner = Arc::clone(&bed);
        bed.wake(move |tell| async move {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            inner.tell(&tell, outcome);
        })
        .await
    }

    #[tokio::test]
    async fn however_many_come_at_once_it_is_woken_once() {
        let (bed, count) = (Arc::new(Bed::default()), Arc::new(AtomicUsize::new(0)));
        let mut all = JoinSet::new();
        for _ in 0..100 {
            all.spawn(wake(Arc::clone(&bed), Arc::clone(&count), up()));
        }
        while let Some(woken) = all.join_next().await {
            assert!(matches!(woken.unwrap(), Woken::Over(StopReason::ServerExit)));
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(matches!(
            wake(Arc::clone(&bed), Arc::clone(&count), not_now()).await,
            Woken::Over(StopReason::ServerExit)
        ));
        assert_eq!(count.load(Ordering::SeqCst), 1, "and no later one wakes it again");
    }

    #[tokio::test]
    async fn the_first_one_may_leave_and_it_is_woken_all_the_same() {
        let (bed, count) = (Arc::new(Bed::default()), Arc::new(AtomicUsize::new(0)));
        let first = tokio::spawn(wake(Arc::clone(&bed), Arc::clone(&count), up()));
        while count.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        first.abort();
        assert!(matches!(
            wake(Arc::clone(&bed), Arc::clone(&count), not_now()).await,
            Woken::Over(StopReason::ServerExit)
        ));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_did_not_work_for_now_can_be_tried_again() {
        let (bed, count) = (Arc::new(Bed::default()), Arc::new(AtomicUsize::new(0)));
        assert!(matches!(wake(Arc::clone(&bed), Arc::clone(&count), not_now()).await, Woken::NotNow(_)));
        assert!(matches!(wake(Arc::clone(&bed), Arc::clone(&count), up()).await, Woken::Over(StopReason::ServerExit)));
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn who_ends_it_and_who_wakes_it_never_both_get_it() {
        let (bed, count) = (Arc::new(Bed::default()), Arc::new(AtomicUsize::new(0)));
        let waking = tokio::spawn(wake(Arc::clone(&bed), Arc::clone(&count), not_now()));
        while count.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!bed.take(StopReason::Evicted), "somebody wakes it");
        assert!(matches!(bed.settled().await, Some(Woken::NotNow(_))));
        waking.await.unwrap();
        assert!(bed.take(StopReason::Evicted));
        assert!(!bed.take(StopReason::ClientDelete), "it was taken");
        let woken = wake(Arc::clone(&bed), Arc::clone(&count), up()).await;
        assert!(matches!(woken, Woken::Over(StopReason::Evicted)));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_waker_that_panicked_leaves_nobody_waiting() {
        let bed = Arc::new(Bed::default());
        let woken = bed.wake(|tell| async move { drop(tell) }).await;
        assert!(matches!(woken, Woken::Over(StopReason::HibernationLost)));
    }
}
