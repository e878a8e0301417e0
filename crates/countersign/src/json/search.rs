//! Looking for several places in one pass over a document.
//!
//! Nothing is built but one entry for each place: a body of two megabytes costs one look at each byte.

use std::cell::OnceCell;
use std::ops::Range;

use super::cursor::Cursor;
use super::pointer::Step;
use super::{DEEPEST, Malformed, Pointer, Value, unescape};

/// The body of one request, read when it is first looked into and not again.
#[derive(Clone, Copy, Default)]
pub(crate) struct Json<'a> {
    /// Every place that will be asked for.
    places: &'a [Pointer],
    reading: Option<&'a Reading>,
}

/// What came of reading a body.
#[derive(Default)]
pub(crate) struct Reading(OnceCell<Result<Vec<Spot>, Malformed>>);

/// What a pointer leads to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Spot {
    Here(Range<usize>),
    #[default]
    Nowhere,
    /// A name on the way is there twice.
    Twice,
}

impl<'a> Json<'a> {
    /// Keeps in `reading` what is found at these places of one body.
    pub(crate) fn new(places: &'a [Pointer], reading: &'a Reading) -> Self {
        Self {
            places,
            reading: Some(reading),
        }
    }

    /// What stands at a place of the body that this is of.
    pub(crate) fn find<'b>(
        &self,
        body: &'b [u8],
        place: &Pointer,
    ) -> Result<Option<Value<'b>>, Malformed> {
        let places = self.places.iter().take(MOST);
        let known = places.zip(0..).find(|(known, _)| *known == place);
        let (Some((_, index)), Some(Reading(cell))) = (known, self.reading) else {
            let spots = search(body, std::slice::from_ref(place))?;
            return spots.first().map_or(Ok(None), |spot| spot.value(body));
        };
        match cell.get_or_init(|| search(body, self.places)) {
            Ok(spots) => {
                let index: usize = index;
                spots.get(index).map_or(Ok(None), |spot| spot.value(body))
            }
            Err(malformed) => Err(*malformed),
        }
    }
}

impl Spot {
    /// The value that begins here: what is looked at has been read before.
    fn value<'a>(&self, text: &'a [u8]) -> Result<Option<Value<'a>>, Malformed> {
        let range = match self {
            Self::Here(range) => range.clone(),
            Self::Nowhere => return Ok(None),
            Self::Twice => return Err(Malformed),
        };
        let value = text.get(range).ok_or(Malformed)?;
        Ok(Some(match value {
            [b'{' | b'[', ..] => Value::Nested(value),
            [b'"', inside @ .., b'"'] => Value::Text(inside),
            [b'n', ..] => Value::Null,
            _ => Value::Plain(value),
        }))
    }
}

/// Checks a text as a document and finds what the first [`MOST`] of these pointers lead to.
pub(super) fn search(text: &[u8], pointers: &[Pointer]) -> Result<Vec<Spot>, Malformed> {
    str::from_utf8(text).map_err(|_| Malformed)?;
    let mut search = Search {
        pointers,
        found: vec![Spot::Nowhere; pointers.len().min(MOST)],
        length: text.len(),
    };
    let mut cursor = Cursor(text);
    cursor.blank();
    let all = search.those(u64::MAX, |_| true);
    search.place(&mut cursor, all, 0, DEEPEST)?;
    cursor.blank();
    match cursor.0 {
        [] => Ok(search.found),
        _ => Err(Malformed),
    }
}

struct Search<'p> {
    pointers: &'p [Pointer],
    found: Vec<Spot>,
    length: usize,
}

impl Search<'_> {
    /// Steps over a value that `wanted` pointers lead to or into, after `depth` steps.
    fn place(
        &mut self,
        cursor: &mut Cursor<'_>,
        wanted: u64,
        depth: usize,
        deeper: usize,
    ) -> Result<(), Malformed> {
        let start = self.length.saturating_sub(cursor.0.len());
        let inside = self.those(wanted, |steps| steps.len() > depth);
        self.inside(cursor, inside, depth, deeper)?;
        let end = self.length.saturating_sub(cursor.0.len());
        for (index, spot) in self.found.iter_mut().enumerate() {
            if bit(index) & wanted & !inside != 0 {
                *spot = Spot::Here(start..end);
            }
        }
        Ok(())
    }

    fn inside(
        &mut self,
        cursor: &mut Cursor<'_>,
        wanted: u64,
        depth: usize,
        deeper: usize,
    ) -> Result<(), Malformed> {
        let below = deeper.checked_sub(1).ok_or(Malformed)?;
        let after = depth.saturating_add(1);
        match cursor.0.first() {
            Some(b'{') if wanted != 0 => {
                let mut seen = 0;
                cursor.members(b'{', b'}', |cursor| {
                    let name = unescape(cursor.name()?).ok_or(Malformed)?;
                    let is_it = |step: &Step| matches!(step, Step::Name(known) if known.as_bytes() == &*name);
                    let here = self.those(wanted, |steps| steps.get(depth).is_some_and(is_it));
                    self.mark_twice(here & seen);
                    let fresh = here & !seen;
                    seen |= here;
                    self.place(cursor, fresh, after, below)
                })?;
                Ok(())
            }
            Some(b'[') if wanted != 0 => {
                let mut index = 0_usize;
                cursor.members(b'[', b']', |cursor| {
                    let is_it = |step: &Step| *step == Step::Index(index);
                    let here = self.those(wanted, |steps| steps.get(depth).is_some_and(is_it));
                    index = index.saturating_add(1);
                    self.place(cursor, here, after, below)
                })
            }
            _ => cursor.value(deeper).map(|_| ()),
        }
    }

    /// The pointers among `those` whose steps fit.
    fn those(&self, among: u64, fits: impl Fn(&[Step]) -> bool) -> u64 {
        if among == 0 {
            return 0;
        }
        let pointers = self.pointers.iter().take(MOST).enumerate();
        pointers
            .filter(|(index, pointer)| bit(*index) & among != 0 && fits(pointer.steps()))
            .fold(0, |found, (index, _)| found | bit(index))
    }

    fn mark_twice(&mut self, those: u64) {
        for (index, spot) in self.found.iter_mut().enumerate() {
            if bit(index) & those != 0 {
                *spot = Spot::Twice;
            }
        }
    }
}

fn bit(index: usize) -> u64 {
    u32::try_from(index).map_or(0, |index| 1_u64.checked_shl(index).unwrap_or_default())
}

/// How many places are found in one pass; more than any scheme looks at.
const MOST: usize = 64;
