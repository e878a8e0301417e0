//! Trouble that lasts is told at its beginning and at its end, not at every try between.

/// Failures without a success between them.
#[derive(Debug, Default)]
pub(super) struct Episode {
    failures: u64,
}

impl Episode {
    /// One more failure; whether it is the first.
    pub(super) fn failed(&mut self) -> bool {
        self.failures += 1;
        self.failures == 1
    }

    /// A success: how many failures there were before it, if any.
    pub(super) fn recovered(&mut self) -> Option<u64> {
        match std::mem::take(&mut self.failures) {
            0 => None,
            failures => Some(failures),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_failure_of_an_episode_and_its_end_are_news() {
        let mut episode = Episode::default();

        assert_eq!(episode.recovered(), None);
        assert!(episode.failed());
        assert!(!episode.failed());
        assert!(!episode.failed());
        assert_eq!(episode.recovered(), Some(3));
        assert_eq!(episode.recovered(), None);
        assert!(episode.failed());
    }
}
