//! What is remembered of each URL, in bounded room.

use std::collections::HashMap;

use countersign::KeyUrl;

/// The newest of what was looked up; `T` is what is known of one URL.
pub(super) struct Store<T> {
    entries: HashMap<KeyUrl, Entry<T>>,
    room: usize,
    uses: u64,
}

struct Entry<T> {
    value: T,
    /// The use of the store at which it was last wanted.
    used: u64,
}

impl<T: Clone> Store<T> {
    pub(super) fn new(room: usize) -> Self {
        Self {
            entries: HashMap::new(),
            room,
            uses: 0,
        }
    }

    /// What is known of `url` and still `counts`, or else what `begin` begins with, after what does not any more.
    ///
    /// Where there is no room, what does not count any more goes first, then what is not worth keeping, then what
    /// nobody has wanted for longest.
    pub(super) fn find(
        &mut self,
        url: &KeyUrl,
        counts: impl Fn(&T) -> bool,
        keeps: impl Fn(&T) -> bool,
        begin: impl FnOnce(Option<&T>) -> Option<T>,
    ) -> Option<T> {
        self.uses += 1;
        let known = self.entries.get_mut(url);
        let value = match known {
            Some(entry) if counts(&entry.value) => {
                entry.used = self.uses;
                return Some(entry.value.clone());
            }
            last => begin(last.map(|entry| &entry.value))?,
        };
        if self.entries.len() >= self.room && !self.entries.contains_key(url) {
            self.entries.retain(|_, entry| counts(&entry.value));
        }
        if self.entries.len() >= self.room && !self.entries.contains_key(url) {
            let worth = |entry: &Entry<T>| (keeps(&entry.value), entry.used);
            let least = self.entries.iter().min_by_key(|(_, entry)| worth(entry));
            let least = least.map(|(url, _)| url.clone());
            least.and_then(|url| self.entries.remove(&url));
        }
        let entry = Entry {
            value: value.clone(),
            used: self.uses,
        };
        self.entries.insert(url.clone(), entry);
        Some(value)
    }
}
