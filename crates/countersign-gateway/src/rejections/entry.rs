//! One refused request that is remembered, and whether somebody takes a closer look at it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::Sketch;
use crate::explain::Hint;

/// One refused request.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Counted from 1 since the process started.
    pub(crate) number: u64,
    pub(crate) time: SystemTime,
    /// None where the request is addressed to no flow.
    pub(crate) flow: Option<Arc<str>>,
    pub(crate) organization: Arc<str>,
    pub(crate) sketch: Sketch,
    /// How many before it were refused and are told nowhere.
    pub(crate) suppressed: u64,
    pub(super) look: Mutex<Look>,
}

/// A closer look at a refused request.
#[derive(Clone, Debug, Default)]
pub(super) enum Look {
    /// Nobody looks.
    #[default]
    None,
    /// It is not over yet.
    UnderWay,
    Found(Arc<[Hint]>),
}

impl Entry {
    /// What a closer look found, if there was one.
    pub(crate) fn hints(&self) -> Option<Arc<[Hint]>> {
        match &*self.look() {
            Look::Found(hints) => Some(Arc::clone(hints)),
            Look::None | Look::UnderWay => None,
        }
    }

    /// Whether hints may come yet.
    pub(crate) fn is_looked_at(&self) -> bool {
        matches!(&*self.look(), Look::UnderWay)
    }

    pub(super) fn explain(&self, hints: Vec<Hint>) {
        *self.look() = Look::Found(hints.into());
    }

    /// A look is over, whether or not it found anything to say.
    pub(super) fn looked(&self) {
        let mut look = self.look();
        if let Look::UnderWay = &*look {
            *look = Look::None;
        }
    }

    fn look(&self) -> MutexGuard<'_, Look> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
