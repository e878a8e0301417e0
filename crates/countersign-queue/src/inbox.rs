//! Where callers leave what they want, and a thread takes all of it at once.
//!
//! The thread takes the whole list in one swap, so callers hold it up for no longer than a push, and what came while it
//! was busy becomes its next group.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::command::{Command, Question};

/// What the writer is asked to do.
pub(crate) type Inbox = Mailbox<Command>;

/// What the reader is asked.
pub(crate) type Questions = Mailbox<Question>;

/// A list that many fill and one thread empties.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                closed: false,
            }),
            filled: Condvar::new(),
        }
    }

    /// Leaves `item`, or gives it back when nobody takes anything more.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(item);
        }
        state.waiting.push_back(item);
        let first = state.waiting.len() == 1;
        drop(state);
        // Later pushes find the thread awake or about to look.
        if first {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Takes nothing more from now on; what waits is still taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Moves everything that waits to the end of `into`, without waiting.
    pub(crate) fn take(&self, into: &mut VecDeque<T>) {
        let mut state = self.lock();
        if into.is_empty() {
            std::mem::swap(&mut state.waiting, into);
        } else {
            into.append(&mut state.waiting);
        }
    }

    /// Waits until there is something to take, the mailbox is closed or `patience` is over; whether it was over.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        let state = self.lock();
        let nothing = |state: &mut State<T>| state.waiting.is_empty() && !state.closed;
        let waited = self.filled.wait_timeout_while(state, patience, nothing);
        waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held, and a list is whole between pushes anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}
