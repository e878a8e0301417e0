//! Random tails for event ids, drawn from the operating system many at a time.

use std::fmt;

/// Random tails for event ids.
#[derive(Default)]
pub(crate) struct Tails {
    drawn: Vec<u64>,
}

impl Tails {
    /// A number that nobody can guess.
    pub(crate) fn draw(&mut self) -> Result<u64, getrandom::Error> {
        if let Some(tail) = self.drawn.pop() {
            return Ok(tail);
        }
        let mut bytes = [0; AT_ONCE * 8];
        getrandom::fill(&mut bytes)?;
        self.drawn.extend(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|chunk| u64::from_le_bytes(*chunk)),
        );
        Ok(self.drawn.pop().unwrap_or_default())
    }
}

impl fmt::Debug for Tails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tails").finish_non_exhaustive()
    }
}

const AT_ONCE: usize = 256;
