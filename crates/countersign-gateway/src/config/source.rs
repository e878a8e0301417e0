//! The text of a configuration file, and the lines of it that may be shown.

use std::cell::OnceCell;
use std::ops::Range;
use std::path::Path;

use super::redact;

/// A configuration file's text and where it came from.
pub(super) struct Source<'t> {
    hidden: OnceCell<Vec<Range<usize>>>,
    pub(super) path: &'t Path,
    text: &'t str,
}

impl<'t> Source<'t> {
    pub(super) fn new(path: &'t Path, text: &'t str) -> Self {
        Self {
            hidden: OnceCell::new(),
            path,
            text,
        }
    }

    /// The line that `span` begins on, without anything that must not be shown.
    pub(super) fn excerpt(&self, span: &Range<usize>) -> Excerpt {
        let start = self.text.floor_char_boundary(span.start);
        let (before, after) = self.text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = start + after.lines().next().unwrap_or_default().len();
        let end = self
            .text
            .floor_char_boundary(span.end.clamp(start, line_end.max(start)));

        let hidden: Vec<_> = self
            .hidden()
            .iter()
            .map(|range| range.start.max(line_start)..range.end.min(line_end))
            .filter(|range| !range.is_empty())
            .collect();
        let mut text = String::with_capacity(line_end - line_start);
        let mut from = line_start;
        for range in &hidden {
            text.push_str(self.text.get(from..range.start).unwrap_or_default());
            text.push_str(ELLIPSIS);
            from = range.end;
        }
        text.push_str(self.text.get(from..line_end).unwrap_or_default());

        Excerpt {
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            line: self.line(start),
            mark: moved(&hidden, start, 0) - line_start
                ..moved(&hidden, end, ELLIPSIS.len()) - line_start,
            text,
        }
    }

    /// The line that `at` is on, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.text
            .bytes()
            .take(at)
            .filter(|byte| *byte == b'\n')
            .count()
            + 1
    }

    fn hidden(&self) -> &[Range<usize>] {
        self.hidden.get_or_init(|| redact::hidden(self.text))
    }
}

/// One line of a configuration file, without anything that must not be shown.
#[derive(Clone, Debug)]
pub(super) struct Excerpt {
    /// Counted from 1, in characters of the line as written.
    pub(super) column: usize,
    /// Counted from 1.
    pub(super) line: usize,
    /// The bytes of `text` to point at.
    pub(super) mark: Range<usize>,
    pub(super) text: String,
}

/// Where `at` is once every hidden range is an ellipsis; `inside` is added if it is in one.
fn moved(hidden: &[Range<usize>], at: usize, inside: usize) -> usize {
    let mut moved = at;
    for range in hidden {
        if at >= range.end {
            moved = moved + ELLIPSIS.len() - range.len();
        } else if at > range.start {
            moved = moved + inside - (at - range.start);
        }
    }
    moved
}

const ELLIPSIS: &str = "…";
